/* Grain directory and tables of a sparse VMDK extent. */
#include "formats/vmdk_tables.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/zeros.h"
#include "formats/vmdk_layout.h"

enum {
	/* 4096 tables of 2 KiB cover 128 GiB of a disk with grains of 64 KiB. */
	CACHE_BYTES = 8 << 20,
	/* One read: 64 usual tables, which stand side by side in all files seen. */
	BATCH_BYTES = 128 << 10,
	/* Tables built from markers: 64 TiB of usual grains; 16 MiB of pointers. */
	BUILT_TABLES_MAX = 1 << 21,
	BUILT_BYTES_MAX = 512 << 20, /* 8 TiB in grains of 64 KiB */
	SKIPPED_TABLES = 256,
	SORTED_TABLES_MAX = 1 << 20, /* 32 TiB in usual tables; 8 MiB to sort them */
};

struct slot {
	uint64_t table;	   /* which one is here */
	uint32_t *entries; /* NULL: none yet */
};

struct vmdk_tables {
	struct block *file; /* borrowed */
	struct vmdk_geometry g;
	uint64_t ntables;
	pthread_mutex_t lock; /* guards what follows */
	uint32_t *directory;  /* sector of each table, 0: all its grains are not allocated; NULL: built */
	uint32_t *shared;     /* sectors of the tables that several entries name, sorted */
	size_t nshared;
	uint32_t **built;     /* by table, NULL: nothing in it */
	uint64_t built_bytes; /* of these tables */
	struct slot *slots;   /* table n is in slot n % nslots or nowhere */
	uint32_t nslots;
};

static uint64_t table_bytes(const struct vmdk_tables *t)
{
	return (uint64_t)t->g.gtes * 4;
}

/* Tables needed for the disk; more than the limit is refused before anything is allocated. */
static int count_tables(const struct vmdk_geometry *g, uint64_t max, uint64_t *ret, struct err *err)
{
	*ret = div_round_up(g->grains, g->gtes);
	if (*ret > max)
		return err_set(err, ERR_CORRUPT,
			       "%" PRIu64 " grain tables for %" PRIu64 " bytes, the limit is %" PRIu64, *ret,
			       g->capacity, max);
	return 0;
}

static int tables_alloc(struct block *file, const struct vmdk_geometry *g, uint64_t max, struct vmdk_tables **ret,
			struct err *err)
{
	struct vmdk_tables *t;
	uint64_t n;

	if (count_tables(g, max, &n, err) < 0)
		return -1;
	t = calloc(1, sizeof *t);
	if (!t)
		return err_nomem(err);
	t->file = file;
	t->g = *g;
	t->ntables = n;
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return 0;
}

void vmdk_tables_close(struct vmdk_tables *t)
{
	if (!t)
		return;
	for (uint64_t i = 0; t->slots && i < t->nslots; i++)
		free(t->slots[i].entries);
	for (uint64_t i = 0; t->built && i < t->ntables; i++)
		free(t->built[i]);
	free(t->slots);
	free(t->built);
	free(t->shared);
	free(t->directory);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int check_directory(struct vmdk_tables *t, struct err *err)
{
	for (uint64_t i = 0; i < t->ntables; i++) {
		uint64_t off;

		t->directory[i] = get_le32(&t->directory[i]);
		off = (uint64_t)t->directory[i] * VMDK_SECTOR;
		if (off && !range_inside(off, table_bytes(t), t->file->size))
			return err_set(err, ERR_CORRUPT,
				       "grain table %" PRIu64 " of %" PRIu64 ": %" PRIu64 " bytes at 0x%" PRIx64
				       ": the file ends at 0x%" PRIx64,
				       i, t->ntables, table_bytes(t), off, t->file->size);
	}
	return 0;
}

static int by_sector(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* As nearly all programs write them: in rising order, which needs no sorting. */
static bool is_rising(const struct vmdk_tables *t)
{
	uint32_t last = 0;

	for (uint64_t i = 0; i < t->ntables; i++) {
		if (t->directory[i] && t->directory[i] <= last)
			return false;
		last = t->directory[i] ? t->directory[i] : last;
	}
	return true;
}

static uint64_t count_used(const struct vmdk_tables *t)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->ntables; i++)
		n += t->directory[i] != 0;
	return n;
}

