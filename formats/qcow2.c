/* The qcow2 reader, versions 2 and 3: plain, zero and compressed clusters over a chain of backing images. */
#include "formats/qcow2.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/facts.h"
#include "formats/page_cache.h"
#include "formats/qcow2_header.h"
#include "formats/registry.h"
#include "formats/resolve.h"
#include "formats/unit_cache.h"

enum {
	L2_CACHE_BYTES = 4 << 20,      /* 64 tables of 64 KiB: 32 GiB of disk */
	CLUSTER_CACHE_BYTES = 2 << 20, /* inflated clusters of which only parts were asked for */
	PACKED_GAP = 16 << 10,	       /* bytes read for nothing rather than by another call */
	PACKED_RUN = 32,	       /* compressed clusters that are read together */
	PACKED_BYTES = 2 << 20,	       /* and how far they may reach; a single one has at most 2 clusters = 4 MiB */
};

struct inflater {
	struct inflater *next;
	struct decoder *decoder;
	unsigned char *in; /* PACKED_BYTES or two clusters */
};

struct qcow2 {
	struct block b;
	struct block *file, *backing; /* owned; backing NULL: none */
	unsigned version, cluster_bits;
	uint64_t cluster;
	uint64_t per_l2; /* entries */
	enum codec codec;
	uint64_t *l1; /* host byte order, reserved bits and flags gone */
	uint64_t l1_entries;
	struct page_cache l2;
	struct unit_cache *inflated;
	pthread_mutex_t lock; /* of what follows */
	struct inflater *inflaters;
	struct extent known; /* of the file: what it last said of itself; len 0 at first */
};

/* What L2 entries say about a cluster. */
enum cluster_kind { CLUSTER_UNKNOWN = 0, CLUSTER_UNALLOCATED, CLUSTER_ZERO, CLUSTER_PLAIN, CLUSTER_PACKED };

struct cluster {
	enum cluster_kind kind;
	uint64_t host, len; /* in the file; of plain and packed */
};

/* Clusters of one kind in a row, cut by the caller's range. */
struct run {
	enum cluster_kind kind;
	uint64_t len;  /* guest bytes from the offset asked for */
	uint64_t host; /* plain: of the first byte */
	size_t n;      /* packed: how many of */
	struct cluster packed[PACKED_RUN];
};

static struct qcow2 *qcow2(struct block *b)
{
	return (struct qcow2 *)b;
}

static int load_l2(void *opaque, uint64_t index, unsigned char *data, struct err *err)
{
	struct qcow2 *q = opaque;

	if (!range_inside(q->l1[index], q->cluster, q->file->size))
		return err_set(err, ERR_CORRUPT,
			       "L1 entry %" PRIu64 ": L2 table at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: the file ends at 0x%" PRIx64,
			       index, q->l1[index], q->cluster, q->file->size);
	return block_pread(q->file, data, q->cluster, q->l1[index], err);
}

/* The L2 table of an L1 entry that isn't 0. */
static struct page *get_l2(struct qcow2 *q, uint64_t index, struct err *err)
{
	return page_cache_get(&q->l2, index, load_l2, q, err);
}

static int bad_entry(const struct qcow2 *q, uint64_t cluster, uint64_t entry, const char *what, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "L2 table %" PRIu64 " entry %" PRIu64 " is 0x%016" PRIx64 ": %s",
		       cluster / q->per_l2, cluster % q->per_l2, entry, what);
}

static int beyond_file(const struct qcow2 *q, uint64_t cluster, const struct cluster *c, struct err *err)
{
	return err_set(err, ERR_CORRUPT,
		       "L2 table %" PRIu64 " entry %" PRIu64 ": %scluster at 0x%" PRIx64
		       ": the file ends at 0x%" PRIx64,
		       cluster / q->per_l2, cluster % q->per_l2, c->kind == CLUSTER_PACKED ? "compressed " : "",
		       c->host, q->file->size);
}

static int decode_packed(const struct qcow2 *q, uint64_t cluster, uint64_t entry, struct cluster *ret, struct err *err)
{
	ret->kind = CLUSTER_PACKED;
	qcow2_compressed_range(q->cluster_bits, entry, &ret->host, &ret->len);
	if (entry & QCOW2_COPIED)
		return bad_entry(q, cluster, entry, "compressed and marked as the only reference", err);
	if (ret->host >= q->file->size)
		return beyond_file(q, cluster, ret, err);
	/* The last sector may reach beyond the end: only the stream inside counts. */
	ret->len = min_u64(ret->len, q->file->size - ret->host);
	return 0;
}

