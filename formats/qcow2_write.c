/* The qcow2 writer's data path: clusters appended by one allocator, plain or compressed, from many threads. */
#include "formats/qcow2.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/zeros.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

enum {
	MAP_BYTES = 64 << 20, /* of leaves of the map: half a TiB of dense data at 64 KiB clusters */
	BATCH = 512,	      /* clusters that are placed together; 2 pieces of iovec each stay below IOV_MAX */
	PACK_BYTES = 2 << 20, /* guest bytes that are compressed before they are written */
};

/* A compressed cluster must save at least this part of a cluster: less isn't worth inflating at every read. */
enum { PACK_SAVES = 16 };

struct qcow2_packer {
	struct qcow2_packer *next;
	struct encoder *encoder;
	unsigned char *out;	/* PACK_BYTES or one cluster */
	unsigned char *partial; /* the disk's last cluster, filled up with zeros */
};

/* What becomes of the clusters of one batch. */
enum fate { FATE_UNKNOWN = 0, FATE_ZERO, FATE_PLAIN, FATE_PACKED };

struct batch {
	const unsigned char *data; /* the caller's */
	uint64_t first;		   /* guest cluster */
	size_t n;		   /* clusters */
	size_t len;		   /* bytes; less than n clusters at the end of the disk */
	unsigned char fate[BATCH];
	uint32_t packed[BATCH]; /* bytes, of FATE_PACKED */
};

static struct qcow2_writer *writer(struct block *b)
{
	return (struct qcow2_writer *)b;
}

int qcow2_check_aligned(const struct qcow2_writer *w, const char *verb, uint64_t off, uint64_t len, struct err *err)
{
	uint64_t end = off + len;

	if (off % w->cluster == 0 && (end % w->cluster == 0 || end == w->block.size))
		return 0;
	return err_set(err, ERR_INTERNAL,
		       "%s of %" PRIu64 " bytes at 0x%" PRIx64 ": not in whole clusters of %" PRIu64 " bytes", verb,
		       len, off, w->cluster);
}

static size_t bytes_of(const struct qcow2_writer *w, const struct batch *batch, size_t i)
{
	return min_u64(w->cluster, batch->len - i * w->cluster);
}

/* What alignment costs is kept for compressed clusters. */
uint64_t qcow2_place_plain(struct qcow2_writer *w, uint64_t n)
{
	uint64_t at;

	pthread_mutex_lock(&w->lock);
	at = align_up(w->tail, w->cluster);
	if (at - w->tail > w->gap_end - w->gap) {
		w->gap = w->tail;
		w->gap_end = at;
	}
	w->tail = at + n * w->cluster;
	pthread_mutex_unlock(&w->lock);
	return at;
}

/* Room for the packed clusters of a batch: as many as fit into the gap go there (*ret_in_gap bytes at *ret_gap), the
 * others to the tail (its old value is returned). */
static uint64_t place_packed(struct qcow2_writer *w, const struct batch *batch, uint64_t *ret_gap, uint64_t *ret_in_gap)
{
	uint64_t in_gap = 0, behind = 0, at;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->fate[i] != FATE_PACKED)
			continue;
		if (!behind && in_gap + batch->packed[i] <= w->gap_end - w->gap)
			in_gap += batch->packed[i];
		else
			behind += batch->packed[i];
	}
	*ret_gap = w->gap;
	*ret_in_gap = in_gap;
	w->gap += in_gap;
	at = w->tail;
	w->tail += behind;
	pthread_mutex_unlock(&w->lock);
	return at;
}

/* Sets the entries of all clusters of one fate, which lie one behind the other from host on. */
static int map_plain(struct qcow2_writer *w, const struct batch *batch, uint64_t host, struct err *err)
{
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->fate[i] != FATE_PLAIN)
			continue;
		if (qcow2_map_set(&w->map, batch->first + i, host | QCOW2_COPIED, err) < 0)
			return -1;
		host += w->cluster;
	}
	return 0;
}

