/* The qcow2 writer's map from guest cluster to L2 entry. */
#include "formats/qcow2_map.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

struct table {
	_Atomic uint64_t changed; /* the map's clock at the last change */
	uint64_t *_Atomic leaf[];
};

/* Places are multiples of 512 and pointers aligned, so the lowest bit is free to tell them apart. */
enum { IN_FILE = 1 };

int qcow2_map_init(struct qcow2_map *m, uint64_t clusters, uint64_t per_table, const struct qcow2_map_store *store,
		   struct err *err)
{
	m->clusters = clusters;
	m->per_table = per_table;
	m->leaves = per_table / QCOW2_LEAF;
	m->tables = div_round_up(clusters, per_table);
	m->store = *store;
	m->slot = calloc(m->tables + 1, sizeof *m->slot);
	if (!m->slot)
		return err_nomem(err);
	pthread_rwlock_init(&m->lock, NULL);
	return 0;
}

static struct table *pointer(uint64_t slot)
{
	return slot & IN_FILE ? NULL : (struct table *)(uintptr_t)slot;
}

static struct table *table_at(const struct qcow2_map *m, uint64_t i)
{
	return pointer(atomic_load_explicit(&m->slot[i], memory_order_acquire));
}

static void table_free(struct qcow2_map *m, struct table *t)
{
	for (uint64_t i = 0; t && i < m->leaves; i++) {
		if (t->leaf[i])
			m->in_memory--;
		free(t->leaf[i]);
	}
	free(t);
}

void qcow2_map_done(struct qcow2_map *m)
{
	if (!m->slot)
		return;
	for (uint64_t i = 0; i < m->tables; i++)
		table_free(m, table_at(m, i));
	free(m->slot);
	m->slot = NULL;
	pthread_rwlock_destroy(&m->lock);
}

static struct table *table_new(const struct qcow2_map *m)
{
	return calloc(1, sizeof(struct table) + m->leaves * sizeof(uint64_t *));
}

/* Two threads may want the same new leaf or table: the first one's stays. */
static uint64_t *leaf_make(struct qcow2_map *m, uint64_t *_Atomic *at)
{
	uint64_t *there = NULL, *made = calloc(QCOW2_LEAF, sizeof *made);

	if (made && !atomic_compare_exchange_strong(at, &there, made)) {
		free(made);
		return there;
	}
	if (made) {
		m->in_memory++;
		m->clock++;
	}
	return made;
}

static struct table *table_make(struct qcow2_map *m, uint64_t i)
{
	struct table *made = table_new(m);
	uint64_t there = 0;

	if (!made || atomic_compare_exchange_strong(&m->slot[i], &there, (uintptr_t)made))
		return made;
	free(made);
	return pointer(there);
}

/* ---- spilling ---- */

static int put_leaves(struct qcow2_map *m, struct table *t, const uint64_t *entries)
{
	for (uint64_t i = 0; i < m->leaves; i++) {
		const uint64_t *from = entries + i * QCOW2_LEAF;
		uint64_t *leaf, any = 0;

		for (unsigned k = 0; k < QCOW2_LEAF; k++)
			any |= from[k];
		if (!any)
			continue;
		leaf = leaf_make(m, &t->leaf[i]);
		if (!leaf)
			return -1;
		memcpy(leaf, from, QCOW2_LEAF * sizeof *leaf);
	}
	return 0;
}

/* Called alone. */
static int load(struct qcow2_map *m, uint64_t i, struct err *err)
{
	AUTO_FREE uint64_t *entries = malloc(m->per_table * sizeof *entries);
	uint64_t slot = m->slot[i];
	struct table *t;

	if (!(slot & IN_FILE))
		return 0;
	if (!entries)
		return err_nomem(err);
	if (m->store.load(m->store.opaque, slot - IN_FILE, entries, err) < 0)
		return -1;
	t = table_new(m);
	if (!t || put_leaves(m, t, entries) < 0) {
		table_free(m, t);
		return err_nomem(err);
	}
	t->changed = m->clock;
	m->slot[i] = (uintptr_t)t;
	return 0;
}

int qcow2_map_fetch(struct qcow2_map *m, uint64_t first, uint64_t n, struct err *err)
{
	int ret = 0;

	for (uint64_t i = first / m->per_table; n && i <= (first + n - 1) / m->per_table && !ret; i++) {
		if (!(atomic_load_explicit(&m->slot[i], memory_order_acquire) & IN_FILE))
			continue;
		pthread_rwlock_wrlock(&m->lock);
		ret = load(m, i, err);
		pthread_rwlock_unlock(&m->lock);
	}
	return ret;
}

/* Called alone. */
static int save(struct qcow2_map *m, uint64_t i, uint64_t *entries, struct err *err)
{
	struct table *t = table_at(m, i);
	uint64_t place;

	memset(entries, 0, m->per_table * sizeof *entries);
	for (uint64_t k = 0; k < m->leaves; k++)
		if (t->leaf[k])
			memcpy(entries + k * QCOW2_LEAF, t->leaf[k], QCOW2_LEAF * sizeof *entries);
	if (m->store.save(m->store.opaque, entries, &place, err) < 0)
		return -1;
	m->slot[i] = place | IN_FILE;
	table_free(m, t);
	return 0;
}

struct candidate {
	uint64_t table, changed;
};

static int by_age(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->changed < y->changed ? -1 : x->changed > y->changed;
}

