/* The table of the guest's files that name devices: which walker reads which path. */
#ifndef REHOST_GUEST_FILES_DEVICEFILES_H
#define REHOST_GUEST_FILES_DEVICEFILES_H

#include "guest/files/devices.h"
#include "guest/guest.h"

/* Which step edits a file. */
enum device_files { DEVICE_FILES_UNKNOWN = 0, DEVICE_FILES_MOUNT, DEVICE_FILES_SWAP_UNIT, DEVICE_FILES_BOOT };

struct device_file {
	const char *pattern; /* of guest paths */
	device_walker *walk;
	enum device_files group;
};

extern const struct device_file device_files[]; /* ends with a NULL pattern */

/* Calls each for every existing file of a group (DEVICE_FILES_UNKNOWN: of all), with its text as lines in the arena.
 * Files that are no regular files are passed over. */
typedef int device_file_fn(const struct device_file *f, const char *path, struct lines *l, void *opaque,
			   struct err *err);
int device_files_each(struct guest *g, enum device_files group, struct arena *a, device_file_fn *each, void *opaque,
		      struct err *err);

#endif