/* "Cluster mapping": the entry of a guest cluster, checked against the file. */
static int decode(const struct qcow2 *q, uint64_t cluster, uint64_t entry, struct cluster *ret, struct err *err)
{
	uint64_t needed = min_u64(q->cluster, q->b.size - (cluster << q->cluster_bits));

	*ret = (struct cluster){.kind = CLUSTER_UNALLOCATED};
	if (!entry)
		return 0;
	if (entry & QCOW2_COMPRESSED)
		return decode_packed(q, cluster, entry, ret, err);
	ret->host = entry & QCOW2_OFFSET_MASK;
	ret->len = q->cluster;
	if (entry & QCOW2_L2_RESERVED || (q->version < 3 && entry & QCOW2_ZERO))
		return bad_entry(q, cluster, entry, "reserved bits are set", err);
	if (ret->host % q->cluster)
		return bad_entry(q, cluster, entry, "its offset is no cluster's", err);
	if (entry & QCOW2_ZERO) {
		ret->kind = CLUSTER_ZERO;
		return 0;
	}
	if (!ret->host)
		return bad_entry(q, cluster, entry, "it points to the header", err);
	ret->kind = CLUSTER_PLAIN;
	/* The file may end inside its last cluster, but not before the end of the disk. */
	return range_inside(ret->host, needed, q->file->size) ? 0 : beyond_file(q, cluster, ret, err);
}

/* Entries of zero from i on: most of what there is in the tables of a sparse disk, hence eight at a time. */
static uint64_t skip_unallocated(const unsigned char *table, uint64_t i, uint64_t end)
{
	uint64_t word[8];

	for (; i + 8 <= end; i += 8) {
		memcpy(word, table + i * QCOW2_ENTRY_SIZE, sizeof word);
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			break;
	}
	while (i < end && !get_be64(table + i * QCOW2_ENTRY_SIZE))
		i++;
	return i;
}

/* Does c go on where the run ends, so that both are one? */
static bool run_goes_on(const struct qcow2 *q, const struct run *run, const struct cluster *first, uint64_t n,
			const struct cluster *c)
{
	const struct cluster *last;

	if (c->kind != run->kind)
		return false;
	if (c->kind == CLUSTER_PLAIN)
		return c->host == first->host + n * q->cluster;
	if (c->kind != CLUSTER_PACKED)
		return true;
	last = &run->packed[run->n - 1];
	return run->n < PACKED_RUN && c->host >= last->host && c->host <= last->host + last->len + PACKED_GAP &&
	       c->host + c->len - first->host <= PACKED_BYTES;
}

/* The run that begins at guest offset off, inside one L2 table. */
static int run_in_table(const struct qcow2 *q, const unsigned char *table, uint64_t off, uint64_t max, struct run *run,
			struct err *err)
{
	uint64_t at = off >> q->cluster_bits, n = 0, inside = off % q->cluster;
	uint64_t end = min_u64((at / q->per_l2 + 1) * q->per_l2, div_round_up(off + max, q->cluster));
	struct cluster first = {0}, c;

	for (; at + n < end; n++) {
		uint64_t i = (at + n) % q->per_l2;

		if (decode(q, at + n, get_be64(table + i * QCOW2_ENTRY_SIZE), &c, err) < 0)
			return -1;
		if (!n) {
			first = c;
			run->kind = c.kind;
		} else if (!run_goes_on(q, run, &first, n, &c)) {
			break;
		}
		if (c.kind == CLUSTER_PACKED)
			run->packed[run->n++] = c;
		if (c.kind == CLUSTER_UNALLOCATED)
			n += skip_unallocated(table, i, i + (end - at - n)) - i - 1;
	}
	run->host = first.host + inside;
	run->len = min_u64(max, n * q->cluster - inside);
	return 0;
}

