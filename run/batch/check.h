/* Checks of a plan: the conversion of each machine without the copy, several at once, each in a process of its own. */
#ifndef REHOST_RUN_BATCH_CHECK_H
#define REHOST_RUN_BATCH_CHECK_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/batch/job.h"

/* What a check says of a machine. Texts are in the arena that was given. */
struct unit_check {
	int status;			    /* exit status; 128 + signal when it was killed */
	const char *error;		    /* of a status that isn't 0; "" none was said */
	const char *verdict;		    /* "BOOTS" …; NULL: it didn't come so far */
	const char *finding, *finding_text; /* the first blocker; NULL none */
	uint64_t allocated;		    /* bytes on the source; 0 not known */
	uint64_t memory;		    /* bytes, the machine's own */
	double seconds;			    /* that the check took; 0 not known */
};

struct check_options {
	unsigned jobs; /* at once; 0: one a core. Fewer where memory is short */
	/* Called when one is checked, by one thread at a time; may be NULL. */
	void (*checked)(const struct unit *u, const struct unit_check *c, size_t done, size_t total, void *opaque);
	void *opaque;
};

/* Checks units[0 … n); ret has as many. -1 when a check couldn't be run at all; what it found is no error. */
int check_units(const struct check_options *o, const struct unit *units, size_t n, struct arena *a,
		struct unit_check *ret, struct err *err);

/* What a check printed: its report (NULL none) and what it wrote to standard error, events a line; of a machine that
 * has very much to say the last of them, and the first line may be the rest of one. */
void check_read(const struct json *report, const char *events, struct arena *a, struct unit_check *ret);

#endif
