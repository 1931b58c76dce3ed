/* The plan of a batch: a manifest's machines, checked and estimated, in the order in which they are to be converted. */
#ifndef REHOST_RUN_BATCH_PLAN_H
#define REHOST_RUN_BATCH_PLAN_H

#include "run/batch/check.h"
#include "run/batch/manifest.h"

struct plan_options {
	const char *manifest, *job; /* paths */
	const struct manifest_keys *keys;
	bool no_check; /* nothing is opened but what describes the machines */
	struct check_options check;
};

struct plan_machine {
	unsigned line, column; /* in the manifest */
	struct unit unit;
	const char *verdict; /* NULL: not checked, or it didn't come so far */
	/* Why there is no verdict, though the machine isn't blocked: what a later run may find mended. NULL none. */
	const char *note;
};

struct plan {
	struct arena arena;
	struct batch_manifest manifest;
	VEC(struct plan_machine) machines;
	size_t blocked;
	uint64_t bytes;
	uint64_t seconds; /* of all one after the other, without those that are blocked */
};

/* Loads, checks, sorts and writes the job folder. A machine that can't be converted is blocked and stops nothing;
 * options that don't go together are an error of the manifest. ret needs plan_done() in any case. */
int plan_make(const struct plan_options *o, struct plan *ret, struct err *err);
void plan_done(struct plan *p);

/* What a machine's description tells without its disks. */
struct plan_source {
	uint64_t bytes;	 /* that its files take on the source; 0: not known */
	uint64_t memory; /* bytes, the machine's own */
};

/* All 0 when the description can't be opened: then -1. */
int plan_source(const struct unit *u, struct plan_source *ret, struct err *err);

/* {"schema":"rehost-batch-plan-1", …}; docs/batch.md has it. */
struct json *plan_json(const struct plan *p, const char *job);
/* For people: a line a machine. */
int plan_text(const struct plan *p, const char *job, struct buf *out, struct err *err);

#endif
