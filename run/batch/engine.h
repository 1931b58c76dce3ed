/* Batch engines: who starts a job's units on other hosts. Each runs the same command, `rehost batch unit`, so that an
 * engine can be exchanged in the middle of a job; what became of a unit is told by the job folder alone.
 */
#ifndef REHOST_RUN_BATCH_ENGINE_H
#define REHOST_RUN_BATCH_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/batch/job.h"

enum {
	ENGINE_TEXT_MAX = 64 << 20, /* of a dry run: JOB_UNITS_MAX indexes, some hundred commands */
	ENGINE_SAID_MAX = 8 << 20,  /* of a program that was asked: a cluster's licences, a queue */
};

struct engine_options {
	const char *program;	   /* rehost on the hosts, an absolute path; NULL: this one's */
	unsigned throttle;	   /* units at once; 0: as many as there is room for */
	const char *partition;	   /* Slurm: NULL the cluster's default */
	const char *time;	   /* Slurm: of one unit; NULL the partition's default */
	const char *hosts;	   /* GNU parallel: --sshloginfile; NULL this host */
	const char *image;	   /* Kubernetes: container image */
	const char *claim;	   /* Kubernetes: an existing volume claim with the job folder; NULL: one is written */
	const char *storage_class; /* Kubernetes: of the claim that is written; NULL the cluster's default */
	const char *const *mounts; /* Kubernetes: "CLAIM:PATH" with the sources, NULL-terminated; may be NULL */
	bool retry_blocked;	   /* what is blocked is tried again, too */
};

/* What is to be handed over. Texts live in the arena. */
struct submission {
	const struct job *job;
	const struct engine_options *options;
	const char *program;
	struct arena arena;
	VEC(struct unit) units; /* without an outcome that stays, by index */
	void *plan;		/* the engine's own, in the arena */
	struct buf text;	/* what a dry run prints */
	struct json *book;	/* engine.json: all submissions of the job */
	struct json *record;	/* this one's, in the book, while it is submitted */
	unsigned number;	/* of this one in the book */
};

struct engine {
	const char *name;
	/* Fills plan and text; asks, and changes nothing. */
	int (*prepare)(struct submission *s, struct err *err);
	/* Does it. What was handed over when it fails stands in the record. */
	int (*submit)(struct submission *s, struct err *err);
	/* Of what was recorded: is some of it still to be done, or being done? NULL: nothing outlives submit. */
	int (*busy)(const struct json *record, bool *ret, struct err *err);
	int (*cancel)(const struct json *record, struct err *err);
};

extern const struct engine engine_slurm, engine_parallel, engine_kubernetes;
extern const struct engine *const engines[]; /* ends with NULL */

const struct engine *engine_find(const char *name);

/* Collects the units that are neither done nor (unless asked for) blocked, and has the engine prepare. ERR_BLOCKED when
 * an earlier submission is still at work. s->units.n is 0 when nothing is left to do; nothing was prepared then. */
int engine_prepare(const struct engine *e, const struct job *job, const struct engine_options *options,
		   struct submission *s, struct err *err);
/* Sets their outcomes aside, so that those units are tried again, takes up a job that was cancelled, submits, and
 * notes it in state/engine.json. */
int engine_submit(const struct engine *e, struct submission *s, struct err *err);
void submission_done(struct submission *s);

/* Ends all that was submitted for the job and is still to be done; *ret_n submissions were. */
int engine_cancel(const struct job *job, unsigned *ret_n, struct err *err);

/* ---- for engines ---- */

/* Runs a program; its standard output in out. Another exit status than 0 is ERR_HOST with the last line it said. */
int engine_run(const char *const *argv, struct buf *out, struct err *err);

/* JOB/state/engine/NAME, in the arena; the folder is made by engine_submit(). */
const char *engine_path(struct submission *s, const char *name);
int engine_write(struct submission *s, const char *name, const char *text, mode_t mode, struct err *err);

/* Makes what the record says last, as soon as something was handed over. */
int engine_note(struct submission *s, struct err *err);

#endif