/* Only what isn't zeros in them. */
static int write_subclusters(struct qcow2_writer *w, const struct batch *batch, struct err *err)
{
	uint64_t host, at, count = 0;

	for (size_t i = 0; i < batch->n; i++)
		count += batch->fate[i] == FATE_PLAIN;
	if (!count)
		return 0;
	at = host = qcow2_place_plain(w, count);
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->fate[i] != FATE_PLAIN)
			continue;
		if (qcow2_subclusters_write(w, batch->data + i * w->cluster, bytes_of(w, batch, i), at, err) < 0)
			return -1;
		at += w->cluster;
	}
	return map_plain(w, batch, host, err);
}

static int write_plain(struct qcow2_writer *w, const struct batch *batch, struct err *err)
{
	size_t cut = batch->n * w->cluster - batch->len;
	AUTO_FREE unsigned char *zeros = NULL;
	struct iovec io[BATCH + 1];
	uint64_t host, count = 0;
	int pieces = 0;

	for (size_t i = 0; i < batch->n; i++) {
		unsigned char *from = (unsigned char *)(uintptr_t)batch->data + i * w->cluster;

		if (batch->fate[i] != FATE_PLAIN)
			continue;
		count++;
		if (pieces && from == (unsigned char *)io[pieces - 1].iov_base + io[pieces - 1].iov_len)
			io[pieces - 1].iov_len += bytes_of(w, batch, i);
		else
			io[pieces++] = (struct iovec){from, bytes_of(w, batch, i)};
	}
	if (!count)
		return 0;
	if (cut && batch->fate[batch->n - 1] == FATE_PLAIN) {
		zeros = calloc(1, cut);
		if (!zeros)
			return err_nomem(err);
		io[pieces++] = (struct iovec){zeros, cut};
	}
	host = qcow2_place_plain(w, count);
	if (file_pwritev(w->fd, io, pieces, host, err) < 0)
		return -1;
	return map_plain(w, batch, host, err);
}

static void packer_free(struct qcow2_packer *p)
{
	if (!p)
		return;
	encoder_free(p->encoder);
	free(p->out);
	free(p->partial);
	free(p);
}

static struct qcow2_packer *packer_new(const struct qcow2_writer *w)
{
	struct qcow2_packer *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->encoder = encoder_new(w->codec, w->level);
	p->out = malloc(max_u64(PACK_BYTES, w->cluster));
	p->partial = malloc(w->cluster);
	if (p->encoder && p->out && p->partial)
		return p;
	packer_free(p);
	return NULL;
}

/* A packer of its own for the calling thread; there are never more than threads that write at once. */
static struct qcow2_packer *packer_take(struct qcow2_writer *w)
{
	struct qcow2_packer *p;

	pthread_mutex_lock(&w->lock);
	p = w->packers;
	if (p)
		w->packers = p->next;
	pthread_mutex_unlock(&w->lock);
	return p ? p : packer_new(w);
}

static void packer_give(struct qcow2_writer *w, struct qcow2_packer *p)
{
	pthread_mutex_lock(&w->lock);
	p->next = w->packers;
	w->packers = p;
	pthread_mutex_unlock(&w->lock);
}

/* Compresses one cluster to out; 0 when that isn't worth it. A cluster cut by the end of the disk is compressed whole,
 * because readers inflate whole clusters. */
static size_t pack_cluster(const struct qcow2_writer *w, struct qcow2_packer *p, const struct batch *batch, size_t i,
			   unsigned char *out)
{
	const unsigned char *from = batch->data + i * w->cluster;
	size_t have = bytes_of(w, batch, i);

	if (have < w->cluster) {
		memcpy(p->partial, from, have);
		memset(p->partial + have, 0, w->cluster - have);
		from = p->partial;
	}
	return encoder_run(p->encoder, from, w->cluster, out, w->cluster - w->cluster / PACK_SAVES);
}

