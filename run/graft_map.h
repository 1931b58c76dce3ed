/* The graft's map: where each 4 KiB block of a disk is to be read, two-level, 2 bits a block.
 *
 * A leaf covers 128 MiB; while all its blocks agree it is a tag without memory, so that setting a range costs
 * O(leaves touched). Every function is safe between threads; a range that spans leaves is not one atomic step.
 */
#ifndef REHOST_RUN_GRAFT_MAP_H
#define REHOST_RUN_GRAFT_MAP_H

#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

enum graft_state {
	GRAFT_UNKNOWN = 0, /* never stored: a zero in a map file is damage */
	GRAFT_SOURCE,	   /* falls through */
	GRAFT_DELTA,	   /* in the delta file, same offset */
	GRAFT_ZERO,	   /* discarded or zeroed */
};

struct graft_map;

/* All GRAFT_SOURCE. NULL when memory is out. */
struct graft_map *graft_map_new(uint64_t nblocks);
void graft_map_free(struct graft_map *m);
DEFINE_CLEANUP(struct graft_map *, graft_map_free)

/* The state of `block`, and how many blocks from there (1 … max) share it; may stop early at a leaf's border. */
enum graft_state graft_map_run(struct graft_map *m, uint64_t block, uint64_t max, uint64_t *ret_n);

/* Sets n blocks. Fails only when memory is out; then a front part may be set. */
int graft_map_set(struct graft_map *m, uint64_t block, uint64_t n, enum graft_state state, struct err *err);

/* Numbers kept with a map, so that it can't be put beside files that it wasn't made for. */
struct graft_map_key {
	uint64_t disk_size;  /* bytes */
	uint64_t delta_size; /* bytes: st_size of the delta file */
};

/* Writes the map from offset 0 of fd, checksummed (docs/journal.md). Nobody may set meanwhile. Doesn't sync. */
int graft_map_save(struct graft_map *m, const struct graft_map_key *key, int fd, struct err *err);

/* Reads it back for a disk of disk_size bytes; any damage, or another size, is ERR_CORRUPT. */
int graft_map_load(int fd, const struct graft_map_key *key, struct graft_map **ret, struct err *err);

#endif
