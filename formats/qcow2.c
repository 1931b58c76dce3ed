/* The qcow2 reader, versions 2 and 3: plain, zero and compressed clusters over a chain of backing images. */
#include "formats/qcow2.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/qcow2_crypt.h"
#include "formats/qcow2_header.h"
#include "formats/qcow2_reader.h"
#include "formats/qcow2_snapshot.h"
#include "formats/registry.h"
#include "formats/resolve.h"
#include "formats/tables_once.h"

enum {
	L2_CACHE_BYTES = 4 << 20,      /* 64 tables of 64 KiB: 32 GiB of disk */
	CLUSTER_CACHE_BYTES = 2 << 20, /* inflated clusters of which only parts were asked for */
};

struct qcow2_inflater {
	struct qcow2_inflater *next;
	struct decoder *decoder;
	unsigned char *in; /* QCOW2_PACKED_BYTES or two clusters */
};

static struct qcow2 *qcow2(struct block *b)
{
	return (struct qcow2 *)b;
}

static struct qcow2_inflater *inflater_new(const struct qcow2 *q)
{
	struct qcow2_inflater *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->decoder = decoder_new();
	f->in = malloc(max_u64(QCOW2_PACKED_BYTES, 2 * q->cluster));
	if (f->decoder && f->in)
		return f;
	decoder_free(f->decoder);
	free(f->in);
	free(f);
	return NULL;
}

static struct qcow2_inflater *inflater_take(struct qcow2 *q, struct err *err)
{
	struct qcow2_inflater *f;

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

static void inflater_give(struct qcow2 *q, struct qcow2_inflater *f)
{
	pthread_mutex_lock(&q->lock);
	f->next = q->inflaters;
	q->inflaters = f;
	pthread_mutex_unlock(&q->lock);
}

static int inflate_to(struct qcow2 *q, struct qcow2_inflater *f, const struct qcow2_stretch *c, const unsigned char *in,
		      unsigned char *out, struct err *err)
{
	if (decoder_run(f->decoder, q->codec, in, c->len, out, q->cluster, err) == 0)
		return 0;
	/* The stream breaks off where the file does. */
	if (file_may_be_cut_off(q->file) && c->host + c->len == file_end(q->file)) {
		file_tell_cut_off(q->file);
		memset(out, 0, q->cluster);
		return 0;
	}
	return err_wrap(err, "compressed cluster of up to %" PRIu64 " bytes at 0x%" PRIx64, c->len, c->host);
}

/* Inflates n clusters of a run, which lie one behind the other or nearly so, into out. */
static int inflate_clusters(struct qcow2 *q, const struct qcow2_stretch *c, size_t n, unsigned char *out,
			    struct err *err)
{
	uint64_t from = c->host, to = c[n - 1].host + c[n - 1].len;
	struct qcow2_inflater *f = inflater_take(q, err);
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
static int read_packed_part(struct qcow2 *q, const struct qcow2_stretch *c, unsigned char *buf, uint64_t off,
			    size_t len, struct err *err)
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
static int read_packed(struct qcow2 *q, const struct qcow2_run *run, unsigned char *buf, uint64_t off,
		       uint64_t *ret_done, struct err *err)
{
	uint64_t inside = off % q->cluster, whole = run->len / q->cluster;

	if (!inside && whole) {
		*ret_done = whole * q->cluster;
		return inflate_clusters(q, run->packed, whole, buf, err);
	}
	*ret_done = min_u64(run->len, q->cluster - inside);
	return read_packed_part(q, run->packed, buf, off, *ret_done, err);
}

static int read_run(struct qcow2 *q, const struct qcow2_run *run, unsigned char *buf, uint64_t off, uint64_t *ret_done,
		    struct err *err)
{
	*ret_done = run->len;
	switch (run->kind) {
	case QCOW2_UNALLOCATED:
		return block_pread_below(q->backing, buf, run->len, off, err);
	case QCOW2_ZEROS:
		memset(buf, 0, run->len);
		return 0;
	case QCOW2_PLAIN:
		if (q->crypt)
			return qcow2_crypt_read(q, buf, run->len, run->host, off, err);
		return block_pread(qcow2_data(q), buf, run->len, run->host, err);
	case QCOW2_PACKED:
		return read_packed(q, run, buf, off, ret_done, err);
	case QCOW2_KIND_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "cluster of no kind at 0x%" PRIx64, off);
}

static int qcow2_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct qcow2 *q = qcow2(b);
	unsigned char *to = buf;
	uint64_t done;
	struct qcow2_run run;

