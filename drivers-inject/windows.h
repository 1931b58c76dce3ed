/* Driver injection for Windows: a catalogue of virtio drivers, and the ones for this guest put into its files and
 * registry, without running its code; tells in caps what the guest can drive now.
 *
 *     AUTO(driver_catalogue_closep) struct driver_catalogue *c = NULL;
 *     if (driver_catalogue_open(options->virtio_win, &c, err) < 0)
 *             return -1;
 *     return inject_windows(g, &w, c, i, log, &a, &staged, caps, err);
 */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_H
#define REHOST_DRIVERS_INJECT_WINDOWS_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "core/model/windows.h"
#include "guest/guest.h"

struct driver_catalogue;
struct hive; /* guest/hive.h */

enum driver_kind {
	DRIVER_UNKNOWN = 0,
	DRIVER_VIOSTOR, /* disks: virtio-blk */
	DRIVER_VIOSCSI, /* disks: virtio-scsi */
	DRIVER_NETKVM,
	DRIVER_BALLOON,
	DRIVER_VIOSERIAL, /* the agent's channel */
	DRIVER_VIORNG,
	DRIVER_VIOINPUT,
	DRIVER_VIOFS,
	DRIVER_VIOGPUDO,
	DRIVER_PVPANIC,
	DRIVER_FWCFG,
	DRIVER_QXLDOD,
	DRIVER_KINDS
};
const char *driver_kind_name(enum driver_kind k); /* "viostor" … */

/* Reads a driver source: a folder or an ISO image, read in place. path NULL: $VIRTIO_WIN, else /usr/share/virtio-win
 * or the ISO in it when they are there; *ret is NULL without an error when there is none of them. What can't be
 * understood in it is kept as a finding for inject_windows(). ERR_USAGE when nothing in it is a driver. */
int driver_catalogue_open(const char *path, struct driver_catalogue **ret, struct err *err);
void driver_catalogue_close(struct driver_catalogue *c);
DEFINE_CLEANUP(struct driver_catalogue *, driver_catalogue_close)
const char *driver_catalogue_path(const struct driver_catalogue *c);
/* A line that changes when the source does (for a run that is resumed). */
const char *driver_catalogue_identity(const struct driver_catalogue *c);

/* The installer of qemu-guest-agent in the source for that processor ("x86_64", "i386"): its name
 * ("qemu-ga-x86_64.msi") and content. *ret_name is NULL when there is none. ret->max bounds it. */
int driver_catalogue_agent(const struct driver_catalogue *c, const char *arch, struct arena *a, const char **ret_name,
			   struct buf *ret, struct err *err);

/* The guest as the caller found it. */
struct windows_guest {
	struct windows_version version;
	const char *systemroot;		/* guest path as it is spelled there: "/Windows", "/WINNT" */
	struct hive *system, *software; /* HIVE_EDIT; the caller commits them */
	enum disk_bus prefer;		/* DISK_BUS_VIRTIO_BLK or _SCSI; unknown: virtio-blk */
};

/* One package put into the guest. */
struct staged_driver {
	enum driver_kind kind;
	const char *inf;     /* "%SystemRoot%\rehost\drivers\netkvm\netkvm.inf": for pnputil at the first boot */
	const char *version; /* DriverVer: "2024-07-22,100.95.104.26200" */
	const char *source;  /* its place in the driver source: "NetKVM/2k19/amd64/netkvm.inf" */
	bool boot;	     /* it drives the boot disk already at the first boot */
};

struct driver_injection {
	VEC(struct staged_driver) list; /* boot disk first */
};

/* Chooses a package for each kind of device by what the .inf files say (docs/windows-drivers.md), copies them below
 * %SystemRoot%\rehost\drivers, where DevicePath lets plug and play find them, and makes the driver of the boot disk
 * boot-critical in the SYSTEM hive. c NULL: no drivers. caps: virtio as far as there are drivers, else SATA and e1000e,
 * or what the guest's age has for them (safe_mode), with findings. ERR_BLOCKED when there is no room for the files. */
int inject_windows(struct guest *g, const struct windows_guest *w, const struct driver_catalogue *c,
		   struct inspection *i, struct changelog *log, struct arena *a, struct driver_injection *ret,
		   struct caps *caps, struct err *err);

#endif
