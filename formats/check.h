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
 * that fits, up to CHECK_PASSES_MAX times.
 *
 * Time: all that is looked at counts as work, about a nanosecond each, and a walk says so with check_spend() before it
 * reads a table. An image may need CHECK_WORK, and for each pass CHECK_WORK_PER_BYTE more for each byte that its files
 * hold (holes don't count): honest tables and what they name are there once. Tables that name one place over and over
 * need more, and are given up (ERR_UNSUPPORTED).
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

/* Some seconds; empty tables in holes are looked at within it. The usual grains of a VMDK of 64 TiB are 2^30. */
#define CHECK_WORK (UINT64_C(1) << 32)
/* An entry of 4 bytes may take 32. */
#define CHECK_WORK_PER_BYTE 8

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
	unsigned char *taken;

	/* Of all walks. */
	uint64_t work, allowed; /* done; what the files' bytes allow besides CHECK_WORK */
	struct block *file;	/* of the walk that runs. Borrowed */
	bool measured;		/* what the file holds is part of `allowed` for this pass */
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

/* Walks the tables as often as the bitmap needs to cover the file from base on in units; what is claimed in front of
 * base is not looked at. leaks: units that nobody claims are reported. ERR_UNSUPPORTED: too large, or too much work. */
int check_walk(struct check *c, struct block *file, uint64_t base, uint64_t unit, bool leaks, check_walk_fn *walk,
	       void *opaque, struct err *err);

/* Counts a pass over the tables of c->file; its bytes allow their work once more. For a check that walks by itself. */
void check_pass(struct check *c);

/* Before a read of a table or a part of it, with the number of entries that will be looked at: counts both as work.
 * ERR_UNSUPPORTED when that is more than an honest file needs. */
int check_spend(struct check *c, uint64_t entries, struct err *err);

/* [off, off+len) belongs to what the text says, by the entry at `at`. Does nothing once there is too much work: the
 * next check_spend(), or the end of the walk, tells. */
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