/* The sectors of all tables, sorted; *ret is malloc'ed. */
static int sort_used(const struct vmdk_tables *t, uint64_t used, uint32_t **ret, struct err *err)
{
	uint64_t n = 0;

	if (used > SORTED_TABLES_MAX)
		return err_set(err, ERR_CORRUPT,
			       "grain directory: %" PRIu64 " tables, which don't stand in order: the limit is %d then",
			       used, SORTED_TABLES_MAX);
	*ret = malloc(used * sizeof **ret);
	if (!*ret)
		return err_nomem(err);
	for (uint64_t i = 0; i < t->ntables; i++)
		if (t->directory[i])
			(*ret)[n++] = t->directory[i];
	qsort(*ret, n, sizeof **ret, by_sector);
	return 0;
}

/* Several entries may name one table as long as it is empty: keep_table() looks. */
static int find_shared(struct vmdk_tables *t, struct err *err)
{
	uint64_t used = count_used(t);
	uint32_t *s;

	if (is_rising(t))
		return 0;
	if (sort_used(t, used, &t->shared, err) < 0)
		return -1;
	s = t->shared;
	for (uint64_t i = 1; i < used; i++)
		if (s[i] == s[i - 1] && (!t->nshared || s[t->nshared - 1] != s[i]))
			s[t->nshared++] = s[i];
	return 0;
}

static bool is_shared(const struct vmdk_tables *t, uint64_t table)
{
	return t->nshared && bsearch(&t->directory[table], t->shared, t->nshared, sizeof *t->shared, by_sector);
}

int vmdk_tables_open(struct block *file, const struct vmdk_geometry *g, uint64_t gd_off, struct vmdk_tables **ret,
		     struct err *err)
{
	AUTO(vmdk_tables_closep) struct vmdk_tables *t = NULL;
	uint64_t bytes;

	if (tables_alloc(file, g, VMDK_GD_ENTRIES_MAX, &t, err) < 0)
		return -1;
	bytes = t->ntables * 4;
	if (!range_inside(gd_off, bytes, file->size))
		return err_set(err, ERR_CORRUPT,
			       "grain directory: %" PRIu64 " bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64,
			       bytes, gd_off, file->size);
	t->nslots = (uint32_t)min_u64(CACHE_BYTES / table_bytes(t), t->ntables);
	t->directory = malloc(bytes);
	t->slots = calloc(t->nslots, sizeof *t->slots);
	if (!t->directory || !t->slots)
		return err_nomem(err);
	if (block_pread(file, t->directory, bytes, gd_off, err) < 0)
		return err_wrap(err, "grain directory");
	if (check_directory(t, err) < 0 || find_shared(t, err) < 0)
		return -1;
	*ret = take_ptr(&t);
	return 0;
}

int vmdk_tables_new(struct block *file, const struct vmdk_geometry *g, struct vmdk_tables **ret, struct err *err)
{
	AUTO(vmdk_tables_closep) struct vmdk_tables *t = NULL;

	if (tables_alloc(file, g, BUILT_TABLES_MAX, &t, err) < 0)
		return -1;
	t->built = calloc(t->ntables, sizeof *t->built);
	if (!t->built)
		return err_nomem(err);
	*ret = take_ptr(&t);
	return 0;
}

int vmdk_tables_set(struct vmdk_tables *t, uint64_t grain, uint32_t sector, struct err *err)
{
	uint32_t **table = &t->built[grain / t->g.gtes];

	if (!*table) {
		t->built_bytes += table_bytes(t);
		if (t->built_bytes > BUILT_BYTES_MAX)
			return err_set(err, ERR_CORRUPT,
				       "grain %" PRIu64 " at 0x%" PRIx64
				       ": the tables up to it take more than %d MiB, which is the limit",
				       grain, (uint64_t)sector * VMDK_SECTOR, BUILT_BYTES_MAX >> 20);
		*table = calloc(t->g.gtes, sizeof **table);
	}
	if (!*table)
		return err_nomem(err);
	if ((*table)[grain % t->g.gtes])
		return err_set(err, ERR_CORRUPT, "grain %" PRIu64 " is there twice: at 0x%" PRIx64 " and 0x%" PRIx64,
			       grain, (uint64_t)(*table)[grain % t->g.gtes] * VMDK_SECTOR,
			       (uint64_t)sector * VMDK_SECTOR);
	(*table)[grain % t->g.gtes] = sector;
	return 0;
}