static int map_packed(struct qcow2_writer *w, const struct batch *batch, uint64_t gap, uint64_t in_gap, uint64_t behind,
		      struct err *err)
{
	uint64_t done = 0;

	for (size_t i = 0; i < batch->n; i++) {
		uint64_t host = done < in_gap ? gap + done : behind + (done - in_gap);

		if (batch->fate[i] != FATE_PACKED)
			continue;
		if (qcow2_map_set(&w->map, batch->first + i,
				  qcow2_compressed_entry(w->cluster_bits, host, batch->packed[i]), err) < 0)
			return -1;
		done += batch->packed[i];
	}
	return 0;
}

static int write_packed(struct qcow2_writer *w, struct qcow2_packer *p, struct batch *batch, struct err *err)
{
	uint64_t gap, in_gap, behind;
	size_t used = 0;

	for (size_t i = 0; i < batch->n; i++) {
		if (batch->fate[i] != FATE_PLAIN)
			continue;
		batch->packed[i] = (uint32_t)pack_cluster(w, p, batch, i, p->out + used);
		if (!batch->packed[i])
			continue;
		batch->fate[i] = FATE_PACKED;
		used += batch->packed[i];
	}
	if (!used)
		return 0;
	behind = place_packed(w, batch, &gap, &in_gap);
	if (in_gap && file_pwrite(w->fd, p->out, in_gap, gap, err) < 0)
		return -1;
	if (used > in_gap && file_pwrite(w->fd, p->out + in_gap, used - in_gap, behind, err) < 0)
		return -1;
	return map_packed(w, batch, gap, in_gap, behind, err);
}

/* Data of a preallocated image goes to its place, in as few calls as its zeros allow. */
static int write_fixed(struct qcow2_writer *w, const struct batch *batch, struct err *err)
{
	for (size_t i = 0, n; i < batch->n; i += n) {
		size_t from = i * w->cluster;

		for (n = 1; i + n < batch->n && batch->fate[i + n] == batch->fate[i];)
			n++;
		if (batch->fate[i] == FATE_PLAIN &&
		    qcow2_prealloc_write(w, batch->data + from, batch->first + i,
					 min_u64(n * w->cluster, batch->len - from), err) < 0)
			return -1;
	}
	return 0;
}

/* A preallocated cluster stays where it is: zeros over data are data. */
static int settle_zeros(struct qcow2_writer *w, uint64_t cluster, bool *ret, struct err *err)
{
	*ret = !w->preallocation || !qcow2_map_get(&w->map, cluster);
	return w->preallocation ? 0 : qcow2_map_clear(&w->map, cluster, 1, err);
}

/* Looks at a batch's clusters; those of zeros are settled by it. *ret: there is something to write. */
static int sort_out_zeros(struct qcow2_writer *w, struct batch *batch, bool *ret, struct err *err)
{
	*ret = false;
	for (size_t i = 0; i < batch->n; i++) {
		bool zero = all_zeros(batch->data + i * w->cluster, bytes_of(w, batch, i));

		if (zero && settle_zeros(w, batch->first + i, &zero, err) < 0)
			return -1;
		batch->fate[i] = zero ? FATE_ZERO : FATE_PLAIN;
		*ret |= !zero;
	}
	return 0;
}

