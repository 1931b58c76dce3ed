/* All units of a job on this host: so many at once as asked for and as there is memory for, each a process of its own.
 */
#ifndef REHOST_RUN_BATCH_RUNNER_H
#define REHOST_RUN_BATCH_RUNNER_H

#include "run/batch/job.h"
#include "run/batch/progress.h"

enum {
	RUNNER_TRIES = 5, /* of a unit in one run that end with "try again": then it waits for the next run */
	RUNNER_PAUSE_SECONDS = 10,
	RUNNER_TEXT = 400,
};

enum runner_state {
	RUNNER_WAITING = 0,
	RUNNER_RUNNING,
	RUNNER_DONE,
	RUNNER_FAILED,
	RUNNER_BLOCKED,
	RUNNER_GIVEN_UP, /* no outcome, and not tried again by this run */
};

const char *runner_state_name(enum runner_state s);

/* A unit as the run sees it. */
struct runner_unit {
	struct unit unit;
	enum runner_state state;
	struct unit_progress progress; /* while it runs */
	double began;		       /* seconds of the run, monotonic */
	char text[RUNNER_TEXT];	       /* why it isn't done; "" */
	/* the runner's own */
	pid_t pid;
	int said_fd;
	unsigned tries;
	double not_before;
};

struct runner_view {
	const struct job *job;
	const struct runner_unit *units;
	unsigned nunits, running;
	double began, seconds; /* of the run: monotonic; since then */
};

struct runner_options {
	const char *job;   /* folder */
	unsigned at_once;  /* units at once; 0: 1 */
	uint64_t memory;   /* bytes that they may take together; 0: what is available */
	unsigned pause;	   /* seconds before a unit is tried again; 0: RUNNER_PAUSE_SECONDS */
	bool beside;	   /* another run of the job on this host doesn't matter */
	bool resume;	   /* takes up a job that was cancelled */
	bool retry_failed; /* what failed is tried once more; what is blocked */
	bool retry_blocked;
	/* A unit has changed its state; looks on twice a second, and once at least when the run is the job's. May be
	 * NULL. */
	void (*changed)(const struct runner_view *v, const struct runner_unit *u, void *opaque);
	void (*tick)(const struct runner_view *v, void *opaque);
	void *opaque;
};

/* 0: all units are done. ERR_INCOMPLETE: they aren't, with counts; ERR_TEMPFAIL: another run is at work; ERR_BLOCKED:
 * the job was cancelled; ERR_TERMINATED and ERR_INTERRUPTED: asked to end, everything that ran has ended. From the
 * main thread, before there are others that take signals. */
int runner_run(const struct runner_options *options, struct err *err);

struct runner_cancelled {
	unsigned told;	    /* processes of this host: runners and units */
	unsigned running;   /* of them still there after CANCEL_SECONDS */
	unsigned elsewhere; /* units at work on other hosts: their engine's to end */
};

enum { CANCEL_SECONDS = 60 };

/* Marks the job, so that nothing is begun any more, and ends what of it runs on this host. */
int runner_cancel(const char *job, struct runner_cancelled *ret, struct err *err);

#endif