/* Bytes of the file that a grain needs at least: its marker, or all that the disk has of it. */
static uint64_t grain_needs(const struct vmdk_tables *t, uint64_t grain)
{
	if (t->g.compressed)
		return VMDK_M_DATA;
	return min_u64(t->g.grain_bytes, t->g.capacity - grain * t->g.grain_bytes);
}

static int check_table(const struct vmdk_tables *t, uint64_t table, const uint32_t *entries, struct err *err)
{
	uint64_t first = table * t->g.gtes;

	for (uint32_t i = 0; i < t->g.gtes && first + i < t->g.grains; i++) {
		uint64_t off = (uint64_t)entries[i] * VMDK_SECTOR;

		if (!off || (t->g.zeroed && entries[i] == VMDK_GTE_ZEROED))
			continue;
		if (!range_inside(off, grain_needs(t, first + i), t->file->size))
			return err_set(err, ERR_CORRUPT,
				       "grain table %" PRIu64 " at 0x%" PRIx64 ": entry %u points to 0x%" PRIx64
				       ", the file ends at 0x%" PRIx64,
				       table, (uint64_t)t->directory[table] * VMDK_SECTOR, i, off, t->file->size);
	}
	return 0;
}

/* Puts one table as read into its slot; one without entries is forgotten as if the directory had none. */
static int keep_table(struct vmdk_tables *t, uint64_t table, const unsigned char *raw, struct err *err)
{
	struct slot *s = &t->slots[table % t->nslots];

	if (all_zeros(raw, table_bytes(t))) {
		t->directory[table] = 0;
		return 0;
	}
	if (is_shared(t, table))
		return err_set(err, ERR_CORRUPT,
			       "grain table %" PRIu64 " at 0x%" PRIx64
			       ": another entry of the grain directory names it too",
			       table, (uint64_t)t->directory[table] * VMDK_SECTOR);
	if (!s->entries)
		s->entries = malloc(table_bytes(t));
	if (!s->entries)
		return err_nomem(err);
	s->table = UINT64_MAX;
	for (uint32_t i = 0; i < t->g.gtes; i++)
		s->entries[i] = get_le32(raw + 4 * i);
	if (check_table(t, table, s->entries, err) < 0)
		return -1;
	s->table = table;
	return 0;
}

/* How many tables from `table` on stand side by side in the file, at most a batch. */
static uint64_t batch_length(const struct vmdk_tables *t, uint64_t table)
{
	uint64_t max = min_u64(min_u64(t->ntables - table, BATCH_BYTES / table_bytes(t)), t->nslots);
	uint64_t start = (uint64_t)t->directory[table] * VMDK_SECTOR;
	uint64_t n = 1;

	while (n < max && (uint64_t)t->directory[table + n] * VMDK_SECTOR == start + n * table_bytes(t))
		n++;
	return n;
}

static int load_batch(struct vmdk_tables *t, uint64_t table, struct err *err)
{
	uint64_t off = (uint64_t)t->directory[table] * VMDK_SECTOR;
	uint64_t n = batch_length(t, table), bytes = n * table_bytes(t);
	AUTO_FREE unsigned char *raw = NULL;
	struct extent e;

	/* Programs preallocate the tables of an empty disk as a hole. */
	if (block_extent(t->file, off, bytes, &e, err) < 0)
		return -1;
	if (e.kind != EXTENT_DATA && e.len == bytes) {
		memset(&t->directory[table], 0, n * sizeof *t->directory);
		return 0;
	}
	raw = malloc(bytes);
	if (!raw)
		return err_nomem(err);
	if (block_pread(t->file, raw, bytes, off, err) < 0)
		return err_wrap(err, "grain table %" PRIu64, table);
	for (uint64_t i = 0; i < n; i++)
		if (keep_table(t, table + i, raw + i * table_bytes(t), err) < 0)
			return -1;
	return 0;
}

/* The entries of a table, NULL when it has none; to be used under the lock. */
static int find_table(struct vmdk_tables *t, uint64_t table, const uint32_t **ret, struct err *err)
{
	struct slot *s;

	*ret = NULL;
	if (t->built) {
		*ret = t->built[table];
		return 0;
	}
	if (!t->directory[table])
		return 0;
	s = &t->slots[table % t->nslots];
	if (!s->entries || s->table != table) {
		if (load_batch(t, table, err) < 0)
			return -1;
		if (!t->directory[table])
			return 0;
	}
	*ret = s->entries;
	return 0;
}

