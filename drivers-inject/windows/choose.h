/* Which package of a catalogue is for which device of a guest, for drivers-inject/windows alone. */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_CHOOSE_H
#define REHOST_DRIVERS_INJECT_WINDOWS_CHOOSE_H

#include "drivers-inject/windows/catalogue.h"

/* A kind of device as QEMU makes it. */
struct driver_device {
	const char *name;
	const char *title;  /* in findings: "disks (virtio-blk)" */
	const char *ids[2]; /* hardware ids without subsystem and revision: the old one, and that of virtio 1.0 */
	const char *pci[2]; /* of disks: what the registry calls them, in the order of ids */
};
extern const struct driver_device driver_devices[DRIVER_KINDS];

struct driver_choice {
	const struct driver_package *package; /* NULL: none, */
	const char *why;		      /* for this reason, a part of a sentence: "needs KMDF 1.33 …" */
	const char *why_path;		      /* the .inf file that it is said of, NULL: of all */
	struct inf_install install;
	const struct inf_service *service; /* that drives the device; NULL: it needs none */
	const struct driver_file *program; /* its .sys file */
	const char *catalog;		   /* path in the package, "" */
	bool ids[2];			   /* which of the device's two ids it drives */
	enum signature signature;	   /* the better one of program and catalogue */

	bool installed; /* without a package: the guest has a driver of its own, which stays */

	/* For the comparison with others. */
	unsigned folder, folder_build; /* how well its folder's name fits */
	unsigned nt, build;	       /* the newest that it is made for: 1000 * major + minor */
};

struct driver_choices {
	struct driver_choice v[DRIVER_KINDS];
	VEC(struct driver_problem) problems; /* .inf files that turned out not to be usable */
};

/* knows_sha2: Vista, 7 and their servers learn SHA-2 from an update. Fills *ret; what it points to lies in the arena
 * and in the catalogue. Of the packages that fit: first those with a service, then those in a folder that is named
 * after the guest's release, or the nearest older of its kind; then those made for the newest version at or below it,
 * the better signature, the newer DriverVer, and the path that sorts first.
 */
void choose_drivers(const struct driver_catalogue *c, const struct windows_version *v, bool knows_sha2, struct arena *a,
		    struct driver_choices *ret);

/* Is the package's folder named after another release than the guest's? */
bool choice_is_for_other_release(const struct driver_choice *d);

/* Would a Windows load a program with this signature? 64-bit Windows from Vista on loads only what Microsoft, or a
 * maker with its word, has signed; attested drivers are for Windows 10 and later. */
bool signature_is_enough(const struct windows_version *v, enum signature s);

#endif
