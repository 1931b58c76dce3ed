/* Which file systems of the machine the guest's fstab mounts by names that depend on the source's hardware. */
#ifndef REHOST_GUEST_FILES_DEVMOUNTS_H
#define REHOST_GUEST_FILES_DEVMOUNTS_H

#include "core/model/inspection.h"
#include "guest/guest.h"

struct device_mount {
	char *path;	 /* as fstab has it: "/srv" */
	char *device;	 /* the appliance's name: "/dev/sda1" */
	char *subvolume; /* of a btrfs, as fstab's first subvol= has it: "@/srv"; NULL: none */
};

struct device_mounts {
	VEC(struct device_mount) v;
};

/* Reads the fstab of a guest whose root is mounted. Only lines that name such a device, and only those whose file
 * system is known, by the rules of devnames.h; i->device_names is filled anew on the way. The texts are in the arena.
 */
int device_mounts_find(struct guest *g, const struct machine *m, struct inspection *i, struct arena *a,
		       struct device_mounts *ret, struct err *err);

/* libguestfs' word for what is to be mounted instead of `was`: a subvolume when that is one
 * ("btrfsvol:/dev/sda1/@/srv"), else the device. In the arena. */
char *device_mount_instead(const struct device_mount *m, const char *was, struct arena *a);

#endif
