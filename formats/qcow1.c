/* qcow, the format before qcow2 (version 1 of the same magic number): plain and compressed clusters over a backing
 * image. There is no specification; the layout is what QEMU writes. All numbers are big endian.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/mapped.h"
#include "formats/qcow2_layout.h"
#include "formats/registry.h"

enum {
	H_VERSION = 4,
	H_BACKING_OFFSET = 8, /* u64; 0: no backing image */
	H_BACKING_SIZE = 16,
	H_SIZE = 24, /* u64, bytes of the disk */
	H_CLUSTER_BITS = 32,
	H_L2_BITS = 33, /* an L2 table has 1 << l2_bits entries */
	H_CRYPT = 36,
	H_L1 = 40, /* u64 */
	HEADER_BYTES = 48,

	CLUSTER_BITS_MIN = 9,
	CLUSTER_BITS_MAX = 16, /* QEMU's limits, as the next */
	L2_BITS_MIN = 6,
	L2_BITS_MAX = 13,
	ENTRY = 8,
};

#define COMPRESSED   (UINT64_C(1) << 63)
#define L1_BYTES_MAX (32 * MIB) /* as for qcow2: 8 TiB with the tables of QEMU's default */

struct qcow1 {
	struct mapped m;
	unsigned cluster_bits;
};

struct header {
	uint64_t backing_offset, size, l1;
	uint32_t backing_size, crypt;
	unsigned cluster_bits, l2_bits;
};

static int place_cluster(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
			 struct err *err)
{
	unsigned bits = ((const struct qcow1 *)m)->cluster_bits;
	uint64_t e = get_be64(entry);

	if (!e) {
		ret->kind = UNIT_ABSENT;
		return 0;
	}
	ret->kind = UNIT_PLAIN;
	ret->host = e;
	if (e & COMPRESSED) {
		ret->kind = UNIT_PACKED;
		ret->host = e & ((UINT64_C(1) << (63 - bits)) - 1);
		ret->len = (e >> (63 - bits)) & (m->unit - 1);
	}
	if (ret->host < HEADER_BYTES || (ret->kind == UNIT_PACKED && !ret->len))
		return err_set(err, ERR_CORRUPT, "0x%016" PRIx64 " is no cluster", e);
	return 0;
}

static const struct block_ops qcow1_ops = {
    .name = "qcow",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

static int check_header(const struct header *h, struct err *err)
{
	if (h->crypt)
		return err_set(err, ERR_UNSUPPORTED, "header: it is encrypted (method %u): decrypt it with qemu-img",
			       h->crypt);
	if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX)
		return err_set(err, ERR_CORRUPT, "header: cluster bits %u, %d to %d are possible", h->cluster_bits,
			       CLUSTER_BITS_MIN, CLUSTER_BITS_MAX);
	if (h->l2_bits < L2_BITS_MIN || h->l2_bits > L2_BITS_MAX)
		return err_set(err, ERR_CORRUPT, "header: L2 bits %u, %d to %d are possible", h->l2_bits, L2_BITS_MIN,
			       L2_BITS_MAX);
	if (!h->size || h->size > QCOW2_DISK_MAX)
		return err_set(err, ERR_CORRUPT, "header: a disk of %" PRIu64 " bytes, expected 1 to 64 TiB", h->size);
	return 0;
}

static int read_header(struct block *file, struct header *ret, struct err *err)
{
	unsigned char h[HEADER_BYTES];

	if (file->size < sizeof h)
		return err_set(err, ERR_CORRUPT, "header: the file has only %" PRIu64 " bytes", file->size);
	if (block_pread(file, h, sizeof h, 0, err) < 0)
		return err_wrap(err, "header");
	if (get_be32(h) != QCOW2_MAGIC || get_be32(h + H_VERSION) != 1)
		return err_set(err, ERR_UNSUPPORTED, "header: 0x%08x version %u, not 0x514649fb version 1", get_be32(h),
			       get_be32(h + H_VERSION));
	*ret = (struct header){
	    .backing_offset = get_be64(h + H_BACKING_OFFSET),
	    .backing_size = get_be32(h + H_BACKING_SIZE),
	    .size = get_be64(h + H_SIZE),
	    .cluster_bits = h[H_CLUSTER_BITS],
	    .l2_bits = h[H_L2_BITS],
	    .crypt = get_be32(h + H_CRYPT),
	    .l1 = get_be64(h + H_L1),
	};
	return check_header(ret, err);
}