static int write_batch(struct qcow2_writer *w, struct batch *batch, struct err *err)
{
	struct qcow2_packer *p;
	bool any;
	int ret;

	if (sort_out_zeros(w, batch, &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	if (w->preallocation)
		return write_fixed(w, batch, err);
	if (w->codec != CODEC_UNKNOWN) {
		p = packer_take(w);
		if (!p)
			return err_nomem(err);
		ret = write_packed(w, p, batch, err);
		packer_give(w, p);
		if (ret < 0)
			return -1;
	}
	return qcow2_subclusters_skip(w) ? write_subclusters(w, batch, err) : write_plain(w, batch, err);
}

static int writer_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct qcow2_writer *w = writer(b);
	uint64_t most = BATCH * w->cluster;

	if (qcow2_check_aligned(w, "write", off, len, err) < 0)
		return -1;
	if (w->codec != CODEC_UNKNOWN)
		most = min_u64(most, max_u64(PACK_BYTES, w->cluster));
	for (size_t done = 0; done < len;) {
		struct batch batch = {.data = (const unsigned char *)buf + done, .len = min_u64(most, len - done)};

		batch.first = (off + done) >> w->cluster_bits;
		batch.n = div_round_up(batch.len, w->cluster);
		if (write_batch(w, &batch, err) < 0 || qcow2_spill_if_due(w, err) < 0)
			return -1;
		done += batch.len;
	}
	return 0;
}

/* New clusters for the range; those of an attempt that fails stay unused. */
static int writer_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		       struct err *err)
{
	struct qcow2_writer *w = writer(b);
	uint64_t first = off >> w->cluster_bits, n = div_round_up(from->len, w->cluster), host;

	if (w->codec != CODEC_UNKNOWN || w->preallocation || w->resumed)
		return 0;
	if (qcow2_check_aligned(w, "write", off, from->len, err) < 0)
		return -1;
	host = qcow2_place_plain(w, n);
	if (!file_move_range(from->fd, from->off, w->fd, host, from->len, how))
		return 0;
	for (uint64_t i = 0; i < n; i++)
		if (qcow2_map_set(&w->map, first + i, (host + i * w->cluster) | QCOW2_COPIED, err) < 0)
			return -1;
	*ret_done = true;
	return qcow2_spill_if_due(w, err);
}

static int writer_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	struct qcow2_writer *w = writer(b);
	uint64_t first = off >> w->cluster_bits, end = div_round_up(off + len, w->cluster), head, tail;

	if (qcow2_map_find(&w->map, first, &head, err) < 0 || qcow2_map_find(&w->map, end - 1, &tail, err) < 0)
		return -1;
	/* What was never written reads as zeros, aligned or not. */
	if (head || tail)
		if (qcow2_check_aligned(w, "zeroing", off, len, err) < 0)
			return -1;
	if (w->preallocation)
		return qcow2_prealloc_zero(w, first, end - first, err);
	return qcow2_map_clear(&w->map, first, end - first, err) < 0 ? -1 : qcow2_spill_if_due(w, err);
}

static int writer_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "read of %zu bytes at 0x%" PRIx64 ": it is being written", len, off);
}

static int writer_flush(struct block *b, struct err *err)
{
	return fdatasync(writer(b)->fd) < 0 ? err_sys(err, ERR_INTERNAL, "cannot sync") : 0;
}

