/* Manifests of OVF packages (.mf, DSP0243 section 5.1): lines of digests, and the pass that checks them. */
#ifndef REHOST_SOURCES_MANIFEST_H
#define REHOST_SOURCES_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "sources/package.h"

enum { MANIFEST_SIZE_MAX = 1 << 20 /* 4096 members with a SHA-512 each are 600 KB */ };

struct manifest_line {
	char *name;
	enum digest_kind kind; /* DIGEST_UNKNOWN: a kind that we don't compute */
	char digest[DIGEST_HEX_MAX];
	unsigned line; /* 1-based */
};

struct manifest {
	struct arena arena;
	VEC(struct manifest_line) lines;
};

/* Every shape seen: "SHA1(f)= h", "SHA256 (f) = h", CRLF, no newline at the end. Anything else is ERR_CORRUPT with its
 * line: a manifest that can't be read must not count as checked. */
int manifest_parse(const char *text, size_t len, struct manifest *ret, struct err *err);
void manifest_done(struct manifest *m);

/* Reads every file that is listed and there once, in order of offset, and compares all its digests. *ret_checked counts
 * files. *stop (may be NULL) ends it as ERR_INTERRUPTED. */
int manifest_verify(struct package *p, const struct manifest *m, const char *name, unsigned *ret_checked,
		    const volatile bool *stop, struct err *err);

#endif
