/* The table of internal snapshots of a qcow2 file, read an entry at a time. */
#ifndef REHOST_FORMATS_QCOW2_SNAPSHOT_H
#define REHOST_FORMATS_QCOW2_SNAPSHOT_H

#include "formats/facts.h"
#include "formats/qcow2_header.h"

/* One entry (docs/interop/qcow2, "Snapshots"). */
struct qcow2_snapshot {
	struct image_snapshot shown;
	bool cut; /* ID or name is longer than what is shown of it */
	uint64_t l1_offset;
	uint32_t l1_entries;
};

/* Calls fn for each snapshot until it returns non-zero, which is returned. Memory: one entry, however many there are.
 * ERR_CORRUPT for an entry that leaves the file or a table over 64 MiB (QEMU's limit). */
int qcow2_each_snapshot(struct block *file, const struct qcow2_header *h,
			int (*fn)(const struct qcow2_snapshot *s, void *opaque, struct err *err), void *opaque,
			struct err *err);

/* Puts size and L1 table of the snapshot with this ID, or else this name, into h. ERR_USAGE when there is none, or more
 * than one of the name. */
int qcow2_choose_snapshot(struct block *file, const char *wanted, struct qcow2_header *h, struct err *err);

/* struct format, snapshots */
int qcow2_snapshots(const struct open_args *args,
		    int (*fn)(const struct image_snapshot *s, void *opaque, struct err *err), void *opaque,
		    struct err *err);

#endif
