/* The end of a qcow2 image: L2 tables, L1 table, refcounts and, when all that lasts, the header. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/zeros.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

enum {
	REFCOUNT_ORDER = 4, /* 16 bits, as qemu makes them */
	REFCOUNT_SIZE = 2,
	STREAM_BYTES = 1 << 20,
	WINDOW_BYTES = 8 << 20, /* refcounts that are counted at a time: 4 Mi clusters */
	SPARSE_UNIT = 4096,
};

/* Tables on their way into the file: gathered, and written without their pages of zeros (the file behind the data is a
 * hole, and L2 tables of sparse disks are nearly empty). */
struct stream {
	int fd;
	uint64_t at; /* of data[0] in the file */
	size_t used;
	unsigned char *data; /* STREAM_BYTES */
};

static int stream_flush(struct stream *s, struct err *err)
{
	size_t from = 0;

	while (from < s->used) {
		size_t to = from;

		while (to < s->used && !all_zeros(s->data + to, min_u64(SPARSE_UNIT, s->used - to)))
			to += min_u64(SPARSE_UNIT, s->used - to);
		if (to > from && file_pwrite(s->fd, s->data + from, to - from, s->at + from, err) < 0)
			return -1;
		from = to + SPARSE_UNIT;
	}
	s->at += s->used;
	s->used = 0;
	return 0;
}

/* len bytes of room, at most STREAM_BYTES, zeroed. */
static unsigned char *stream_room(struct stream *s, size_t len, struct err *err)
{
	unsigned char *room;

	if (s->used + len > STREAM_BYTES && stream_flush(s, err) < 0)
		return NULL;
	room = s->data + s->used;
	memset(room, 0, len);
	s->used += len;
	return room;
}

static int stream_zeros(struct stream *s, uint64_t len, struct err *err)
{
	while (len) {
		size_t part = min_u64(len, SPARSE_UNIT);

		if (!stream_room(s, part, err))
			return -1;
		len -= part;
	}
	return 0;
}

void qcow2_plan(struct qcow2_plan *p, const struct qcow2_writer *w, uint64_t data, uint64_t l2_tables)
{
	uint64_t per_table = w->cluster / QCOW2_ENTRY_SIZE, per_block = w->cluster / REFCOUNT_SIZE, fixed, was;

	*p = (struct qcow2_plan){.l1_entries = div_round_up(w->map.clusters, qcow2_per_l2(w))};
	p->l2_at = data;
	p->l1_at = p->l2_at + l2_tables;
	p->l1_clusters = div_round_up(p->l1_entries, per_table);
	p->blocks_at = fixed = p->l1_at + p->l1_clusters;
	/* Refcount blocks and their table count themselves. */
	do {
		was = p->blocks + p->table_clusters;
		p->blocks = div_round_up(fixed + was, per_block);
		p->table_clusters = div_round_up(p->blocks, per_table);
	} while (p->blocks + p->table_clusters != was);
	p->table_at = p->blocks_at + p->blocks;
	p->end = p->table_at + p->table_clusters;
}

/* Is anything of the disk mapped by the L2 table of this index, which isn't in the file yet? */
static bool table_used(const struct qcow2_writer *w, uint64_t index)
{
	uint64_t per = qcow2_per_l2(w) / QCOW2_LEAF;

	if (w->preallocation)
		return true;
	for (uint64_t i = index * per; i < (index + 1) * per; i++) {
		const uint64_t *leaf = qcow2_map_leaf(&w->map, i);

		if (leaf && !all_zeros(leaf, QCOW2_LEAF * sizeof *leaf))
			return true;
	}
	return false;
}

/* What a cluster's entry will be. Preallocated ones have their place whether they were written or not. */
static uint64_t entry_of(const struct qcow2_writer *w, const uint64_t *leaf, uint64_t cluster)
{
	if (w->preallocation && cluster < w->map.clusters)
		return qcow2_fixed_place(w, cluster) | QCOW2_COPIED;
	return leaf ? leaf[cluster % QCOW2_LEAF] : 0;
}