/* What stands at [off, off+max), as far as it is of one kind; max > 0 inside the disk. */
static int next_run(struct qcow2 *q, uint64_t off, uint64_t max, struct run *run, struct err *err)
{
	uint64_t per_table = q->per_l2 << q->cluster_bits, index = off / per_table, end = index;
	AUTO(page_putp) struct page *table = NULL;

	run->n = 0;
	while (end * per_table < off + max && !q->l1[end])
		end++;
	if (end > index) {
		run->kind = CLUSTER_UNALLOCATED;
		run->len = min_u64(max, end * per_table - off);
		return 0;
	}
	table = get_l2(q, index, err);
	return table ? run_in_table(q, table->data, off, max, run, err) : -1;
}

static struct inflater *inflater_new(const struct qcow2 *q)
{
	struct inflater *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->decoder = decoder_new();
	f->in = malloc(max_u64(PACKED_BYTES, 2 * q->cluster));
	if (f->decoder && f->in)
		return f;
	decoder_free(f->decoder);
	free(f->in);
	free(f);
	return NULL;
}

static struct inflater *inflater_take(struct qcow2 *q, struct err *err)
{
	struct inflater *f;

	pthread_mutex_lock(&q->lock);
	f = q->inflaters;
	if (f)
		q->inflaters = f->next;
	pthread_mutex_unlock(&q->lock);
	if (!f)
		f = inflater_new(q);
	if (!f)
		err_nomem(err);
	return f;
}

static void inflater_give(struct qcow2 *q, struct inflater *f)
{
	pthread_mutex_lock(&q->lock);
	f->next = q->inflaters;
	q->inflaters = f;
	pthread_mutex_unlock(&q->lock);
}

static int inflate_to(struct qcow2 *q, struct inflater *f, const struct cluster *c, const unsigned char *in,
		      unsigned char *out, struct err *err)
{
	if (decoder_run(f->decoder, q->codec, in, c->len, out, q->cluster, err) < 0)
		return err_wrap(err, "compressed cluster of up to %" PRIu64 " bytes at 0x%" PRIx64, c->len, c->host);
	return 0;
}

/* Inflates n clusters of a run, which lie one behind the other or nearly so, into out. */
static int inflate_clusters(struct qcow2 *q, const struct cluster *c, size_t n, unsigned char *out, struct err *err)
{
	uint64_t from = c->host, to = c[n - 1].host + c[n - 1].len;
	struct inflater *f = inflater_take(q, err);
	int ret;

	if (!f)
		return -1;
	/* A damaged table may let an earlier one reach farther than the last. */
	for (size_t i = 0; i < n; i++)
		to = max_u64(to, c[i].host + c[i].len);
	ret = block_pread(q->file, f->in, to - from, from, err);
	for (size_t i = 0; i < n && !ret; i++)
		ret = inflate_to(q, f, &c[i], f->in + (c[i].host - from), out + i * q->cluster, err);
	inflater_give(q, f);
	return ret;
}

/* A part of one cluster, through the cache. */
static int read_packed_part(struct qcow2 *q, const struct cluster *c, unsigned char *buf, uint64_t off, size_t len,
			    struct err *err)
{
	uint64_t index = off >> q->cluster_bits, inside = off % q->cluster;
	AUTO_FREE void *whole = NULL;

	if (unit_cache_read(q->inflated, index, inside, len, buf))
		return 0;
	whole = malloc(q->cluster);
	if (!whole)
		return err_nomem(err);
	if (inflate_clusters(q, c, 1, whole, err) < 0)
		return -1;
	memcpy(buf, (unsigned char *)whole + inside, len);
	unit_cache_put(q->inflated, index, &whole);
	return 0;
}

/* Whole clusters go straight into the caller's buffer, others through the cache. *ret_done says how far it came. */
static int read_packed(struct qcow2 *q, const struct run *run, unsigned char *buf, uint64_t off, uint64_t *ret_done,
		       struct err *err)
{
	uint64_t inside = off % q->cluster, whole = run->len / q->cluster;

	if (!inside && whole) {
		*ret_done = whole * q->cluster;
		return inflate_clusters(q, run->packed, whole, buf, err);
	}
	*ret_done = min_u64(run->len, q->cluster - inside);
	return read_packed_part(q, run->packed, buf, off, *ret_done, err);
}

