/* A bug report: what this host and a run's folder tell of a fault, in one archive without secrets and without anything
 * of a disk. */
#ifndef REHOST_RUN_BUGREPORT_H
#define REHOST_RUN_BUGREPORT_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/err.h"

struct bug_file {
	const char *name; /* in the archive, beneath its folder */
	char *text;	  /* malloc'ed, masked */
	size_t len;
	unsigned hidden; /* places that were masked */
};

struct bug_report {
	struct arena arena;
	VEC(struct bug_file) files;
	unsigned left_out; /* files of the folder that aren't taken: disks, screenshots, a guest's originals */
};

/* Collects versions, doctor's output and, when folder isn't NULL, what of it is text of ours. A folder that can't be
 * listed is an error; a file that can't be read stands in the report as such. */
int bug_report_collect(const char *folder, struct bug_report *ret, struct err *err);

/* Is path a name for the archive (.tar.gz, .tgz or .tar.zst), and does it not exist, unless force? Before the work. */
int bug_report_check(const char *path, bool force, struct err *err);

/* Writes path; readable by its owner only. */
int bug_report_write(const struct bug_report *r, const char *path, bool force, struct err *err);

void bug_report_done(struct bug_report *r);

#endif