/* Compressed clusters have no subclusters. */
void qcow2_put_entry(const struct qcow2_writer *w, unsigned char *at, uint64_t entry)
{
	put_be64(at, entry);
	if (w->extended && entry & QCOW2_COPIED)
		put_be64(at + QCOW2_ENTRY_SIZE, qcow2_subclusters_bits(w, entry & QCOW2_OFFSET_MASK));
}

static int write_l2(const struct qcow2_writer *w, struct stream *s, uint64_t index, struct err *err)
{
	uint64_t per = qcow2_per_l2(w) / QCOW2_LEAF, size = w->cluster / qcow2_per_l2(w);

	for (uint64_t i = index * per; i < (index + 1) * per; i++) {
		const uint64_t *leaf = qcow2_map_leaf(&w->map, i);
		unsigned char *room = stream_room(s, QCOW2_LEAF * size, err);

		if (!room)
			return -1;
		for (uint64_t k = 0; k < QCOW2_LEAF; k++)
			qcow2_put_entry(w, room + k * size, entry_of(w, leaf, i * QCOW2_LEAF + k));
	}
	return 0;
}

/* All L2 tables, then the L1 table that points to them. */
static int write_mapping(const struct qcow2_writer *w, const struct qcow2_plan *p, const bool *used, struct stream *s,
			 struct err *err)
{
	uint64_t at = p->l2_at * w->cluster, tail = p->l1_clusters * w->cluster - p->l1_entries * QCOW2_ENTRY_SIZE;

	for (uint64_t i = 0; i < p->l1_entries; i++)
		if (used[i] && write_l2(w, s, i, err) < 0)
			return -1;
	for (uint64_t i = 0; i < p->l1_entries; i++) {
		unsigned char *room = stream_room(s, QCOW2_ENTRY_SIZE, err);

		if (!room)
			return -1;
		if (used[i]) {
			put_be64(room, at | QCOW2_COPIED);
			at += w->cluster;
		} else if (qcow2_map_place(&w->map, i)) {
			put_be64(room, qcow2_map_place(&w->map, i) | QCOW2_COPIED);
		}
	}
	return stream_zeros(s, tail, err);
}

/* The part of the file's refcounts that is being counted. */
struct window {
	uint16_t *count;
	uint64_t first, n; /* clusters */
	bool overflow;
};

static void count_range(struct window *win, uint64_t from, uint64_t end)
{
	from = max_u64(from, win->first);
	end = min_u64(end, win->first + win->n);
	for (; from < end; from++)
		if (++win->count[from - win->first] == 0)
			win->overflow = true;
}

static void count_entry(const struct qcow2_writer *w, struct window *win, uint64_t entry)
{
	uint64_t host = entry & QCOW2_OFFSET_MASK, len = w->cluster;

	if (!entry)
		return;
	if (entry & QCOW2_COMPRESSED)
		qcow2_compressed_range(w->cluster_bits, entry, &host, &len);
	count_range(win, host >> w->cluster_bits, div_round_up(host + len, w->cluster));
}

/* What the table of this index maps, and itself when it is in the file already. table: a cluster, entries: per_l2. */
static int count_table(const struct qcow2_writer *w, struct window *win, uint64_t index, unsigned char *table,
		       uint64_t *entries, struct err *err)
{
	uint64_t place = qcow2_map_place(&w->map, index), per = qcow2_per_l2(w);

	if (!place) {
		for (uint64_t i = index * per / QCOW2_LEAF; i < (index + 1) * per / QCOW2_LEAF; i++) {
			const uint64_t *leaf = qcow2_map_leaf(&w->map, i);

			for (unsigned k = 0; leaf && k < QCOW2_LEAF; k++)
				count_entry(w, win, leaf[k]);
		}
		return 0;
	}
	if (file_pread(w->fd, table, w->cluster, place, err) < 0)
		return -1;
	qcow2_table_get(w, table, entries);
	for (uint64_t i = 0; i < per; i++)
		count_entry(w, win, entries[i]);
	count_range(win, place >> w->cluster_bits, (place >> w->cluster_bits) + 1);
	return 0;
}

