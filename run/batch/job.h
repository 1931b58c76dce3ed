/* The job folder: what `rehost batch plan` wrote, one file a machine, and each file vouched for by job.json.
 *
 * job.json, the manifest's copy and units/ never change again; state/ and out/ belong to those who run the units.
 *
 *     AUTO(job_closep) struct job *job = NULL;
 *     if (job_open("/srv/wave3", &job, err) < 0 || job_unit(job, 7, &arena, &unit, err) < 0)
 *             return -1;
 */
#ifndef REHOST_RUN_BATCH_JOB_H
#define REHOST_RUN_BATCH_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/proof/boot.h"

enum {
	/* Ten times the largest migrations that are told of; a name of six digits holds it. */
	JOB_UNITS_MAX = 100000,
	JOB_PATH_MAX = 32,  /* "units/000000.json", "state/000000" */
	JOB_NAME_MAX = 120, /* bytes of a job's own name: its partial folder's has room for them */
	JOB_HASH_HEX = 65,  /* SHA-256 as text, with its NUL */
};

/* How many of its machines one source (an ESXi host, a datastore) bears at once. */
struct source_group {
	const char *name;
	unsigned at_once;
};

struct unit_sources {
	const char *const *v; /* absolute paths; several are the disks of one machine */
	size_t n;
};

struct unit_arguments {
	const char *const *v;
	size_t n;
};

/* One machine. Texts are borrowed from an arena. */
struct unit {
	unsigned index;
	const char *name; /* of the result in out/: as machine_safe_name() makes them */
	struct unit_sources sources;
	/* Options of `rehost convert`, without -os, -on, the inputs and --progress. */
	struct unit_arguments arguments;
	const char *group, *source_group; /* NULL none */
	unsigned priority;		  /* higher is earlier */
	enum boot_level proof;		  /* unknown: none is asked for */
	unsigned proof_timeout;		  /* seconds; 0: that of `rehost boot` */
	unsigned retries;		  /* attempts after the first one that failed */
	uint64_t bytes;			  /* allocated on the source; 0 not known */
	unsigned seconds;		  /* estimated; 0 not known */
	unsigned cpus, memory_mib, tmp_mib;
	/* Why it isn't tried; both NULL: it is. finding is NULL when no finding says so ("the input can't be read"). */
	const char *blocked_finding, *blocked_text;
};

/* "none" for unknown. */
const char *unit_proof_name(enum boot_level level);

struct json *unit_json(const struct unit *u);
/* The reverse, strict: a missing or odd value is ERR_CORRUPT that names the key. Texts are copied into a. */
int unit_from_json(const struct json *j, struct arena *a, struct unit *ret, struct err *err);

/* ---- reading ---- */

struct job {
	struct arena arena;
	int fd;		  /* of the folder */
	const char *path; /* absolute */
	const char *name, *created, *version;
	enum boot_level proof; /* the furthest that any unit asks for */
	VEC(struct source_group) source_groups;
	unsigned nunits;
	const char **sha256; /* of units/NNNNNN.json, by index */
};

/* A folder without job.json, or with one of another schema, is ERR_CORRUPT; one that can't be read ERR_UNREADABLE. */
int job_open(const char *path, struct job **ret, struct err *err);
void job_close(struct job *job); /* NULL is fine */
DEFINE_CLEANUP(struct job *, job_close)

/* One unit, after its file's hash has been found right (else ERR_CORRUPT, with both); an index that the job hasn't is
 * ERR_USAGE. */
int job_unit(const struct job *job, unsigned index, struct arena *a, struct unit *ret, struct err *err);

/* job.json without the hashes: for reports. */
struct json *job_json(const struct job *job);

/* Names beneath the folder: "units/000007.json", "state/000007". */
const char *job_unit_path(unsigned index, char ret[JOB_PATH_MAX]);
const char *job_state_path(unsigned index, char ret[JOB_PATH_MAX]);

/* ---- writing ---- */

struct job_draft {
	const char *name;
	const char *manifest_name; /* "manifest.yaml" */
	const void *manifest;	   /* what was given, byte by byte */
	size_t manifest_len;
	const struct source_group *source_groups;
	size_t ngroups;
	const struct unit *units; /* in the order in which they get their indexes */
	size_t nunits;
};

/* Makes the folder at path: in a hidden one beside it, published by one rename after all is on disk. A path that exists
 * is ERR_BLOCKED; what a killed call left is thrown away. */
int job_write(const char *path, const struct job_draft *draft, struct err *err);
/* The same refusal, for who has long work to do before. */
int job_check_absent(const char *path, struct err *err);

#endif