	for (; len; to += done, off += done, len -= done) {
		if (qcow2_next_run(q, off, len, &run, err) < 0)
			return -1;
		if (read_run(q, &run, to, off, &done, err) < 0)
			return err_wrap(err, "disk offset 0x%" PRIx64, off);
	}
	return 0;
}

/* A preallocated image has clusters that the file itself doesn't hold yet. */
static int plain_extent(struct qcow2 *q, uint64_t host, struct extent *ret, struct err *err)
{
	struct extent e;

	/* A hole of the file is no zeros once it is decrypted. */
	if (q->crypt) {
		ret->kind = EXTENT_DATA;
		return 0;
	}
	if (block_extent(qcow2_data(q), host, min_u64(ret->len, qcow2_data(q)->size - host), &e, err) < 0)
		return -1;
	ret->len = min_u64(ret->len, e.off + e.len - host);
	ret->kind = e.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

static int qcow2_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct qcow2 *q = qcow2(b);
	struct qcow2_run run;

	if (qcow2_next_run(q, off, max, &run, err) < 0)
		return -1;
	/* Encrypted clusters stand nowhere as the disk has them. */
	if (run.kind == QCOW2_PLAIN && !q->crypt)
		return block_place(qcow2_data(q), run.host, run.len, ret, err);
	if (run.kind == QCOW2_UNALLOCATED && q->backing && off < q->backing->size)
		return block_place(q->backing, off, min_u64(run.len, q->backing->size - off), ret, err);
	return 0;
}

static int qcow2_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct qcow2 *q = qcow2(b);
	struct qcow2_run run;

	if (qcow2_next_run(q, off, max, &run, err) < 0)
		return -1;
	*ret = (struct extent){.off = off, .len = run.len};
	switch (run.kind) {
	case QCOW2_UNALLOCATED:
		return block_extent_below(q->backing, off, run.len, ret, err);
	case QCOW2_PLAIN:
		return plain_extent(q, run.host, ret, err);
	case QCOW2_ZEROS:
		ret->kind = EXTENT_ZERO;
		return 0;
	case QCOW2_PACKED:
		ret->kind = EXTENT_DATA;
		return 0;
	case QCOW2_KIND_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "cluster of no kind at 0x%" PRIx64, off);
}

static void qcow2_close(struct block *b)
{
	struct qcow2 *q = qcow2(b);

	while (q->inflaters) {
		struct qcow2_inflater *f = q->inflaters;

		q->inflaters = f->next;
		decoder_free(f->decoder);
		free(f->in);
		free(f);
	}
	page_cache_done(&q->l2);
	unit_cache_free(q->inflated);
	pthread_mutex_destroy(&q->lock);
	disk_cipher_free(q->cipher);
	block_close(q->backing);
	block_close(q->data_file);
	block_close(q->file);
	free(q->l1);
	free(q);
}

static const struct block_ops qcow2_ops = {
    .name = "qcow2",
    .pread = qcow2_pread,
    .extent = qcow2_extent,
    .place = qcow2_place,
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
	return tables_once(q->l1, q->l1_entries, "L2 table", err);
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
	if (qcow2_crypt_open(args, h, &q->cipher, err) < 0)
		return -1;
	if (*h->data_file && image_open_beside(args, h->data_file, &q->data_file, err) < 0)
		return err_wrap(err, "data file '%s'", h->data_file);
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
	q->extended = h->extended;
	q->crypt = h->crypt;
	q->per_l2 = q->cluster / (h->extended ? QCOW2_EXTENDED_ENTRY_SIZE : QCOW2_ENTRY_SIZE);
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
	if (open_snapshot(args) && qcow2_choose_snapshot(args->file, open_snapshot(args), &h, err) < 0)
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
	/* The header and the L1 table must be there: without them there is nothing to go by. */
	file_allow_length(q->file, FILE_LENGTH_MAX);
	if (q->data_file)
		file_allow_length(q->data_file, FILE_LENGTH_MAX);
	*ret = &q->b;
	return 0;
}

/* Whatever the version, but for the first, which is the format qcow: then the reason for a refusal is ours to give. */
static int qcow2_bid(const struct probe *p)
{
	return get_be32(p->head) == QCOW2_MAGIC && get_be32(p->head + QCOW2_H_VERSION) != 1 ? BID_SURE : BID_NONE;
}

/* What is kept of deleted snapshots is free room, of others it is data. */
static uint64_t qcow2_announces(const struct probe *p)
{
	return get_be32(p->head + QCOW2_H_SNAPSHOTS) ? 0 : get_be64(p->head + QCOW2_H_SIZE);
}

static const char *const create_keys[] = {"cluster_size", "preallocation", "extended_l2", "lazy_refcounts", NULL};

const struct format format_qcow2 = {
    .name = "qcow2",
    .description = "QEMU copy-on-write 2 and 3, compressed too, with backing files",
    .bid = qcow2_bid,
    .announces = qcow2_announces,
    .open = qcow2_open,
    .create = qcow2_create,
    .create_keys = create_keys,
    .facts = qcow2_facts,
    .check = qcow2_check,
    .snapshots = qcow2_snapshots,
};