/* A backing image shorter than this one reads as zeros behind its end. */
static int read_backing(struct qcow2 *q, unsigned char *buf, uint64_t len, uint64_t off, struct err *err)
{
	uint64_t size = q->backing ? q->backing->size : 0, have = off < size ? min_u64(len, size - off) : 0;

	memset(buf + have, 0, len - have);
	return have ? block_pread(q->backing, buf, have, off, err) : 0;
}

static int read_run(struct qcow2 *q, const struct run *run, unsigned char *buf, uint64_t off, uint64_t *ret_done,
		    struct err *err)
{
	*ret_done = run->len;
	switch (run->kind) {
	case CLUSTER_UNALLOCATED:
		return read_backing(q, buf, run->len, off, err);
	case CLUSTER_ZERO:
		memset(buf, 0, run->len);
		return 0;
	case CLUSTER_PLAIN:
		return block_pread(q->file, buf, run->len, run->host, err);
	case CLUSTER_PACKED:
		return read_packed(q, run, buf, off, ret_done, err);
	case CLUSTER_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "cluster of no kind at 0x%" PRIx64, off);
}

static int qcow2_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct qcow2 *q = qcow2(b);
	unsigned char *to = buf;
	uint64_t done;
	struct run run;

	for (; len; to += done, off += done, len -= done) {
		if (next_run(q, off, len, &run, err) < 0)
			return -1;
		if (read_run(q, &run, to, off, &done, err) < 0)
			return err_wrap(err, "disk offset 0x%" PRIx64, off);
	}
	return 0;
}

static int unallocated_extent(struct qcow2 *q, struct extent *ret, struct err *err)
{
	ret->kind = EXTENT_HOLE;
	if (!q->backing || ret->off >= q->backing->size)
		return 0;
	return block_extent(q->backing, ret->off, min_u64(ret->len, q->backing->size - ret->off), ret, err);
}

static bool recall(struct qcow2 *q, uint64_t host, struct extent *ret)
{
	bool known;

	pthread_mutex_lock(&q->lock);
	known = host >= q->known.off && host - q->known.off < q->known.len;
	if (known)
		*ret = q->known;
	pthread_mutex_unlock(&q->lock);
	return known;
}

static void remember(struct qcow2 *q, const struct extent *e)
{
	struct extent *k = &q->known;
	uint64_t end = e->off + e->len;

	pthread_mutex_lock(&q->lock);
	/* Both run to the same next change: the one that begins earlier says more. */
	if (k->kind != e->kind || end != k->off + k->len || e->off < k->off)
		*k = *e;
	pthread_mutex_unlock(&q->lock);
}

/* A preallocated image has clusters that the file itself doesn't hold yet. What the file answers is remembered, because
 * a guest's clusters are anywhere in it and looking for the next hole may take a file system long (tmpfs: every page).
 */
static int plain_extent(struct qcow2 *q, uint64_t host, struct extent *ret, struct err *err)
{
	struct extent e;

	if (!recall(q, host, &e)) {
		if (block_extent(q->file, host, q->file->size - host, &e, err) < 0)
			return -1;
		remember(q, &e);
	}
	ret->len = min_u64(ret->len, e.off + e.len - host);
	ret->kind = e.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

static int qcow2_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct qcow2 *q = qcow2(b);
	struct run run;

	if (next_run(q, off, max, &run, err) < 0)
		return -1;
	*ret = (struct extent){.off = off, .len = run.len};
	switch (run.kind) {
	case CLUSTER_UNALLOCATED:
		return unallocated_extent(q, ret, err);
	case CLUSTER_PLAIN:
		return plain_extent(q, run.host, ret, err);
	case CLUSTER_ZERO:
		ret->kind = EXTENT_ZERO;
		return 0;
	case CLUSTER_PACKED:
		ret->kind = EXTENT_DATA;
		return 0;
	case CLUSTER_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "cluster of no kind at 0x%" PRIx64, off);
}

static void qcow2_close(struct block *b)
{
	struct qcow2 *q = qcow2(b);

	while (q->inflaters) {
		struct inflater *f = q->inflaters;

		q->inflaters = f->next;
		decoder_free(f->decoder);
		free(f->in);
		free(f);
	}
	page_cache_done(&q->l2);
	unit_cache_free(q->inflated);
	pthread_mutex_destroy(&q->lock);
	block_close(q->backing);
	block_close(q->file);
	free(q->l1);
	free(q);
}

