/* Drivers put into a Windows guest, for drivers-inject/windows alone: their files, and what the registry needs. */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_STAGE_H
#define REHOST_DRIVERS_INJECT_WINDOWS_STAGE_H

#include "drivers-inject/windows/choose.h"
#include "guest/hive.h"

/* Below %SystemRoot%: a folder for each package. */
#define DRIVER_FOLDER "rehost\\drivers"

struct injection {
	struct guest *g;
	const struct windows_guest *w;
	const struct driver_catalogue *c; /* NULL: none */
	struct inspection *i;
	struct changelog *log;
	struct arena *a;
	struct driver_choices chosen;
	enum driver_kind boot; /* what drives the boot disk, by a package or installed; unknown: no virtio */
};

/* Why Windows can't start from a disk with this package, a part of a sentence; NULL: it can. Its program must be one
 * that starts before any catalogue is looked at. */
const char *against_boot(const struct injection *j, const struct driver_choice *d);

/* Of devices without a package: whether the guest has a driver of its own, for disks one that Windows starts from; that
 * also takes the place of a package which it can't start from. */
int find_installed(struct injection *j, struct err *err);

/* Copies the files of all chosen packages, and the program of the boot disk to System32\drivers. */
int stage_files(struct injection *j, struct err *err);
/* The INF of a staged package as Windows spells it: "%SystemRoot%\rehost\drivers\viostor\viostor.inf". */
char *staged_inf(struct arena *a, enum driver_kind k, const struct driver_choice *d);
/* DevicePath: where plug and play looks for .inf files. */
int stage_device_path(struct injection *j, struct err *err);

/* The service of the boot disk's driver, and what ties it to the device before plug and play runs. */
int boot_virtio(struct injection *j, struct err *err);
/* Windows' own driver for SATA (from Vista on) or IDE disks starts at boot, too. A finding when it isn't there. */
int boot_plain(struct injection *j, struct err *err);

#endif
