/* The files of a result against its seal: which are missing, too many, or changed, and where. */
#ifndef REHOST_RUN_VERIFY_FILES_H
#define REHOST_RUN_VERIFY_FILES_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/verify/seal.h"

enum file_problem_kind {
	FILE_PROBLEM_UNKNOWN = 0,
	FILE_CHANGED,	 /* bytes at off aren't those that were published */
	FILE_SIZE,	 /* it has len bytes, off were expected */
	FILE_MISSING,	 /* it isn't there */
	FILE_EXTRA,	 /* it wasn't published */
	FILE_IRREGULAR,	 /* a symlink, a device …: it isn't followed */
	FILE_UNREADABLE, /* for the reason in text */
};

struct file_problem {
	enum file_problem_kind kind;
	const char *file; /* name beneath the folder */
	uint64_t off, len;
	const char *text;
};

enum { FILE_PROBLEMS_MAX = 1000 /* kept; neighbouring chunks are one. The rest is counted */ };

struct verify_files {
	struct arena arena; /* owns the strings below */
	size_t checked;	    /* files of the seal */
	uint64_t bytes;	    /* of them */
	uint64_t read;	    /* that were no holes */
	VEC(struct file_problem) problems;
	size_t more; /* problems that weren't kept */
};

struct verify_files_options {
	unsigned threads; /* 0: one a core */
	/* Bytes of files that are checked; may be NULL. */
	void (*tick)(uint64_t done, uint64_t total, void *opaque);
	void *opaque;
};

/* Reads every published file once. 0 also when there are problems (ret->problems.n): -1 only when it could not be
 * checked. ret needs verify_files_done() in any case. */
int verify_files(int dirfd, const struct seal *seal, const struct verify_files_options *options,
		 struct verify_files *ret, struct err *err);
void verify_files_done(struct verify_files *r);

/* The problem in words, safe for a terminal; returns buf_str(). */
const char *file_problem_text(const struct file_problem *p, struct buf *b);
/* {checked, bytes, read, problems: [{file, problem, offset, length, text}], more}; docs/verify.md */
struct json *verify_files_json(const struct verify_files *r);

/* [{name, size, sha256}] of every file in the folder, the seal too: for who must show it to somebody. Reads all bytes,
 * in several threads. */
int verify_evidence(int dirfd, unsigned threads, struct json **ret, struct err *err);

#endif
