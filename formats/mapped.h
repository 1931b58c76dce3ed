/* Images whose disk is cut into units of one size, each found through one entry of a table: the engine of VDI, QED,
 * qcow, Parallels, COWD and seSparse, which differ in where the tables stand and in what an entry says.
 *
 *     struct vdi { struct mapped m; … };
 *     v->m = (struct mapped){.file = …, .unit = …, .entry_size = 4, …};  // and block_init(&v->m.b, …)
 *     if (mapped_start(&v->m, err) < 0)
 *             return mapped_give_up(&v->m);
 *
 * Memory: the directory that the format gives, 4 MiB of tables, 2 MiB of inflated units.
 */
#ifndef REHOST_FORMATS_MAPPED_H
#define REHOST_FORMATS_MAPPED_H

#include "core/base/compress.h"
#include "formats/open.h"
#include "formats/page_cache.h"
#include "formats/unit_cache.h"

enum unit_kind {
	UNIT_UNKNOWN = 0,
	UNIT_ABSENT, /* the parent has it; zeros where there is none */
	UNIT_ZERO,
	UNIT_PLAIN,
	UNIT_PACKED,
};

/* Where a unit is in the file. */
struct unit_place {
	enum unit_kind kind;
	uint64_t host; /* bytes; of plain and packed */
	uint64_t len;  /* of packed: bytes at host that hold the stream */
};

struct mapped;

/* Says what one entry means. What is plain or packed is then checked against the end of the file. */
typedef int unit_place_fn(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
			  struct err *err);

struct mapped {
	struct block b;	      /* first: the format's block_ops name mapped_pread() and so on */
	struct block *file;   /* owned */
	struct block *parent; /* owned; NULL: none. May be shorter than the disk: zeros follow */
	uint64_t unit;	      /* bytes */
	uint32_t entry_size;  /* bytes */
	uint64_t per_table;   /* entries; without a directory set by mapped_start() */
	unit_place_fn *place;
	const char *table;     /* "block map", "L2 table": for messages */
	const char *unit_name; /* "block", "cluster", "grain": for messages */
	uint64_t table_at;     /* bytes; of the one table there is when directory is NULL */
	uint64_t *directory;   /* owned: bytes of each table, 0: all its units are absent */
	enum codec codec;      /* of packed units */

	struct page_cache pages;
	struct unit_cache *inflated; /* NULL unless codec */
	uint64_t per_page;	     /* entries: a table is read and kept in pages */
};

/* Entries that the disk needs, and tables for them. */
uint64_t mapped_units(const struct mapped *m);
uint64_t mapped_tables(const struct mapped *m);

/* Checks that the tables lie in the file, and takes what reading needs. Every field above `pages` is set before. */
int mapped_start(struct mapped *m, struct err *err);

/* After an error: frees m but leaves the file to the caller; returns -1. */
int mapped_give_up(struct mapped *m);

/* Opens the image that m is an overlay of; its name is len bytes at off of the file. format NULL: it must show what it
 * is, raw too. */
int mapped_open_backing(struct mapped *m, const struct open_args *args, uint64_t off, uint32_t len,
			const struct format *format, struct err *err);

/* ret->parent, of such a name; a place or length that can't be one is no error, and nothing is set. */
int mapped_name_backing(struct block *file, uint64_t off, uint32_t len, struct image_facts *ret, struct err *err);

/* What the structure check of a mapped format must know besides. */
struct mapped_check {
	uint64_t base, unit; /* bytes: where units begin, and what check_walk() counts in */
	bool leaks;	     /* units that nobody uses are lost */
	struct {
		uint64_t off, len; /* bytes */
		const char *what;
	} own[3];	   /* header, directory, table: len 0 for none */
	uint64_t in_front; /* bytes in front of each unit that belong to it */
};

struct check;
/* Checks all tables and entries against the file (formats/check.h), before or without mapped_start(). */
int mapped_check(struct mapped *m, const struct mapped_check *how, struct check *c, struct err *err);

int mapped_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err);
int mapped_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err);
int mapped_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err);
void mapped_close(struct block *b);

#endif