static int count_window(const struct qcow2_writer *w, const struct qcow2_plan *p, struct window *win, struct err *err)
{
	AUTO_FREE unsigned char *table = malloc(w->cluster);
	AUTO_FREE uint64_t *entries = malloc(qcow2_per_l2(w) * sizeof *entries);

	if (!table || !entries)
		return err_nomem(err);
	memset(win->count, 0, win->n * sizeof *win->count);
	for (uint64_t i = 0; !w->preallocation && i < w->map.tables; i++)
		if (count_table(w, win, i, table, entries, err) < 0)
			return -1;
	count_range(win, 0, w->preallocation ? 1 + w->map.clusters : 1);
	count_range(win, p->l2_at, p->end);
	return win->overflow ? err_set(err, ERR_INTERNAL, "more than 65535 references to one cluster") : 0;
}

static int write_blocks(const struct qcow2_writer *w, const struct qcow2_plan *p, struct stream *s, struct err *err)
{
	uint64_t total = p->blocks * (w->cluster / REFCOUNT_SIZE);
	AUTO_FREE uint16_t *count = malloc(WINDOW_BYTES);
	struct window win = {.count = count};

	if (!count)
		return err_nomem(err);
	for (; win.first < total; win.first += win.n) {
		win.n = min_u64(WINDOW_BYTES / sizeof *count, total - win.first);
		if (count_window(w, p, &win, err) < 0)
			return -1;
		/* Blocks are whole multiples of 256 refcounts. */
		for (uint64_t i = 0; i < win.n; i += 256) {
			unsigned char *room = stream_room(s, 256 * REFCOUNT_SIZE, err);

			if (!room)
				return -1;
			for (unsigned k = 0; k < 256; k++)
				put_be16(room + k * REFCOUNT_SIZE, count[i + k]);
		}
	}
	return 0;
}

static int write_refcounts(const struct qcow2_writer *w, const struct qcow2_plan *p, struct stream *s, struct err *err)
{
	if (write_blocks(w, p, s, err) < 0)
		return -1;
	for (uint64_t i = 0; i < p->blocks; i++) {
		unsigned char *room = stream_room(s, QCOW2_ENTRY_SIZE, err);

		if (!room)
			return -1;
		put_be64(room, (p->blocks_at + i) * w->cluster);
	}
	return stream_zeros(s, p->table_clusters * w->cluster - p->blocks * QCOW2_ENTRY_SIZE, err);
}

/* Adds a feature to the header, and its name to the table behind it: a program that doesn't know the feature can then
 * name it. Section "Header extensions". */
static void put_feature(unsigned char *h, unsigned bit, const char *name)
{
	unsigned char *table = h + QCOW2_V3_HEADER_SIZE, *at;
	uint32_t len = get_be32(table + 4);

	put_be64(h + QCOW2_H_INCOMPATIBLE, get_be64(h + QCOW2_H_INCOMPATIBLE) | QCOW2_BIT(bit));
	put_be32(table, QCOW2_EXT_FEATURE_NAMES);
	put_be32(table + 4, len + QCOW2_FEATURE_ENTRY_SIZE);
	at = table + QCOW2_EXT_HEADER_SIZE + len;
	at[0] = QCOW2_FEATURE_INCOMPATIBLE;
	at[1] = (unsigned char)bit;
	strncpy((char *)at + 2, name, QCOW2_FEATURE_ENTRY_SIZE - 2);
}