static void writer_close(struct block *b)
{
	struct qcow2_writer *w = writer(b);

	while (w->packers) {
		struct qcow2_packer *next = w->packers->next;

		packer_free(w->packers);
		w->packers = next;
	}
	qcow2_map_done(&w->map);
	pthread_mutex_destroy(&w->lock);
	free(w->adopted);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

static const struct block_ops writer_ops = {
    .name = "qcow2",
    .pread = writer_pread,
    .pwrite = writer_pwrite,
    .take = writer_take,
    .zero = writer_zero,
    .flush = writer_flush,
    .finish = qcow2_writer_finish,
    .note = qcow2_writer_note,
    .adopt = qcow2_writer_adopt,
    .close = writer_close,
};

static int check_options(const struct create_options *o, uint32_t cluster, uint64_t size, struct err *err)
{
	if (!is_pow2(cluster) || cluster < 1U << QCOW2_CLUSTER_BITS_MIN || cluster > 1U << QCOW2_CLUSTER_BITS_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "cluster size %u: a power of two from 512 bytes to 2 MiB is expected", cluster);
	if (o->codec != CODEC_UNKNOWN && o->codec != CODEC_DEFLATE && o->codec != CODEC_ZSTD)
		return err_set(err, ERR_UNSUPPORTED, "codec %s: qcow2 has deflate and zstd",
			       codec_name((enum codec)o->codec));
	if (o->codec != CODEC_UNKNOWN && o->preallocation)
		return err_set(err, ERR_UNSUPPORTED, "compressed clusters can't be preallocated");
	if (o->extended_l2 && cluster < 1U << QCOW2_EXTENDED_CLUSTER_BITS_MIN)
		return err_set(err, ERR_UNSUPPORTED, "cluster size %u: extended L2 entries need 16 KiB or more",
			       cluster);
	if (o->lazy_refcounts)
		return err_set(err, ERR_UNSUPPORTED, "lazy refcounts are not written: they go with images in use");
	if (size > QCOW2_DISK_MAX)
		return err_set(err, ERR_UNSUPPORTED, "a disk of %" PRIu64 " bytes: 64 TiB is the most", size);
	return 0;
}

/* Would qemu open the image when every cluster is written? */
static int check_size(const struct qcow2_writer *w, struct err *err)
{
	struct qcow2_plan plan;

	qcow2_plan(&plan, w, 1 + w->map.clusters, div_round_up(w->map.clusters, qcow2_per_l2(w)));
	if (plan.l1_entries * QCOW2_ENTRY_SIZE <= QCOW2_L1_BYTES_MAX &&
	    plan.table_clusters * w->cluster <= QCOW2_REFTABLE_BYTES_MAX)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "a disk of %" PRIu64 " bytes needs clusters larger than %" PRIu64 " bytes",
		       w->block.size, w->cluster);
}

/* Until finish() the file must be no image, whatever an earlier run left in it. */
static int make_fresh(struct qcow2_writer *w, bool resume, struct err *err)
{
	static const unsigned char no_magic[8];
	struct stat st;

	if (!resume && ftruncate(w->fd, 0) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot empty the file");
	if (fstat(w->fd, &st) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot stat");
	w->old_size = (uint64_t)st.st_size;
	return st.st_size > 0 ? file_pwrite(w->fd, no_magic, sizeof no_magic, 0, err) : 0;
}

int qcow2_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		 struct err *err)
{
	uint32_t cluster = options->cluster_size ? options->cluster_size : 1U << QCOW2_CLUSTER_BITS_DEFAULT;
	AUTO(block_closep) struct block *b = NULL;
	struct qcow2_map_store store;
	struct qcow2_writer *w;

	if (check_options(options, cluster, size, err) < 0)
		return err_wrap(err, "qcow2 '%s'", name);
	w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(err);
	b = &w->block;
	block_init(b, &writer_ops, name, size);
	b->unit = cluster;
	if (options->logical_sector)
		b->logical_sector = b->physical_sector = options->logical_sector;
	w->fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	w->cluster_bits = (unsigned)__builtin_ctz(cluster);
	w->cluster = cluster;
	/* Behind the header's cluster, and behind all places where a raw disk shows what it is: a guest's btrfs, whose
	 * superblock would be the first data that is written, must not make the image look like a raw one. */
	w->tail = align_up(max_u64(cluster, PROBE_HEAD), cluster);
	w->codec = (enum codec)options->codec;
	w->level = options->level;
	w->preallocation = (enum preallocation)options->preallocation;
	w->extended = options->extended_l2;
	w->resumed = options->resume;
	w->map_leaves = MAP_BYTES / (QCOW2_LEAF * sizeof(uint64_t));
	store = qcow2_spill_store(w);
	if (qcow2_map_init(&w->map, div_round_up(size, cluster), qcow2_per_l2(w), &store, err) < 0)
		return -1;
	w->fd = fd;
	if (check_size(w, err) < 0 || make_fresh(w, options->resume, err) < 0 ||
	    (w->preallocation && qcow2_prealloc_start(w, err) < 0)) {
		w->fd = -1; /* stays the caller's */
		return err_wrap(err, "qcow2 '%s'", name);
	}
	*ret = take_ptr(&b);
	return 0;
}