static const struct block_ops qcow2_ops = {
    .name = "qcow2",
    .pread = qcow2_pread,
    .extent = qcow2_extent,
    .close = qcow2_close,
};

/* At most 32 MiB (qcow2_header_read). */
static int read_l1(struct qcow2 *q, const struct qcow2_header *h, struct err *err)
{
	q->l1_entries = h->l1_needed;
	q->l1 = calloc(q->l1_entries + 1, sizeof *q->l1);
	if (!q->l1)
		return err_nomem(err);
	if (block_pread(q->file, q->l1, q->l1_entries * QCOW2_ENTRY_SIZE, h->l1_offset, err) < 0)
		return err_wrap(err, "L1 table");
	for (uint64_t i = 0; i < q->l1_entries; i++) {
		uint64_t entry = get_be64(&q->l1[i]);

		q->l1[i] = entry & QCOW2_OFFSET_MASK;
		if (entry & QCOW2_L1_RESERVED || q->l1[i] % q->cluster)
			return err_set(err, ERR_CORRUPT,
				       "L1 entry %" PRIu64 " is 0x%016" PRIx64 ": reserved bits or part of a cluster",
				       i, entry);
	}
	return 0;
}

/* The format is what the image declares; what it doesn't declare must show itself (format_probe), never raw because
 * nothing else fits: the guest writes the first bytes of a raw disk. */
static int open_backing(struct qcow2 *q, const struct open_args *args, const struct qcow2_header *h, struct err *err)
{
	const struct format *format = NULL;

	if (*h->backing_format) {
		format = format_by_name(h->backing_format);
		if (!format)
			return err_set(err, ERR_UNSUPPORTED, "its format '%s' is not read", h->backing_format);
	}
	return image_open_parent(args, h->backing, format, &q->backing, err);
}

static int open_parts(struct qcow2 *q, const struct open_args *args, const struct qcow2_header *h, struct err *err)
{
	q->inflated = unit_cache_new(q->cluster, CLUSTER_CACHE_BYTES);
	if (!q->inflated)
		return err_nomem(err);
	if (page_cache_init(&q->l2, q->cluster, L2_CACHE_BYTES, err) < 0 || read_l1(q, h, err) < 0)
		return -1;
	if (*h->backing && open_backing(q, args, h, err) < 0)
		return err_wrap(err, "backing file '%s'", h->backing);
	return 0;
}

static struct qcow2 *qcow2_new(const struct open_args *args, const struct qcow2_header *h)
{
	struct qcow2 *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	block_init(&q->b, &qcow2_ops, args->name, h->size);
	pthread_mutex_init(&q->lock, NULL);
	q->file = args->file;
	q->version = h->version;
	q->cluster_bits = h->cluster_bits;
	q->cluster = UINT64_C(1) << h->cluster_bits;
	q->per_l2 = q->cluster / QCOW2_ENTRY_SIZE;
	q->codec = h->codec;
	q->b.unit = (uint32_t)q->cluster;
	return q;
}

static int qcow2_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct qcow2_header h;
	struct qcow2 *q;

	if (qcow2_header_read(args->file, &h, err) < 0)
		return -1;
	if (h.corrupt)
		log_warn("qcow2 '%s' is marked as corrupt: what is read may not be what was written", args->name);
	q = qcow2_new(args, &h);
	if (!q)
		return err_nomem(err);
	if (open_parts(q, args, &h, err) < 0) {
		q->file = NULL; /* stays the caller's */
		block_close(&q->b);
		return -1;
	}
	*ret = &q->b;
	return 0;
}

/* Whatever the version, but for the first, which is the format qcow: then the reason for a refusal is ours to give. */
static int qcow2_bid(const struct probe *p)
{
	return get_be32(p->head) == QCOW2_MAGIC && get_be32(p->head + QCOW2_H_VERSION) != 1 ? BID_SURE : BID_NONE;
}

static const char *const create_keys[] = {"cluster_size", "preallocation", "extended_l2", "lazy_refcounts", NULL};

const struct format format_qcow2 = {
    .name = "qcow2",
    .description = "QEMU copy-on-write 2 and 3, compressed too, with backing files",
    .bid = qcow2_bid,
    .open = qcow2_open,
    .create = qcow2_create,
    .create_keys = create_keys,
    .facts = qcow2_facts,
};
