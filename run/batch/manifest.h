/* Manifests of `rehost batch plan`: a list of machines in YAML, CSV or JSON, each value checked.
 *
 *     AUTO(batch_manifest_done) struct batch_manifest m = {0};
 *     if (batch_manifest_load("wave3.yaml", &keys, &m, err) < 0)
 *             return -1;          // "wave3.yaml:12:10: priority: 'high' isn't a number from 0 to 1000"
 *
 * docs/manifest.md says what stands in one. Nothing is looked up but the manifest itself: whether a source is there is
 * the plan's business.
 */
#ifndef REHOST_RUN_BATCH_MANIFEST_H
#define REHOST_RUN_BATCH_MANIFEST_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "run/batch/job.h"
#include "run/batch/manifest_key.h"

enum {
	/* JOB_UNITS_MAX machines with 600 bytes each; it is held in memory. */
	MANIFEST_BYTES_MAX = 64 << 20,
	MANIFEST_GROUPS_MAX = 1000, /* each machine's is looked up among them one by one */
};

struct batch_machine {
	unsigned line, column; /* where its keys begin */
	struct unit unit;      /* what the manifest says of it; estimate, resources and blocked are the plan's */
};

struct batch_manifest {
	struct arena arena;  /* owns the texts below */
	const char *path;    /* as it was given */
	struct buf text;     /* the file, byte by byte */
	const char *kept_as; /* "manifest.yaml" */
	const char *name;    /* of the job; NULL: not said */
	VEC(struct source_group) source_groups;
	VEC(struct batch_machine) machines; /* in the manifest's order; at least one */
};

enum manifest_language { MANIFEST_NO_LANGUAGE = 0, MANIFEST_YAML, MANIFEST_JSON, MANIFEST_CSV };

/* By the file name's end; none for any other. */
enum manifest_language batch_manifest_language(const char *path);

/* The language is the file name's end (.yaml, .yml, .json, .csv), else ERR_USAGE. What is wrong in it is ERR_CORRUPT,
 * with line and column, the value and what was expected. ret needs batch_manifest_done() in any case. */
int batch_manifest_load(const char *path, const struct manifest_keys *keys, struct batch_manifest *ret,
			struct err *err);

/* The same of ret->text. name is for messages, dir where relative paths begin. */
int batch_manifest_parse(enum manifest_language language, const char *name, const char *dir,
			 const struct manifest_keys *keys, struct batch_manifest *ret, struct err *err);

void batch_manifest_done(struct batch_manifest *m);

#endif