static int read_l1(struct mapped *m, uint64_t at, struct err *err)
{
	uint64_t n = mapped_tables(m);

	if (n * ENTRY > L1_BYTES_MAX || !range_inside(at, n * ENTRY, m->file->size))
		return err_set(err, ERR_CORRUPT,
			       "L1 table: %" PRIu64 " bytes at 0x%" PRIx64
			       ": the limit is 32 MiB, the file ends at 0x%" PRIx64,
			       n * ENTRY, at, m->file->size);
	m->directory = malloc(n * ENTRY);
	if (!m->directory)
		return err_nomem(err);
	if (block_pread(m->file, m->directory, n * ENTRY, at, err) < 0)
		return err_wrap(err, "L1 table");
	for (uint64_t i = 0; i < n; i++)
		m->directory[i] = get_be64(&m->directory[i]);
	return 0;
}

/* The format of the backing image isn't stated. */
static int open_backing(struct mapped *m, const struct open_args *args, const struct header *h, struct err *err)
{
	if (!h->backing_offset)
		return 0;
	return mapped_open_backing(m, args, h->backing_offset, h->backing_size, NULL, err);
}

static struct qcow1 *qcow1_new(const struct open_args *args, const struct header *h)
{
	struct qcow1 *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->cluster_bits = h->cluster_bits;
	q->m = (struct mapped){
	    .file = args->file,
	    .unit = UINT64_C(1) << h->cluster_bits,
	    .entry_size = ENTRY,
	    .per_table = UINT64_C(1) << h->l2_bits,
	    .place = place_cluster,
	    .table = "L2 table",
	    .unit_name = "cluster",
	    .codec = CODEC_DEFLATE,
	};
	block_init(&q->m.b, &qcow1_ops, args->name, align_up(h->size, QCOW2_SECTOR));
	return q;
}

static int qcow1_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct header h;
	struct qcow1 *q;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	q = qcow1_new(args, &h);
	if (!q)
		return err_nomem(err);
	if (read_l1(&q->m, h.l1, err) < 0 || mapped_start(&q->m, err) < 0 || open_backing(&q->m, args, &h, err) < 0)
		return mapped_give_up(&q->m);
	*ret = &q->m.b;
	return 0;
}

static int qcow1_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	struct header h;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	ret->size = h.size;
	ret->unit = UINT32_C(1) << h.cluster_bits;
	if (!h.backing_offset)
		return 0;
	return mapped_name_backing(args->file, h.backing_offset, h.backing_size, ret, err);
}

static int qcow1_check(const struct open_args *args, struct check *c, struct err *err)
{
	struct mapped_check how;
	struct header h;
	struct qcow1 *q;
	int ret;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	q = qcow1_new(args, &h);
	if (!q)
		return err_nomem(err);
	how = (struct mapped_check){
	    .unit = QCOW2_SECTOR,
	    .own = {{0, HEADER_BYTES, "header"}},
	};
	ret = read_l1(&q->m, h.l1, err) < 0 ? -1 : mapped_check(&q->m, &how, c, err);
	mapped_give_up(&q->m);
	return ret;
}

static int qcow1_bid(const struct probe *p)
{
	return get_be32(p->head) == QCOW2_MAGIC && get_be32(p->head + H_VERSION) == 1 ? BID_SURE : BID_NONE;
}

static uint64_t qcow1_announces(const struct probe *p)
{
	return get_be64(p->head + H_SIZE);
}

const struct format format_qcow = {
    .name = "qcow",
    .description = "QEMU copy-on-write 1, compressed too, with backing files",
    .bid = qcow1_bid,
    .announces = qcow1_announces,
    .open = qcow1_open,
    .facts = qcow1_facts,
    .check = qcow1_check,
};
