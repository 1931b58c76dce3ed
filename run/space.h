/* Room on the host's file systems, compared with what a run will need before it writes anything large.
 *
 *     struct space_plan plan = {0};
 *     space_need(&plan, "/var/tmp", 256 * MIB, "changes to the guest");
 *     if (space_check(&plan, err) < 0) …      // ERR_TEMPFAIL: path, what for, bytes needed and free
 */
#ifndef REHOST_RUN_SPACE_H
#define REHOST_RUN_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum { SPACE_NEEDS_MAX = 8 /* no run has more kinds of files */ };

struct space_plan {
	struct {
		const char *path, *what, *option;
		uint64_t bytes;
	} v[SPACE_NEEDS_MAX];
	size_t n;
};

/* So many bytes will be written beneath the folder `path`; `option` is what names another one ("TMPDIR"). All strings
 * are borrowed. */
void space_need(struct space_plan *plan, const char *path, uint64_t bytes, const char *what, const char *option);

/* Needs on one file system add up. ERR_TEMPFAIL names the first that doesn't fit any more. A folder that can't be
 * opened is passed over: whoever uses it has the better error. */
int space_check(const struct space_plan *plan, struct err *err);

/* What an appliance needs beside the disks' deltas: its own image in libguestfs' cache, unless it was built before, and
 * an overlay of it. */
void space_need_appliance(struct space_plan *plan);

#endif
