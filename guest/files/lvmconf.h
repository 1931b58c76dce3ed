/* LVM's configuration: device filters that name disks. */
#ifndef REHOST_GUEST_FILES_LVMCONF_H
#define REHOST_GUEST_FILES_LVMCONF_H

#include "guest/files/lines.h"

struct lvm_filters {
	/* The new name of a disk or partition as a filter's regular expression has it ("sda2", "cciss/c0d0p1", or "sd"
	 * before a class, which always has one); NULL: it has none. accepts: the pattern does; a guess does no harm. */
	const char *(*renamed)(const char *name, bool accepts, void *opaque);
	/* A filter that accepts a device by what can't be renamed (by-id, by-path, a disk that isn't known); may be
	 * NULL. */
	void (*unknown)(const char *pattern, unsigned line, void *opaque);
	void *opaque;
	bool multipath; /* the source's volumes lay on multipath's maps: where those are accepted the disks are now, and
			 * what rejects disks meant the paths below the maps */
};

/* For every accepting or rejecting pattern of filter and global_filter that names devices of the source, the same for
 * the new names is put before it; patterns that are there stay. Of numbered names (nvme0n1) that are a class of disks
 * or partitions any disk of the new names is accepted. */
void lvmconf_extend_filters(struct lines *l, const struct lvm_filters *f);

/* Puts the filter and global_filter assignments of `from` in the place of those in l: for a copy of the file that
 * differs elsewhere. */
void lvmconf_take_filters(struct lines *l, const struct lines *from);

#endif
