/* The qcow2 writer's map from guest cluster to L2 entry: leaves of 64 entries, made where data is, under one directory.
 *
 * Memory: 8 bytes a 64 clusters of the disk for the directory (touched only where leaves are: 4 MiB of address space at
 * 2 TiB with 64 KiB clusters) and 512 bytes a leaf, so 128 KiB a GiB of dense data with 64 KiB clusters.
 */
#ifndef REHOST_FORMATS_QCOW2_MAP_H
#define REHOST_FORMATS_QCOW2_MAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* Entries a leaf: what an L2 table of the smallest clusters (512 bytes) holds, so that no leaf spans two tables. */
enum { QCOW2_LEAF = 64 };

struct qcow2_map {
	uint64_t *_Atomic *leaf; /* host byte order */
	uint64_t leaves, clusters;
};

int qcow2_map_init(struct qcow2_map *m, uint64_t clusters, struct err *err);
void qcow2_map_done(struct qcow2_map *m);

/* 0: unallocated. */
uint64_t qcow2_map_get(const struct qcow2_map *m, uint64_t cluster);
/* Safe from many threads for different clusters. */
int qcow2_map_set(struct qcow2_map *m, uint64_t cluster, uint64_t entry, struct err *err);
/* Makes [first, first+n) unallocated, in time of the leaves there are. */
void qcow2_map_clear(struct qcow2_map *m, uint64_t first, uint64_t n);

/* The leaf of index i (clusters from i * QCOW2_LEAF) or NULL; i may lie behind the last. */
const uint64_t *qcow2_map_leaf(const struct qcow2_map *m, uint64_t i);

#endif
