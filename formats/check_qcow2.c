/* The structure check of qcow2: what refcounts say against what tables use (docs/interop/qcow2, "Host cluster
 * management", "Cluster mapping", "Snapshots", "Bitmaps").
 *
 * The file is looked at in parts of PART clusters: for each, all tables are walked and every reference into the part is
 * counted, then compared with the stored counts. 64 KiB clusters make that one pass for each TiB of the file.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/qcow2_layout.h"

enum {
	PART = 16 << 20,       /* clusters: two counts of 4 bytes each are 128 MiB */
	HEAD = 4096,	       /* of the first cluster: header and extensions */
	SNAPSHOTS_MAX = 65536, /* qemu's limit */
	SNAPSHOT_HEAD = 40,
	SNAPSHOT_AT_L1 = 0,
	SNAPSHOT_AT_L1_SIZE = 8,
	SNAPSHOT_AT_ID_SIZE = 12,
	SNAPSHOT_AT_NAME_SIZE = 14,
	SNAPSHOT_AT_EXTRA_SIZE = 36,
	BITMAPS_MAX = 65535, /* qemu's limit */
	BITMAP_ENTRY = 24,   /* of the directory; its name and extra data follow */
	BITMAP_AT_TABLE_SIZE = 8,
	BITMAP_AT_NAME_SIZE = 18,
	BITMAP_AT_EXTRA_SIZE = 20,
	READ_BYTES = 64 << 10,
	PASSES_MAX = 256, /* a file of 2 TiB in the smallest clusters, 256 TiB in the usual ones */
};

#define EXT_BITMAPS	     UINT32_C(0x23852875)
#define EXT_LUKS	     UINT32_C(0x0537be77)
#define BITMAP_DIRECTORY_MAX (64 * MIB)

/* PACKED in a count of uses: compressed clusters are there, which may share a cluster of the file. */
#define PACKED (UINT32_C(1) << 31)
#define COUNT  (PACKED - 1)

struct image {
	struct check *c;
	struct block *file;
	unsigned bits, refcount_bits; /* of a cluster; of a refcount */
	uint64_t cluster, clusters;   /* bytes; in the file, the last one begun too */
	uint64_t l1, l1_entries;      /* as the header has them */
	uint64_t reftable, reftable_clusters;
	uint64_t snapshots_at;
	uint32_t snapshots;
	unsigned entry; /* bytes of an L2 entry */
	bool data_file, v3;
	uint64_t bitmaps_at, bitmaps_size, luks_at, luks_size;
	uint32_t bitmaps;

	uint64_t from, n;	 /* the part: first cluster, clusters */
	uint32_t *used, *stored; /* of the part; used: PACKED and a count that saturates */
	unsigned char *l2;	 /* one cluster */
};

static bool in_part(const struct image *q, uint64_t off)
{
	return off >> q->bits >= q->from && (off >> q->bits) - q->from < q->n;
}

static uint32_t stored_at(const struct image *q, uint64_t off)
{
	return q->stored[(off >> q->bits) - q->from];
}

/* [off, off+len) is used by what the entry at `at` names. As for qemu, the last cluster may reach behind the end. */
static void use_as(struct image *q, uint64_t off, uint64_t len, uint64_t at, uint32_t packed, const char *what)
{
	uint64_t end;

	if (!len)
		return;
	if (!add_fits(off, len, &end) || div_round_up(end, q->cluster) > q->clusters) {
		check_report(q->c, PROBLEM_OUTSIDE, at,
			     "%s at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64, what, off,
			     len, q->file->size);
		end = min_u64(end > off ? end : UINT64_MAX, q->clusters << q->bits);
	}
	q->c->work += (end > off ? end - off : 0) >> q->bits;
	for (uint64_t i = max_u64(off >> q->bits, q->from); i < min_u64(div_round_up(end, q->cluster), q->from + q->n);
	     i++)
		q->used[i - q->from] = (q->used[i - q->from] + ((q->used[i - q->from] & COUNT) < COUNT)) | packed;
}

static void use(struct image *q, uint64_t off, uint64_t len, uint64_t at, const char *what)
{
	use_as(q, off, len, at, 0, what);
}