static int get_locked(struct vmdk_tables *t, uint64_t first, uint32_t n, uint32_t *ret, struct err *err)
{
	while (n) {
		uint32_t at = (uint32_t)(first % t->g.gtes);
		uint32_t part = (uint32_t)min_u64(n, t->g.gtes - at);
		const uint32_t *entries;

		if (find_table(t, first / t->g.gtes, &entries, err) < 0)
			return -1;
		if (entries)
			memcpy(ret, entries + at, part * sizeof *ret);
		else
			memset(ret, 0, part * sizeof *ret);
		ret += part;
		first += part;
		n -= part;
	}
	return 0;
}

int vmdk_tables_get(struct vmdk_tables *t, uint64_t first, uint32_t n, uint32_t *ret, struct err *err)
{
	int result;

	pthread_mutex_lock(&t->lock);
	result = get_locked(t, first, n, ret, err);
	pthread_mutex_unlock(&t->lock);
	return result;
}

static enum extent_kind entry_kind(const struct vmdk_tables *t, uint32_t entry)
{
	if (!entry)
		return EXTENT_HOLE;
	return t->g.zeroed && entry == VMDK_GTE_ZEROED ? EXTENT_ZERO : EXTENT_DATA;
}

/* Counts on through one table from grain `first`; returns how many of max are of the kind. */
static uint64_t count_alike(const struct vmdk_tables *t, const uint32_t *entries, uint64_t first, uint64_t max,
			    enum extent_kind kind)
{
	uint32_t at = (uint32_t)(first % t->g.gtes);
	uint64_t n = 0;

	max = min_u64(max, t->g.gtes - at);
	if (!entries)
		return kind == EXTENT_HOLE ? max : 0;
	while (n < max && entry_kind(t, entries[at + n]) == kind)
		n++;
	return n;
}

/* Grains from the beginning of a table on whose tables aren't there, by hundreds of tables: sparse disks have millions.
 */
static uint64_t skip_absent(const struct vmdk_tables *t, uint64_t first, uint64_t max)
{
	const uint64_t step = (uint64_t)SKIPPED_TABLES * t->g.gtes;
	uint64_t n = 0;

	if (t->built || first % t->g.gtes)
		return 0;
	while (n + step <= max && all_zeros(&t->directory[(first + n) / t->g.gtes], SKIPPED_TABLES * sizeof(uint32_t)))
		n += step;
	return n;
}

static int run_locked(struct vmdk_tables *t, uint64_t first, uint64_t max, enum extent_kind *ret_kind, uint64_t *ret_n,
		      struct err *err)
{
	uint32_t entry;

	if (get_locked(t, first, 1, &entry, err) < 0)
		return -1;
	*ret_kind = entry_kind(t, entry);
	*ret_n = 0;
	while (*ret_n < max) {
		uint64_t at = first + *ret_n, n;
		const uint32_t *entries;

		if (*ret_kind == EXTENT_HOLE && (n = skip_absent(t, at, max - *ret_n))) {
			*ret_n += n;
			continue;
		}
		if (find_table(t, at / t->g.gtes, &entries, err) < 0)
			return -1;
		n = count_alike(t, entries, at, max - *ret_n, *ret_kind);
		*ret_n += n;
		if (!n || (at + n) % t->g.gtes)
			return 0;
	}
	return 0;
}

int vmdk_tables_run(struct vmdk_tables *t, uint64_t first, uint64_t max, enum extent_kind *ret_kind, uint64_t *ret_n,
		    struct err *err)
{
	int result;

	pthread_mutex_lock(&t->lock);
	result = run_locked(t, first, max, ret_kind, ret_n, err);
	pthread_mutex_unlock(&t->lock);
	return result;
}

static int next_locked(struct vmdk_tables *t, uint64_t grain, uint32_t *ret, struct err *err)
{
	const uint32_t *entries;

	*ret = 0;
	if (find_table(t, grain / t->g.gtes, &entries, err) < 0)
		return -1;
	for (uint32_t i = (uint32_t)(grain % t->g.gtes) + 1; entries && i < t->g.gtes && !*ret; i++)
		if (entry_kind(t, entries[i]) == EXTENT_DATA)
			*ret = entries[i];
	return 0;
}

int vmdk_tables_next(struct vmdk_tables *t, uint64_t grain, uint32_t *ret, struct err *err)
{
	int result;

	pthread_mutex_lock(&t->lock);
	result = next_locked(t, grain, ret, err);
	pthread_mutex_unlock(&t->lock);
	return result;
}