/* Tables in memory, the one first that was not changed for longest. */
static struct candidate *candidates(const struct qcow2_map *m, size_t *ret_n)
{
	struct candidate *list;
	size_t n = 0;

	for (uint64_t i = 0; i < m->tables; i++)
		n += table_at(m, i) != NULL;
	list = malloc((n + 1) * sizeof *list);
	*ret_n = 0;
	for (uint64_t i = 0; list && i < m->tables; i++)
		if (table_at(m, i))
			list[(*ret_n)++] = (struct candidate){i, table_at(m, i)->changed};
	if (*ret_n)
		qsort(list, *ret_n, sizeof *list, by_age);
	return list;
}

int qcow2_map_spill(struct qcow2_map *m, size_t keep, struct err *err)
{
	AUTO_FREE uint64_t *entries = malloc(m->per_table * sizeof *entries);
	AUTO_FREE struct candidate *list = NULL;
	size_t n = 0;
	int ret = 0;

	if (!entries)
		return err_nomem(err);
	pthread_rwlock_wrlock(&m->lock);
	list = candidates(m, &n);
	for (size_t i = 0; i < n && m->in_memory > keep && !ret; i++)
		ret = save(m, list[i].table, entries, err);
	pthread_rwlock_unlock(&m->lock);
	return list ? ret : err_nomem(err);
}

bool qcow2_map_hold(struct qcow2_map *m, uint64_t first, uint64_t n)
{
	pthread_rwlock_rdlock(&m->lock);
	for (uint64_t i = first / m->per_table; n && i <= (first + n - 1) / m->per_table; i++)
		if (m->slot[i] & IN_FILE)
			return false;
	return true;
}

void qcow2_map_release(struct qcow2_map *m)
{
	pthread_rwlock_unlock(&m->lock);
}

/* ---- entries ---- */

const uint64_t *qcow2_map_leaf(const struct qcow2_map *m, uint64_t i)
{
	struct table *t = i / m->leaves < m->tables ? table_at(m, i / m->leaves) : NULL;

	return t ? atomic_load_explicit(&t->leaf[i % m->leaves], memory_order_acquire) : NULL;
}

uint64_t qcow2_map_place(const struct qcow2_map *m, uint64_t table)
{
	return m->slot[table] & IN_FILE ? m->slot[table] - IN_FILE : 0;
}

uint64_t qcow2_map_get(const struct qcow2_map *m, uint64_t cluster)
{
	const uint64_t *leaf = qcow2_map_leaf(m, cluster / QCOW2_LEAF);

	return leaf ? leaf[cluster % QCOW2_LEAF] : 0;
}

/* With the lock held. */
static int set_held(struct qcow2_map *m, uint64_t cluster, uint64_t entry, struct err *err)
{
	struct table *t = table_at(m, cluster / m->per_table);
	uint64_t *leaf;

	if (!t)
		t = table_make(m, cluster / m->per_table);
	if (!t)
		return err_nomem(err);

	uint64_t *_Atomic *at = &t->leaf[cluster / QCOW2_LEAF % m->leaves];

	leaf = atomic_load_explicit(at, memory_order_acquire);
	if (!leaf)
		leaf = leaf_make(m, at);
	if (!leaf)
		return err_nomem(err);
	leaf[cluster % QCOW2_LEAF] = entry;
	atomic_store_explicit(&t->changed, m->clock, memory_order_relaxed);
	return 0;
}

/* The lock, with the cluster's table in memory. */
static int hold_one(struct qcow2_map *m, uint64_t cluster, struct err *err)
{
	while (!qcow2_map_hold(m, cluster, 1)) {
		qcow2_map_release(m);
		if (qcow2_map_fetch(m, cluster, 1, err) < 0)
			return -1;
	}
	return 0;
}

int qcow2_map_find(struct qcow2_map *m, uint64_t cluster, uint64_t *ret, struct err *err)
{
	if (hold_one(m, cluster, err) < 0)
		return -1;
	*ret = qcow2_map_get(m, cluster);
	qcow2_map_release(m);
	return 0;
}

int qcow2_map_set(struct qcow2_map *m, uint64_t cluster, uint64_t entry, struct err *err)
{
	int ret;

	if (hold_one(m, cluster, err) < 0)
		return -1;
	ret = set_held(m, cluster, entry, err);
	qcow2_map_release(m);
	return ret;
}

/* With the lock held; all in one table. */
static void clear_held(struct qcow2_map *m, uint64_t first, uint64_t end)
{
	for (uint64_t at = first, count; at < end; at += count) {
		uint64_t *leaf = (uint64_t *)(uintptr_t)qcow2_map_leaf(m, at / QCOW2_LEAF);

		count = min_u64(QCOW2_LEAF - at % QCOW2_LEAF, end - at);
		if (leaf)
			memset(leaf + at % QCOW2_LEAF, 0, count * sizeof *leaf);
	}
}

int qcow2_map_clear(struct qcow2_map *m, uint64_t first, uint64_t n, struct err *err)
{
	uint64_t end = first + n, to;

	for (uint64_t at = first; at < end; at = to) {
		to = min_u64(end, (at / m->per_table + 1) * m->per_table);
		if (!m->slot[at / m->per_table])
			continue;
		if (hold_one(m, at, err) < 0)
			return -1;
		clear_held(m, at, to);
		qcow2_map_release(m);
	}
	return 0;
}
