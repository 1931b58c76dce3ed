/* struct block: bytes and extents of a disk, whatever holds them. Every format, window, chain, graft and target is one.
 *
 * A source block answers pread and extent; a target also pwrite, zero and flush. Operations are called through the
 * wrappers below, which check ranges, so an implementation sees only ranges inside [0, size).
 */
#ifndef REHOST_FORMATS_BLOCK_H
#define REHOST_FORMATS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/file.h"

enum extent_kind {
	EXTENT_UNKNOWN = 0,
	EXTENT_DATA, /* may hold anything; must be read */
	EXTENT_ZERO, /* reads as zeros, and the image says so */
	EXTENT_HOLE, /* not allocated: reads as zeros (a reader with a backing chain flattens it, so never "ask below")
		      */
};

struct extent {
	uint64_t off, len; /* bytes */
	enum extent_kind kind;
};

/* Bytes that stand in a regular file as the disk has them; fd is borrowed as long as the block is open. */
struct file_place {
	int fd;
	uint64_t off, len; /* bytes; len 0: they don't */
};

struct block;
struct ledger_entry; /* formats/ledger.h */

struct block_ops {
	const char *name; /* the format's name: "vmdk", "qcow2", "raw", "window", "graft" … */

	/* Fills buf with len > 0 bytes at off. Thread-safe. Holes read as zeros. */
	int (*pread)(struct block *b, void *buf, size_t len, uint64_t off, struct err *err);

	/* The extent that covers off: ret->off == off, 0 < ret->len <= max, of one kind. Need not be maximal, but an
	 * answer costs O(tables touched), never O(data). Thread-safe. NULL means all data. */
	int (*extent)(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err);

	/* Where the bytes at off stand, 0 to max of them; what the file has holes for may be among them. Thread-safe.
	 * NULL: nowhere. */
	int (*place)(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err);

	/* Sums of blocks as the machine behind it says them, from memory or, anew, from its disk. Thread-safe. NULL: it
	 * is no machine's. */
	int (*sums)(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err);

	/* Targets. Thread-safe for disjoint ranges. zero means "must read as zeros"; on a fresh target it may do
	 * nothing. */
	int (*pwrite)(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err);
	int (*zero)(struct block *b, uint64_t off, uint64_t len, struct err *err);
	/* Writes the bytes at `from` by the kernel alone. *ret_done false: it can't, nothing of the disk has changed
	 * but what stands in this range, which is to be written as usual. NULL: never. */
	int (*take)(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		    struct err *err);
	/* Everything written so far lasts (fdatasync). */
	int (*flush)(struct block *b, struct err *err);

	/* Targets that are written in the order of the disk (VMDK for streaming): no write below off will follow, so
	 * what was kept back until then can go into the file. A write far ahead of this mark may wait for it, so who
	 * writes hands ranges out in rising order and tells when one is begun and when it is done. Thread-safe. NULL:
	 * any order will do. */
	int (*settled)(struct block *b, uint64_t off, struct err *err);

	/* Writers with tables: writes what is kept for the end (L2, refcounts, header), syncs. Called once, before
	 * close, and only after success; closing without it leaves an unfinished image. */
	int (*finish)(struct block *b, struct err *err);

	/* Resume: a text (no newline or quote) that lets a later writer on the same file adopt [off, off+len) as
	 * written, and the adopting. NULL for targets where offset is position (raw). Called after flush. */
	int (*note)(struct block *b, uint64_t off, uint64_t len, char *text, size_t text_size, struct err *err);
	int (*adopt)(struct block *b, uint64_t off, uint64_t len, const char *text, struct err *err);

	void (*close)(struct block *b); /* frees b itself, and what it owns beneath */
};

struct block {
	const struct block_ops *ops;
	uint64_t size;		  /* bytes, as the guest sees it */
	uint32_t logical_sector;  /* 512 or 4096 */
	uint32_t physical_sector; /* ≥ logical */
	uint32_t unit;		  /* natural unit of allocation in bytes: grain, cluster, 4096 for raw */
	bool seekable;		  /* false: a stream, pread only in rising order */
	bool stale;		  /* a target that doesn't read as zeros where nothing was written: a device */
	char name[256];		  /* for messages: the file's name as the user or the image gave it, cut */
};

/* Sets ops, name (cut), size, sectors 512/512, unit 4096, seekable: what most implementations start from. */
void block_init(struct block *b, const struct block_ops *ops, const char *name, uint64_t size);

/* Checked wrappers. Errors gain "format 'name'" as context. */
int block_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err);
int block_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err);
int block_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err);
int block_sums(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err);
int block_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err);
int block_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
	       struct err *err);
int block_zero(struct block *b, uint64_t off, uint64_t len, struct err *err);
int block_flush(struct block *b, struct err *err);
int block_settled(struct block *b, uint64_t off, struct err *err);
int block_finish(struct block *b, struct err *err);
void block_close(struct block *b); /* NULL is fine */
DEFINE_CLEANUP(struct block *, block_close)

/* What an overlay doesn't have itself: the bytes and the extent of the image below it (NULL: there is none), which may
 * be shorter; behind its end are zeros. */
int block_pread_below(struct block *below, void *buf, size_t len, uint64_t off, struct err *err);
int block_extent_below(struct block *below, uint64_t off, uint64_t max, struct extent *ret, struct err *err);

/* Calls fn for each maximal run of one kind in [off, off+len), merging neighbours; stops at the first non-zero return,
 * which it returns. fn errors are its own. */
int block_each_extent(struct block *b, uint64_t off, uint64_t len,
		      int (*fn)(const struct extent *e, void *opaque, struct err *err), void *opaque, struct err *err);

/* Bytes that are EXTENT_DATA. */
int block_allocated(struct block *b, uint64_t *ret_bytes, struct err *err);

#endif
