/* Sums over a disk's blocks of 4 KiB, by which a copy is compared with the machine that it was read from: the machine
 * remembers what it sent, the copy has what arrived.
 *
 * A sum is that of the blocks' hashes (XXH3-64 seeded with the block's number), modulo 2^64: the order in which they
 * were read doesn't matter, and any set of them has one.
 */
#ifndef REHOST_FORMATS_LEDGER_H
#define REHOST_FORMATS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "formats/block.h"

enum {
	LEDGER_BLOCK = 4096,
	LEDGER_CHUNK = 2 << 20,
	LEDGER_BLOCKS = LEDGER_CHUNK / LEDGER_BLOCK,
	LEDGER_BYTES = LEDGER_BLOCKS / 8,
};

/* Blocks of one chunk, and their sum. */
struct ledger_entry {
	uint64_t off;			    /* of the chunk, in bytes; a multiple of LEDGER_CHUNK */
	unsigned char blocks[LEDGER_BYTES]; /* a bit each, the first is the lowest of the first byte */
	uint64_t sum;
};

/* Sets e->sum; buf has the len bytes at e->off: the chunk, cut at the disk's end. Blocks behind it don't count. */
void ledger_sum(struct ledger_entry *e, const char *buf, size_t len);
/* The same, of what the disk has now: only these blocks are read. */
int ledger_read(struct ledger_entry *e, struct block *disk, struct err *err);

static inline void ledger_add_block(struct ledger_entry *e, unsigned i)
{
	e->blocks[i / 8] |= (unsigned char)(1 << i % 8);
}

static inline bool ledger_has_block(const struct ledger_entry *e, unsigned i)
{
	return e->blocks[i / 8] >> i % 8 & 1;
}

/* ---- what a machine remembers ---- */

struct ledger;

/* Of a disk of so many bytes. It takes 72 bytes for each chunk that was sent, at most 32 MiB: then no more is
 * remembered. NULL: out of memory. */
struct ledger *ledger_new(uint64_t size);
void ledger_free(struct ledger *l); /* NULL is fine */
DEFINE_CLEANUP(struct ledger *, ledger_free)
/* Any range that was sent; blocks that it doesn't cover wholly don't count. Thread-safe. */
void ledger_note(struct ledger *l, const char *buf, size_t len, uint64_t off);
/* Sets e->sum when just these blocks of the chunk were sent; false: others, or not all of them. Thread-safe. */
bool ledger_recall(struct ledger *l, struct ledger_entry *e);

#endif