/* True when a table or cluster stands at a cluster of its own inside the file; else that is reported. */
static bool aligned(struct image *q, uint64_t off, uint64_t at, const char *what)
{
	if (off % q->cluster) {
		check_report(q->c, PROBLEM_ENTRY, at,
			     "%s at 0x%" PRIx64 ": expected at a multiple of the cluster's 0x%" PRIx64 " bytes", what,
			     off, q->cluster);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------------------------------------------- header */

static void read_extensions(struct image *q, const unsigned char *h, size_t len, uint64_t at)
{
	uint64_t backing = get_be64(h + QCOW2_H_BACKING_OFFSET);
	bool bitmaps = q->v3 && get_be64(h + QCOW2_H_AUTOCLEAR) & QCOW2_BIT(QCOW2_AUTOCLEAR_BITMAPS_BIT);

	if (backing && backing < len)
		len = backing;
	while (at + QCOW2_EXT_HEADER_SIZE <= len) {
		uint32_t type = get_be32(h + at), size = get_be32(h + at + 4);
		const unsigned char *data = h + at + QCOW2_EXT_HEADER_SIZE;

		if (type == QCOW2_EXT_END || size > len - at - QCOW2_EXT_HEADER_SIZE)
			return;
		if (type == EXT_BITMAPS && size >= 24 && bitmaps) { /* else they are lost */
			q->bitmaps = get_be32(data);
			q->bitmaps_size = get_be64(data + 8);
			q->bitmaps_at = get_be64(data + 16);
		}
		if (type == EXT_LUKS && size >= 16) {
			q->luks_at = get_be64(data);
			q->luks_size = get_be64(data + 8);
		}
		at += QCOW2_EXT_HEADER_SIZE + align_up(size, 8);
	}
}

static int check_limits(const struct image *q, struct err *err)
{
	if (q->l1_entries * QCOW2_ENTRY_SIZE > QCOW2_L1_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "header: L1 table of %" PRIu64 " bytes, 32 MiB is the limit",
			       q->l1_entries * QCOW2_ENTRY_SIZE);
	if (q->reftable_clusters << q->bits > QCOW2_REFTABLE_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "header: refcount table of %" PRIu64 " bytes, 8 MiB is the limit",
			       q->reftable_clusters << q->bits);
	if (q->snapshots > SNAPSHOTS_MAX)
		return err_set(err, ERR_CORRUPT, "header: %" PRIu32 " snapshots, %d are the limit", q->snapshots,
			       SNAPSHOTS_MAX);
	if (q->reftable % q->cluster || !q->reftable || q->l1 % q->cluster)
		return err_set(err, ERR_CORRUPT,
			       "header: refcount table at 0x%" PRIx64 ", L1 table at 0x%" PRIx64
			       ": expected at clusters of 0x%" PRIx64 " bytes",
			       q->reftable, q->l1, q->cluster);
	return 0;
}

static int read_header(struct image *q, struct err *err)
{
	unsigned char h[HEAD] = {0};
	size_t len = (size_t)min_u64(sizeof h, q->file->size);
	uint64_t incompatible = 0;
	uint32_t order = 4, length = QCOW2_V2_HEADER_SIZE;

	if (block_pread(q->file, h, len, 0, err) < 0)
		return -1;
	q->bits = get_be32(h + QCOW2_H_CLUSTER_BITS);
	q->v3 = get_be32(h + QCOW2_H_VERSION) >= 3;
	if (get_be32(h) != QCOW2_MAGIC || len < QCOW2_V2_HEADER_SIZE || q->bits < QCOW2_CLUSTER_BITS_MIN ||
	    q->bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(err, ERR_CORRUPT, "header: begins with 0x%08" PRIx32 ", cluster bits %u: no qcow2",
			       get_be32(h), q->bits);
	if (q->v3) {
		incompatible = get_be64(h + QCOW2_H_INCOMPATIBLE);
		order = get_be32(h + QCOW2_H_REFCOUNT_ORDER);
		length = get_be32(h + QCOW2_H_HEADER_LENGTH);
	}
	if (order > QCOW2_REFCOUNT_ORDER_MAX)
		return err_set(err, ERR_CORRUPT, "header: refcount order %" PRIu32 ", 0 to %d are possible", order,
			       QCOW2_REFCOUNT_ORDER_MAX);
	q->refcount_bits = 1U << order;
	q->cluster = UINT64_C(1) << q->bits;
	q->clusters = div_round_up(q->file->size, q->cluster);
	q->data_file = incompatible & QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT);
	q->entry = incompatible & QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT) ? 16 : 8;
	q->l1_entries = get_be32(h + QCOW2_H_L1_SIZE);
	q->l1 = get_be64(h + QCOW2_H_L1_OFFSET);
	q->reftable = get_be64(h + QCOW2_H_REFTABLE_OFFSET);
	q->reftable_clusters = get_be32(h + QCOW2_H_REFTABLE_CLUSTERS);
	q->snapshots = get_be32(h + QCOW2_H_SNAPSHOTS);
	q->snapshots_at = get_be64(h + QCOW2_H_SNAPSHOTS_OFFSET);
	read_extensions(q, h, len, length);
	return check_limits(q, err);
}

/* ---------------------------------------------------------------------------------------------------- refcounts */

static uint32_t refcount(const unsigned char *block, uint64_t i, unsigned bits)
{
	switch (bits) {
	case 8:
		return block[i];
	case 16:
		return get_be16(block + 2 * i);
	case 32:
		return (uint32_t)min_u64(get_be32(block + 4 * i), COUNT);
	case 64:
		return (uint32_t)min_u64(get_be64(block + 8 * i), COUNT);
	default: /* 1, 2, 4: the lowest bits of a byte come first */
		return block[i * bits / 8] >> i * bits % 8 & ((1U << bits) - 1);
	}
}

/* Counts of one refcount block that fall into the part; block is in q->l2. */
static void keep_counts(struct image *q, uint64_t first, uint64_t per_block)
{
	uint64_t from = max_u64(first, q->from), to = min_u64(first + per_block, q->from + q->n);

	for (uint64_t i = from; i < to; i++)
		q->stored[i - q->from] = refcount(q->l2, i - first, q->refcount_bits);
}

static int refcount_block(struct image *q, uint64_t index, uint64_t entry, uint64_t at, struct err *err)
{
	uint64_t per_block = q->cluster * 8 / q->refcount_bits, off = entry & ~UINT64_C(0x1ff);

	if (!off)
		return 0;
	if (!aligned(q, off, at, "refcount block"))
		return 0;
	use(q, off, q->cluster, at, "refcount block");
	if (index * per_block >= q->from + q->n || (index + 1) * per_block <= q->from)
		return 0;
	if (!range_inside(off, q->cluster, q->file->size))
		return 0;
	if (block_pread(q->file, q->l2, q->cluster, off, err) < 0)
		return err_wrap(err, "refcount block %" PRIu64, index);
	keep_counts(q, index * per_block, per_block);
	return 0;
}

/* Reads len bytes of a table of be64 entries in pieces, and gives each entry with its place in the file. */
static int each_entry(struct image *q, uint64_t off, uint64_t n,
		      int (*fn)(struct image *q, uint64_t i, uint64_t entry, uint64_t at, struct err *err),
		      struct err *err)
{
	AUTO_FREE unsigned char *piece = malloc(READ_BYTES);
	uint64_t left = off < q->file->size ? (q->file->size - off) / QCOW2_ENTRY_SIZE : 0;

	if (!piece)
		return err_nomem(err);
	if (check_spend(q->c, 0, err) < 0)
		return -1;
	n = min_u64(n, left); /* that it reaches behind the end is reported by use() */
	for (uint64_t done = 0, here; done < n; done += here) {
		here = min_u64(n - done, READ_BYTES / QCOW2_ENTRY_SIZE);
		if (check_spend(q->c, here, err) < 0 ||
		    block_pread(q->file, piece, here * QCOW2_ENTRY_SIZE, off + done * QCOW2_ENTRY_SIZE, err) < 0)
			return -1;
		for (uint64_t i = 0; i < here; i++)
			if (fn(q, done + i, get_be64(piece + i * QCOW2_ENTRY_SIZE), off + (done + i) * QCOW2_ENTRY_SIZE,
			       err) < 0)
				return -1;
	}
	return 0;
}

static int read_refcounts(struct image *q, struct err *err)
{
	uint64_t bytes = q->reftable_clusters << q->bits;

	use(q, q->reftable, bytes, QCOW2_H_REFTABLE_OFFSET, "refcount table");
	return each_entry(q, q->reftable, bytes / QCOW2_ENTRY_SIZE, refcount_block, err);
}

/* ------------------------------------------------------------------------------------------------------- tables */

static void check_copied(struct image *q, uint64_t off, uint64_t entry, uint64_t at, const char *what)
{
	bool copied = entry & QCOW2_COPIED;
	uint32_t stored;

	if (!in_part(q, off))
		return;
	stored = stored_at(q, off);
	if (copied == (stored == 1))
		return;
	check_report(q->c, PROBLEM_FLAG, at,
		     "%s entry 0x%016" PRIx64 ": marked as %s reference, but the refcount of 0x%" PRIx64 " is %" PRIu32,
		     what, entry, copied ? "the only" : "not the only", off, stored);
}

static void packed_entry(struct image *q, uint64_t entry, uint64_t at, bool active)
{
	uint64_t host, len;

	if (entry & QCOW2_COPIED && active && !q->from) /* once, whatever the number of passes */
		check_report(q->c, PROBLEM_FLAG, at,
			     "L2 entry 0x%016" PRIx64 ": compressed and marked as the only reference", entry);
	qcow2_compressed_range(q->bits, entry, &host, &len);
	/* The last sector may be stated beyond the end. */
	if (host < q->file->size)
		len = min_u64(len, align_up(q->file->size, q->cluster) - host);
	use_as(q, host, len, at, PACKED, "compressed cluster");
}

static void l2_entry(struct image *q, uint64_t entry, uint64_t at, bool active)
{
	uint64_t host = entry & QCOW2_OFFSET_MASK;

	if (entry & QCOW2_COMPRESSED) {
		packed_entry(q, entry, at, active);
		return;
	}
	if (entry & QCOW2_L2_RESERVED || ((!q->v3 || q->entry == 16) && entry & QCOW2_ZERO))
		check_report(q->c, PROBLEM_ENTRY, at, "L2 entry 0x%016" PRIx64 ": reserved bits are set", entry);
	if (!host || q->data_file)
		return;
	if (!aligned(q, host, at, "cluster"))
		return;
	use(q, host, q->cluster, at, "cluster");
	if (active)
		check_copied(q, host, entry, at, "L2");
}

static int l2_table(struct image *q, uint64_t off, bool active, struct err *err)
{
	if (check_spend(q->c, q->cluster / q->entry, err) < 0)
		return -1;
	if (!range_inside(off, q->cluster, q->file->size)) {
		if (off < q->file->size)
			check_report(q->c, PROBLEM_OUTSIDE, off,
				     "L2 table at 0x%" PRIx64 ": the file ends at 0x%" PRIx64, off, q->file->size);
		return 0;
	}
	if (block_pread(q->file, q->l2, q->cluster, off, err) < 0)
		return err_wrap(err, "L2 table at 0x%" PRIx64, off);
	for (uint64_t i = 0; i < q->cluster; i += q->entry) {
		uint64_t entry = get_be64(q->l2 + i), both = q->entry == 16 ? get_be64(q->l2 + i + 8) : 0;

		if (both & both >> 32 & UINT32_MAX)
			check_report(q->c, PROBLEM_ENTRY, off + i,
				     "L2 bitmap 0x%016" PRIx64 ": subclusters that are both allocated and zero", both);
		if (!(entry & QCOW2_OFFSET_MASK) && !q->data_file && both & UINT32_MAX)
			check_report(
			    q->c, PROBLEM_ENTRY, off + i,
			    "L2 bitmap 0x%016" PRIx64 ": subclusters are allocated in a cluster without a place", both);
		if (entry)
			l2_entry(q, entry, off + i, active);
	}
	return 0;
}

static int l1_entry(struct image *q, uint64_t entry, uint64_t at, bool active, struct err *err)
{
	uint64_t off = entry & QCOW2_OFFSET_MASK;

	if (entry & QCOW2_L1_RESERVED)
		check_report(q->c, PROBLEM_ENTRY, at, "L1 entry 0x%016" PRIx64 ": reserved bits are set", entry);
	if (!off || !aligned(q, off, at, "L2 table"))
		return 0;
	use(q, off, q->cluster, at, "L2 table");
	if (active)
		check_copied(q, off, entry, at, "L1");
	return l2_table(q, off, active, err);
}

static int active_l1(struct image *q, uint64_t i, uint64_t entry, uint64_t at, struct err *err)
{
	return l1_entry(q, entry, at, true, err);
}

static int snapshot_l1(struct image *q, uint64_t i, uint64_t entry, uint64_t at, struct err *err)
{
	return l1_entry(q, entry, at, false, err);
}

/* One entry of the snapshot table at *at; moves it behind. False: the table ends in the middle of it. */
static int snapshot(struct image *q, uint64_t *at, struct err *err)
{
	unsigned char h[SNAPSHOT_HEAD];
	uint64_t l1, n;

	if (!range_inside(*at, sizeof h, q->file->size)) {
		check_report(q->c, PROBLEM_OUTSIDE, *at, "snapshot entry at 0x%" PRIx64 ": the file ends at 0x%" PRIx64,
			     *at, q->file->size);
		q->snapshots = 0;
		return 0;
	}
	if (block_pread(q->file, h, sizeof h, *at, err) < 0)
		return -1;
	l1 = get_be64(h + SNAPSHOT_AT_L1);
	n = get_be32(h + SNAPSHOT_AT_L1_SIZE);
	if (n * QCOW2_ENTRY_SIZE > QCOW2_L1_BYTES_MAX || l1 % q->cluster)
		check_report(q->c, PROBLEM_ENTRY, *at,
			     "snapshot: L1 table of %" PRIu64 " entries at 0x%" PRIx64
			     ", expected up to 32 MiB at a cluster",
			     n, l1);
	else
		use(q, l1, n * QCOW2_ENTRY_SIZE, *at, "snapshot's L1 table");
	*at += align_up(SNAPSHOT_HEAD + (uint64_t)get_be32(h + SNAPSHOT_AT_EXTRA_SIZE) +
			    get_be16(h + SNAPSHOT_AT_ID_SIZE) + get_be16(h + SNAPSHOT_AT_NAME_SIZE),
			8);
	if (n * QCOW2_ENTRY_SIZE > QCOW2_L1_BYTES_MAX || l1 % q->cluster)
		return 0;
	return each_entry(q, l1, n, snapshot_l1, err);
}

static int walk_snapshots(struct image *q, struct err *err)
{
	uint64_t at = q->snapshots_at;

	for (uint32_t i = 0; i < q->snapshots; i++)
		if (snapshot(q, &at, err) < 0)
			return err_wrap(err, "snapshot %" PRIu32, i + 1);
	if (q->snapshots)
		use(q, q->snapshots_at, at - q->snapshots_at, QCOW2_H_SNAPSHOTS_OFFSET, "snapshot table");
	return 0;
}

static int bitmap_cluster(struct image *q, uint64_t i, uint64_t entry, uint64_t at, struct err *err)
{
	uint64_t off = entry & QCOW2_OFFSET_MASK;

	if (off && aligned(q, off, at, "bitmap cluster"))
		use(q, off, q->cluster, at, "bitmap cluster");
	return 0;
}

static int walk_bitmaps(struct image *q, struct err *err)
{
	uint64_t at = q->bitmaps_at, end;

	if (!q->bitmaps)
		return 0;
	if (q->bitmaps > BITMAPS_MAX || q->bitmaps_size > BITMAP_DIRECTORY_MAX ||
	    !add_fits(at, q->bitmaps_size, &end) || !aligned(q, at, QCOW2_V3_HEADER_SIZE, "bitmap directory"))
		return 0;
	use(q, at, q->bitmaps_size, QCOW2_V3_HEADER_SIZE, "bitmap directory");
	for (uint32_t i = 0; i < q->bitmaps && end <= q->file->size && at + BITMAP_ENTRY <= end; i++) {
		unsigned char h[BITMAP_ENTRY];
		uint64_t table, n;

		if (block_pread(q->file, h, sizeof h, at, err) < 0)
			return -1;
		table = get_be64(h);
		n = get_be32(h + BITMAP_AT_TABLE_SIZE);
		if (aligned(q, table, at, "bitmap table")) {
			use(q, table, n * QCOW2_ENTRY_SIZE, at, "bitmap table");
			if (each_entry(q, table, n, bitmap_cluster, err) < 0)
				return -1;
		}
		at += align_up(
		    BITMAP_ENTRY + (uint64_t)get_be16(h + BITMAP_AT_NAME_SIZE) + get_be32(h + BITMAP_AT_EXTRA_SIZE), 8);
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------------ compare */

static void compare_cluster(struct image *q, uint64_t at, uint32_t used, uint32_t stored)
{
	uint32_t count = used & COUNT;

	if (stored > count)
		check_report(q->c, PROBLEM_LEAK, at,
			     "cluster at 0x%" PRIx64 ": refcount %" PRIu32 ", expected %" PRIu32
			     ", as often as tables name it",
			     at, stored, count);
	else if (stored < count)
		check_report(
		    q->c, count > 1 && !q->snapshots && !(used & PACKED) ? PROBLEM_OVERLAP : PROBLEM_REFCOUNT, at,
		    "cluster at 0x%" PRIx64 ": refcount %" PRIu32 ", expected %" PRIu32 ", as often as tables name it",
		    at, stored, count);
}

static void compare(struct image *q)
{
	for (uint64_t i = 0; i < q->n; i++) {
		q->c->claimed += q->used[i] ? q->cluster : 0;
		if (q->used[i] != q->stored[i])
			compare_cluster(q, (q->from + i) << q->bits, q->used[i], q->stored[i]);
	}
}

static int check_part(struct image *q, struct err *err)
{
	memset(q->used, 0, q->n * sizeof *q->used);
	memset(q->stored, 0, q->n * sizeof *q->stored);
	q->c->from = q->from; /* in later passes, what the first one said isn't said again */
	check_pass(q->c);
	use(q, 0, QCOW2_V2_HEADER_SIZE, 0, "header");
	if (read_refcounts(q, err) < 0)
		return -1;
	use(q, q->luks_at, q->luks_size, 0, "LUKS header");
	use(q, q->l1, q->l1_entries * QCOW2_ENTRY_SIZE, QCOW2_H_L1_OFFSET, "L1 table");
	if (each_entry(q, q->l1, q->l1_entries, active_l1, err) < 0 || walk_snapshots(q, err) < 0 ||
	    walk_bitmaps(q, err) < 0)
		return -1;
	compare(q);
	return 0;
}

int qcow2_check(const struct open_args *args, struct check *c, struct err *err)
{
	struct image q = {.c = c, .file = args->file};
	AUTO_FREE uint32_t *used = NULL, *stored = NULL;
	AUTO_FREE unsigned char *l2 = NULL;
	uint64_t part;

	if (read_header(&q, err) < 0)
		return -1;
	part = min_u64(q.clusters, PART);
	if (q.clusters / PART >= PASSES_MAX)
		return err_set(err, ERR_UNSUPPORTED, "a file of %" PRIu64 " clusters, up to %" PRIu64 " are checked",
			       q.clusters, (uint64_t)PASSES_MAX * PART - 1);
	q.used = used = malloc(part * sizeof *used + 1);
	q.stored = stored = malloc(part * sizeof *stored + 1);
	q.l2 = l2 = malloc(q.cluster);
	if (!used || !stored || !l2)
		return err_nomem(err);
	c->file = q.file;
	c->unit = q.cluster;
	for (q.from = 0; q.from < q.clusters; q.from += PART) {
		q.n = min_u64(q.clusters - q.from, PART);
		if (check_part(&q, err) < 0)
			return -1;
	}
	c->file = NULL;
	c->from = 0;
	return 0;
}
