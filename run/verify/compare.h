/* The disks of a result against the source that it was made from: what the conversion did not write must be equal. */
#ifndef REHOST_RUN_VERIFY_COMPARE_H
#define REHOST_RUN_VERIFY_COMPARE_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "formats/block.h"
#include "run/verify/seal.h"

/* Who isn't what it was, by the hash that the conversion kept of the guest's bytes there. */
enum changed_side { CHANGED_UNKNOWN = 0, CHANGED_SOURCE, CHANGED_RESULT };

struct disk_difference {
	uint64_t off, len; /* bytes of the disk */
	enum changed_side side;
};

/* Of a disk; neighbours are one, the rest is counted. Those of 256 disks fit into a message of the io process. */
enum { DIFFERENCES_MAX = 256 };

struct disk_comparison {
	uint64_t compared;		     /* bytes that either side has data for */
	struct disk_difference *differences; /* sorted */
	size_t n, more;
};

struct disk_compare_job {
	struct block *source, *result;
	const struct seal_content *content;
	unsigned threads; /* 0: one a core */
	/* Bytes of the disk that are passed; may be NULL. From any thread, one at a time. */
	void (*tick)(uint64_t done, void *opaque);
	void *opaque;
};

/* 0 also when there are differences. What can't be read of the result is ERR_VERIFY. Both must have the seal's size.
 * ret needs disk_comparison_done() in any case. */
int disk_compare(const struct disk_compare_job *job, struct disk_comparison *ret, struct err *err);
void disk_comparison_done(struct disk_comparison *c);

struct compare_disks_job {
	int dirfd; /* the result's folder; borrowed */
	struct block *const *sources;
	size_t n;
	unsigned threads;
	void (*tick)(size_t disk, uint64_t done, uint64_t total, void *opaque);
	void *opaque;
};

/* All disks, as the seal in the folder names them. In the process that parses images. ret gets "disks": for each
 * {file, compared, written, discarded, unread, unknown: bytes; differences: [{offset, length, changed}], more}. */
int compare_disks(const struct compare_disks_job *job, struct json *ret, struct err *err);

#endif
