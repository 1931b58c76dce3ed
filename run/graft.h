/* The graft: a block over a read-only source and a sparse delta file, with a state per 4 KiB.
 *
 * SOURCE reads fall through, DELTA is what the appliance wrote, ZERO is discarded and never read from the source. The
 * map is two-level (2 bits a block, leaves of 128 MiB made on demand), so a TRIM of any length costs O(leaves touched).
 * docs/ARCHITECTURE.md, "The graft".
 */
#ifndef REHOST_RUN_GRAFT_H
#define REHOST_RUN_GRAFT_H

#include "formats/block.h"
#include "formats/ledger.h"

enum { GRAFT_BLOCK = 4096 };

/* source is borrowed; delta_fd (an empty file opened read-write) is owned by the graft on success. */
int graft_open(struct block *source, int delta_fd, struct block **ret, struct err *err);

/* Discards: whole 4 KiB blocks inside the range become ZERO. For the NBD server's trim. */
int graft_trim(struct block *graft, uint64_t off, uint64_t len, struct err *err);

/* No more writes; the map is written (with checksum) to map_fd and both files are synced. Any write that failed before
 * is an error now: a guest's file system may have gone on without what it lost. */
int graft_freeze(struct block *graft, int map_fd, struct err *err);
/* A frozen graft again, from what graft_freeze() left: for resume. Damage is ERR_CORRUPT. */
int graft_thaw(struct block *source, int delta_fd, int map_fd, struct block **ret, struct err *err);

/* Adds to e the blocks of its chunk that fall through to the source. */
void graft_source_blocks(struct block *graft, struct ledger_entry *e);

struct graft_stats {
	uint64_t source_bytes; /* blocks that still fall through, minus the source's holes */
	uint64_t delta_bytes, zero_bytes;
	uint64_t source_read; /* bytes asked of the source so far */
};
int graft_stats(struct block *graft, struct graft_stats *ret, struct err *err);

#endif
