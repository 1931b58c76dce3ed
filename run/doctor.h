/* What this host has and lacks for our work: each check with what was found and the fix as one line. */
#ifndef REHOST_RUN_DOCTOR_H
#define REHOST_RUN_DOCTOR_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "guest/accel.h"

enum check_state { CHECK_UNKNOWN = 0, CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
	const char *id; /* "accelerator", "kernel" …: a literal */
	enum check_state state;
	char *text; /* what was found */
	char *fix;  /* one line; NULL nothing to do */
};

struct doctor {
	struct arena arena;
	VEC(struct check) checks;
	struct accel accel; /* when have_accel: else qemu is missing */
	bool have_accel;
};

struct doctor_options {
	const char *scratch; /* folder where results are to go; NULL: the current one */
	const char *root;    /* "": the host; a folder for tests, beneath which kernels and firmware are looked for */
};

/* Runs every check; what is bad is in the checks, not an error. */
void doctor_run(const struct doctor_options *options, struct doctor *ret);
void doctor_done(struct doctor *d);

/* How many checks failed: with one, conversions do. */
unsigned doctor_failed(const struct doctor *d);

const char *check_state_name(enum check_state s); /* "ok", "warn", "fail" */
struct json *doctor_json(const struct doctor *d);
int doctor_print(const struct doctor *d, struct buf *out);

#endif
