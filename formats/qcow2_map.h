/* The qcow2 writer's map from guest cluster to L2 entry: for each L2 table of the image that has entries a table of
 * leaves of 64 entries, made where data is. Tables can be left in the file (spilled) and come back when they are
 * changed.
 *
 * Memory: 8 bytes for each L2 table of the disk, 8 for each leaf of a table in memory (touched only where data is), 512
 * for a leaf; at 64 KiB clusters 128 KiB a GiB of dense data that isn't spilled.
 */
#ifndef REHOST_FORMATS_QCOW2_MAP_H
#define REHOST_FORMATS_QCOW2_MAP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* Entries a leaf: what an L2 table of the smallest clusters (512 bytes) holds, so that no leaf spans two tables. */
enum { QCOW2_LEAF = 64 };

/* Where spilled tables go, and come back from. entries: per_table of them, host byte order. */
struct qcow2_map_store {
	/* *ret_place: where it is in the file now, bytes, a multiple of 512, not 0. */
	int (*save)(void *opaque, const uint64_t *entries, uint64_t *ret_place, struct err *err);
	int (*load)(void *opaque, uint64_t place, uint64_t *entries, struct err *err);
	void *opaque;
};

struct qcow2_map {
	_Atomic uint64_t *slot; /* a table's pointer, its place in the file plus 1, or 0 */
	uint64_t tables, per_table, leaves, clusters;
	struct qcow2_map_store store;
	pthread_rwlock_t lock;	 /* shared: entries are looked at and set; alone: tables come and go */
	atomic_size_t in_memory; /* leaves */
	_Atomic uint64_t clock;	 /* goes on with each leaf that is made */
};

/* per_table: entries an L2 table, a multiple of QCOW2_LEAF. */
int qcow2_map_init(struct qcow2_map *m, uint64_t clusters, uint64_t per_table, const struct qcow2_map_store *store,
		   struct err *err);
void qcow2_map_done(struct qcow2_map *m);

/* Makes [first, first+n) be in memory, till something is spilled again. */
int qcow2_map_fetch(struct qcow2_map *m, uint64_t first, uint64_t n, struct err *err);
/* What is in memory stays there between hold and release, which must follow; false: not all of the range is. */
bool qcow2_map_hold(struct qcow2_map *m, uint64_t first, uint64_t n);
void qcow2_map_release(struct qcow2_map *m);

/* The cluster's entry wherever its table is; 0: unallocated. */
int qcow2_map_find(struct qcow2_map *m, uint64_t cluster, uint64_t *ret, struct err *err);
/* The same of a table that is in memory; 0 when it isn't. */
uint64_t qcow2_map_get(const struct qcow2_map *m, uint64_t cluster);
/* Safe from many threads for different clusters, wherever their table is. */
int qcow2_map_set(struct qcow2_map *m, uint64_t cluster, uint64_t entry, struct err *err);
/* Makes [first, first+n) unallocated, in time of the tables there are. Safe like qcow2_map_set(). */
int qcow2_map_clear(struct qcow2_map *m, uint64_t first, uint64_t n, struct err *err);

/* Leaves `keep` leaves or fewer in memory: the tables that were not changed for longest go to the store. */
int qcow2_map_spill(struct qcow2_map *m, size_t keep, struct err *err);

/* For one thread alone. The leaf of index i (clusters from i * QCOW2_LEAF), NULL when there is none in memory; i may
 * lie behind the last. */
const uint64_t *qcow2_map_leaf(const struct qcow2_map *m, uint64_t i);
/* Where the table is in the file, 0: it isn't. */
uint64_t qcow2_map_place(const struct qcow2_map *m, uint64_t table);

#endif
