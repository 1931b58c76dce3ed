/* What the parts of batch_unit() share: the unit at work. Only run/batch/unit*.c include it. */
#ifndef REHOST_RUN_BATCH_UNIT_PRIVATE_H
#define REHOST_RUN_BATCH_UNIT_PRIVATE_H

#include "run/batch/attempt.h"
#include "run/batch/job.h"
#include "run/batch/lease.h"
#include "run/batch/outcome.h"
#include "run/batch/unit.h"

enum { UNIT_WORK_TEXT = 24 /* "work", "work-12" */ };

struct unit_work {
	const struct batch_unit_options *o;
	struct arena arena;
	struct job *job;
	struct unit unit;
	int state_fd, out_fd; /* JOB/state/N, JOB/out */
	struct lease *lease;
	struct attempt attempt;
	struct signals signals;
	char work[UNIT_WORK_TEXT]; /* convert's -os, in the state folder */
	struct json *proof;	   /* of the result; NULL: none was asked for, or made */
};

/* How an attempt ended. */
struct unit_end {
	int status;
	const char *error, *finding; /* NULL none */
	const struct json *report;   /* of the conversion; NULL none */
};

/* The outcome as docs/batch.md has it. */
struct json *unit_outcome(const struct unit_work *w, const struct unit_end *end);

/* JOB/state/N/WORK, and the result in it. */
const char *unit_work_path(struct unit_work *w);
const char *unit_result_path(struct unit_work *w);

/* ---- publishing ---- */

/* Moves the finished result to out/NAME and writes done.json: what is to happen is written down first, so that a kill
 * in between leaves nothing in doubt. */
int unit_publish(struct unit_work *w, struct err *err);
/* Finishes what a killed attempt was about to publish; *ret_done: it is done. */
int unit_finish(struct unit_work *w, bool *ret_done, struct err *err);
bool unit_is_published(const struct unit_work *w); /* there is a folder out/NAME */

#endif
