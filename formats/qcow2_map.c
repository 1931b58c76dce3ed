/* The qcow2 writer's map from guest cluster to L2 entry. */
#include "formats/qcow2_map.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

int qcow2_map_init(struct qcow2_map *m, uint64_t clusters, struct err *err)
{
	m->clusters = clusters;
	m->leaves = div_round_up(clusters, QCOW2_LEAF);
	m->leaf = calloc(m->leaves + 1, sizeof *m->leaf);
	return m->leaf ? 0 : err_nomem(err);
}

void qcow2_map_done(struct qcow2_map *m)
{
	for (uint64_t i = 0; m->leaf && i < m->leaves; i++)
		free(m->leaf[i]);
	free(m->leaf);
	m->leaf = NULL;
}

const uint64_t *qcow2_map_leaf(const struct qcow2_map *m, uint64_t i)
{
	return i < m->leaves ? atomic_load_explicit(&m->leaf[i], memory_order_acquire) : NULL;
}

uint64_t qcow2_map_get(const struct qcow2_map *m, uint64_t cluster)
{
	const uint64_t *leaf = qcow2_map_leaf(m, cluster / QCOW2_LEAF);

	return leaf ? leaf[cluster % QCOW2_LEAF] : 0;
}

/* Two threads may want the same new leaf: the first one's stays. */
static uint64_t *leaf_make(uint64_t *_Atomic *slot)
{
	uint64_t *there = NULL, *made = calloc(QCOW2_LEAF, sizeof *made);

	if (!made || atomic_compare_exchange_strong(slot, &there, made))
		return made;
	free(made);
	return there;
}

int qcow2_map_set(struct qcow2_map *m, uint64_t cluster, uint64_t entry, struct err *err)
{
	uint64_t *_Atomic *slot = &m->leaf[cluster / QCOW2_LEAF];
	uint64_t *leaf = atomic_load_explicit(slot, memory_order_acquire);

	if (!leaf && !entry)
		return 0;
	if (!leaf)
		leaf = leaf_make(slot);
	if (!leaf)
		return err_nomem(err);
	leaf[cluster % QCOW2_LEAF] = entry;
	return 0;
}

void qcow2_map_clear(struct qcow2_map *m, uint64_t first, uint64_t n)
{
	for (uint64_t at = first, end = first + n; at < end;) {
		uint64_t *leaf = atomic_load_explicit(&m->leaf[at / QCOW2_LEAF], memory_order_acquire);
		uint64_t count = min_u64(QCOW2_LEAF - at % QCOW2_LEAF, end - at);

		if (leaf)
			memset(leaf + at % QCOW2_LEAF, 0, count * sizeof *leaf);
		at += count;
	}
}
