/* The reports of a job while it runs: written again every few seconds, so that the page that somebody looks at follows.
 */
#ifndef REHOST_RUN_BATCH_LIVE_REPORT_H
#define REHOST_RUN_BATCH_LIVE_REPORT_H

#include "run/batch/job.h"

enum {
	LIVE_REPORT_SECONDS = 5, /* as often as the page loads itself */
	LIVE_REPORT_SHARE = 20,	 /* or, of a large job, so seldom that it takes no more than this part of the time */
};

/* Zeroed memory is the beginning. */
struct live_report {
	double next; /* monotonic seconds */
	bool failed; /* the last time, and told */
};

/* Writes them when it is time; a failure is only a warning, and the next time may do better. */
void live_report_step(struct live_report *l, const struct job *job);
/* Writes them once more, at the end of a run. */
void live_report_end(const char *job);

#endif