static void put_header(const struct qcow2_writer *w, const struct qcow2_plan *p, unsigned char *h)
{
	put_be32(h + QCOW2_H_MAGIC, QCOW2_MAGIC);
	put_be32(h + QCOW2_H_VERSION, 3);
	put_be32(h + QCOW2_H_CLUSTER_BITS, w->cluster_bits);
	put_be64(h + QCOW2_H_SIZE, w->block.size);
	put_be32(h + QCOW2_H_L1_SIZE, (uint32_t)p->l1_entries);
	/* A disk of no bytes has no table. */
	put_be64(h + QCOW2_H_L1_OFFSET, p->l1_entries ? p->l1_at * w->cluster : 0);
	put_be64(h + QCOW2_H_REFTABLE_OFFSET, p->table_at * w->cluster);
	put_be32(h + QCOW2_H_REFTABLE_CLUSTERS, (uint32_t)p->table_clusters);
	put_be32(h + QCOW2_H_REFCOUNT_ORDER, REFCOUNT_ORDER);
	put_be32(h + QCOW2_H_HEADER_LENGTH, QCOW2_V3_HEADER_SIZE);
	if (w->codec == CODEC_ZSTD) {
		h[QCOW2_H_COMPRESSION_TYPE] = QCOW2_COMPRESSION_ZSTD;
		put_feature(h, QCOW2_INCOMPAT_COMPRESSION_BIT, "compression type");
	}
	if (w->extended)
		put_feature(h, QCOW2_INCOMPAT_EXTENDED_L2_BIT, "extended L2 entries");
}

static int write_header(const struct qcow2_writer *w, const struct qcow2_plan *p, struct err *err)
{
	AUTO_FREE unsigned char *h = calloc(1, w->cluster);

	if (!h)
		return err_nomem(err);
	put_header(w, p, h);
	if (fdatasync(w->fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync the data before the header");
	if (file_pwrite(w->fd, h, w->cluster, 0, err) < 0)
		return err_wrap(err, "header");
	if (fdatasync(w->fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync the header");
	return 0;
}

static int write_tables(const struct qcow2_writer *w, const struct qcow2_plan *p, const bool *used, struct err *err)
{
	AUTO_FREE unsigned char *data = malloc(STREAM_BYTES);
	struct stream s = {.fd = w->fd, .at = p->l2_at * w->cluster, .data = data};

	if (!data)
		return err_nomem(err);
	/* Cut first: what a killed run left behind the data must not show through the holes. */
	if (ftruncate(w->fd, (off_t)min_u64(w->tail, s.at)) < 0 || ftruncate(w->fd, (off_t)(p->end * w->cluster)) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the file's size to %" PRIu64, p->end * w->cluster);
	if (write_mapping(w, p, used, &s, err) < 0 || write_refcounts(w, p, &s, err) < 0)
		return err_wrap(err, "tables");
	return stream_flush(&s, err);
}

int qcow2_writer_finish(struct block *b, struct err *err)
{
	struct qcow2_writer *w = (struct qcow2_writer *)b;
	uint64_t tables = div_round_up(w->map.clusters, qcow2_per_l2(w)), l2_tables = 0;
	AUTO_FREE bool *used = calloc(tables + 1, sizeof *used);
	struct qcow2_plan plan;

	if (!used)
		return err_nomem(err);
	for (uint64_t i = 0; i < tables; i++) {
		used[i] = table_used(w, i);
		l2_tables += used[i];
	}
	qcow2_plan(&plan, w, div_round_up(w->tail, w->cluster), l2_tables);
	if (plan.table_clusters * w->cluster > QCOW2_REFTABLE_BYTES_MAX)
		return err_set(err, ERR_UNSUPPORTED, "refcount table of %" PRIu64 " bytes: 8 MiB is the most",
			       plan.table_clusters * w->cluster);
	if (w->preallocation && qcow2_prealloc_finish(w, err) < 0)
		return -1;
	if (write_tables(w, &plan, used, err) < 0)
		return -1;
	return write_header(w, &plan, err);
}
