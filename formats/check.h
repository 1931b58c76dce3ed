/* Structure checks: does every table of an image file say where things are without leaving the file, and does every
 * part of the file belong to one thing at most? Metadata is read, data never; nothing is written.
 *
 * A format's `check` reads its headers and calls check_walk() with a function that goes over all tables and claims what
 * they name:
 *
 *     static int walk(struct check *c, void *opaque, struct err *err)
 *     {
 *             check_claim(c, 0, HEADER, 0, "header");
 *             for (each entry)
 *                     check_claim(c, host, block, at, "block %" PRIu64, i);
 *     }
 *
 * Memory: a bit for each unit of the file, at most CHECK_BITMAP_BYTES; a larger file is walked once for each part of it
 * that fits, up to CHECK_PASSES_MAX times. Time: what is claimed over and over is looked at as long as an honest file
 * could need (ERR_UNSUPPORTED).
 */
#ifndef REHOST_FORMATS_CHECK_H
#define REHOST_FORMATS_CHECK_H

#include "formats/open.h"

enum problem {
	PROBLEM_UNKNOWN = 0,
	PROBLEM_LEAK,	  /* a cluster in the file that nothing uses: room lost, data right */
	PROBLEM_REFCOUNT, /* stated to be used less often than it is: a write would destroy data */
	PROBLEM_FLAG,	  /* "only reference" (copied) where it isn't, or not where it is */
	PROBLEM_OVERLAP,  /* claimed by two */
	PROBLEM_OUTSIDE,  /* behind the end of the file */
	PROBLEM_ENTRY,	  /* what no entry, table or header may say */
	PROBLEM_KINDS,
};

enum {
	CHECK_FINDINGS = 64, /* kept with their text; all are counted */
	CHECK_TEXT_MAX = 240,
	CHECK_PASSES_MAX = 256, /* 128 TiB in sectors */
};
#define CHECK_BITMAP_BYTES (128 * MIB)

struct check_finding {
	enum problem kind;
	uint64_t at; /* byte in the file: of the entry or header that is wrong, or of the leaked cluster */
	char text[CHECK_TEXT_MAX];
};

struct check {
	/* Results. */
	uint64_t count[PROBLEM_KINDS];
	struct check_finding first[CHECK_FINDINGS];
	size_t n;
	uint64_t claimed; /* bytes of the file that something uses, rounded up to units */
	unsigned passes;  /* over the tables */

	const char *where; /* NULL, or the extent that is looked at: begins each text. Borrowed */

	/* Of the pass that runs: which units from `from` on are taken. */
	uint64_t base, unit, total; /* bytes, bytes, units behind base */
	uint64_t from, n_units;
	uint64_t claims; /* units claimed in this pass, each time they are */
	unsigned char *taken;
};

typedef int check_walk_fn(struct check *c, void *opaque, struct err *err);

/* "leak", "refcount", "copied flag" …; the key in JSON. */
const char *problem_name(enum problem kind);

/* Everything but leaks. */
uint64_t check_errors(const struct check *c);

/* Counts a problem and keeps its text while there is room. In later passes only what depends on the pass counts:
 * overlaps, leaks, refcounts and flags. */
void check_report(struct check *c, enum problem kind, uint64_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Walks the tables as often as the bitmap needs to cover [base, end) in units; what is claimed in front of base is not
 * looked at. leaks: units that nobody claims are reported. */
int check_walk(struct check *c, uint64_t base, uint64_t end, uint64_t unit, bool leaks, check_walk_fn *walk,
	       void *opaque, struct err *err);

/* [off, off+len) belongs to what the text says, by the entry at `at`. */
void check_claim(struct check *c, uint64_t off, uint64_t len, uint64_t at, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Checks the structure of args->file. -1 when that can't be done: the header isn't one, a read fails. */
int format_check(const struct format *format, const struct open_args *args, struct check *ret, struct err *err);

/* By format. */
int qcow2_check(const struct open_args *args, struct check *c, struct err *err);
int vhd_check(const struct open_args *args, struct check *c, struct err *err);
int vhdx_check(const struct open_args *args, struct check *c, struct err *err);
int vmdk_check(const struct open_args *args, struct check *c, struct err *err);

#endif
