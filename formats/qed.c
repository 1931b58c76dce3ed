/* QED, QEMU's enhanced disk: clusters found through two levels of tables, over a backing image. Specification: QEMU's
 * docs/interop/qed_spec. All numbers are little endian.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/mapped.h"
#include "formats/registry.h"

enum {
	H_CLUSTER = 4,	 /* bytes */
	H_TABLE = 8,	 /* clusters a table */
	H_HEADER = 12,	 /* clusters */
	H_FEATURES = 16, /* u64: unknown ones mean "do not open" */
	H_L1 = 40,
	H_SIZE = 48,
	H_BACKING_OFFSET = 56, /* u32 */
	H_BACKING_SIZE = 60,
	HEADER_BYTES = 64,

	F_BACKING = 1 << 0,
	F_NEED_CHECK = 1 << 1,
	F_BACKING_RAW = 1 << 2, /* the backing image is raw, whatever it looks like */
	F_KNOWN = F_BACKING | F_NEED_CHECK | F_BACKING_RAW,

	CLUSTER_MIN = 4 << 10,
	CLUSTER_MAX = 64 << 20,
	TABLE_MAX = 16,
	ENTRY = 8,
	ENTRY_ZERO = 1,
	SECTOR = 512,
};

#define DISK_MAX     (64 * TIB)
#define L1_BYTES_MAX (32 * MIB) /* 8 TiB in clusters of 4 KiB with tables of one; 64 TiB in QEMU's default clusters */

struct header {
	uint32_t cluster, table, header;
	uint64_t features, l1, size;
	uint32_t backing_offset, backing_size;
};

static int place_cluster(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
			 struct err *err)
{
	uint64_t e = get_le64(entry);

	if (e % m->unit && e != ENTRY_ZERO)
		return err_set(err, ERR_CORRUPT, "0x%016" PRIx64 " is no cluster", e);
	ret->kind = !e ? UNIT_ABSENT : e == ENTRY_ZERO ? UNIT_ZERO : UNIT_PLAIN;
	ret->host = e;
	return 0;
}

static const struct block_ops qed_ops = {
    .name = "qed",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

static int check_header(const struct header *h, struct err *err)
{
	if (h->features & ~(uint64_t)F_KNOWN)
		return err_set(err, ERR_UNSUPPORTED, "header: unknown features 0x%" PRIx64,
			       h->features & ~(uint64_t)F_KNOWN);
	if (!is_pow2(h->cluster) || h->cluster < CLUSTER_MIN || h->cluster > CLUSTER_MAX)
		return err_set(err, ERR_CORRUPT,
			       "header: clusters of %u bytes, expected a power of two from 4 KiB to 64 MiB",
			       h->cluster);
	if (!is_pow2(h->table) || h->table > TABLE_MAX)
		return err_set(err, ERR_CORRUPT, "header: tables of %u clusters, expected a power of two up to %d",
			       h->table, TABLE_MAX);
	if (!h->header)
		return err_set(err, ERR_CORRUPT, "header: it has 0 clusters");
	if (!h->size || h->size > DISK_MAX || h->size % SECTOR)
		return err_set(err, ERR_CORRUPT,
			       "header: a disk of %" PRIu64 " bytes, expected whole sectors up to 64 TiB", h->size);
	return 0;
}

static int read_header(struct block *file, struct header *ret, struct err *err)
{
	unsigned char h[HEADER_BYTES];

	if (file->size < sizeof h)
		return err_set(err, ERR_CORRUPT, "header: the file has only %" PRIu64 " bytes", file->size);
	if (block_pread(file, h, sizeof h, 0, err) < 0)
		return err_wrap(err, "header");
	if (memcmp(h, "QED", 4) != 0)
		return err_set(err, ERR_CORRUPT, "header: begins with %02x %02x %02x %02x, not with QED", h[0], h[1],
			       h[2], h[3]);
	*ret = (struct header){
	    .cluster = get_le32(h + H_CLUSTER),
	    .table = get_le32(h + H_TABLE),
	    .header = get_le32(h + H_HEADER),
	    .features = get_le64(h + H_FEATURES),
	    .l1 = get_le64(h + H_L1),
	    .size = get_le64(h + H_SIZE),
	    .backing_offset = get_le32(h + H_BACKING_OFFSET),
	    .backing_size = get_le32(h + H_BACKING_SIZE),
	};
	return check_header(ret, err);
}

static int read_l1(struct mapped *m, uint64_t at, struct err *err)
{
	uint64_t n = mapped_tables(m);

	if (n > m->per_table)
		return err_set(err, ERR_CORRUPT,
			       "header: a disk of %" PRIu64 " bytes needs %" PRIu64
			       " L1 entries, the table has %" PRIu64,
			       m->b.size, n, m->per_table);
	if (n * ENTRY > L1_BYTES_MAX || at % m->unit || !range_inside(at, n * ENTRY, m->file->size))
		return err_set(err, ERR_CORRUPT,
			       "L1 table: %" PRIu64 " bytes at 0x%" PRIx64
			       ", expected up to 32 MiB at a cluster of the file, which ends at 0x%" PRIx64,
			       n * ENTRY, at, m->file->size);
	m->directory = malloc(n * ENTRY);
	if (!m->directory)
		return err_nomem(err);
	if (block_pread(m->file, m->directory, n * ENTRY, at, err) < 0)
		return err_wrap(err, "L1 table");
	for (uint64_t i = 0; i < n; i++) {
		m->directory[i] = get_le64(&m->directory[i]);
		if (m->directory[i] % m->unit)
			return err_set(err, ERR_CORRUPT, "L1 table: entry %" PRIu64 ": 0x%016" PRIx64 " is no cluster",
				       i, m->directory[i]);
	}
	return 0;
}

static int open_backing(struct mapped *m, const struct open_args *args, const struct header *h, struct err *err)
{
	if (!(h->features & F_BACKING))
		return 0;
	return mapped_open_backing(m, args, h->backing_offset, h->backing_size,
				   h->features & F_BACKING_RAW ? &format_raw : NULL, err);
}

static struct mapped *qed_new(const struct open_args *args, const struct header *h)
{
	struct mapped *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	*m = (struct mapped){
	    .file = args->file,
	    .unit = h->cluster,
	    .entry_size = ENTRY,
	    .per_table = (uint64_t)h->cluster * h->table / ENTRY,
	    .place = place_cluster,
	    .table = "L2 table",
	    .unit_name = "cluster",
	};
	block_init(&m->b, &qed_ops, args->name, h->size);
	return m;
}

static int qed_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct header h;
	struct mapped *m;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	m = qed_new(args, &h);
	if (!m)
		return err_nomem(err);
	if (h.features & F_NEED_CHECK)
		log_warn("qed '%s': marked as in use: it was copied while the machine ran, or the host crashed",
			 args->name);
	if (read_l1(m, h.l1, err) < 0 || mapped_start(m, err) < 0 || open_backing(m, args, &h, err) < 0)
		return mapped_give_up(m);
	*ret = &m->b;
	return 0;
}

static int qed_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	struct header h;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	ret->size = h.size;
	ret->unit = h.cluster;
	if (!(h.features & F_BACKING))
		return 0;
	fact_text(ret->parent_format, sizeof ret->parent_format, "raw", h.features & F_BACKING_RAW ? 3 : 0);
	return mapped_name_backing(args->file, h.backing_offset, h.backing_size, ret, err);
}

static int qed_check(const struct open_args *args, struct check *c, struct err *err)
{
	struct mapped_check how;
	struct header h;
	struct mapped *m;
	int ret;

	if (read_header(args->file, &h, err) < 0)
		return -1;
	m = qed_new(args, &h);
	if (!m)
		return err_nomem(err);
	how = (struct mapped_check){
	    .unit = h.cluster,
	    .leaks = true,
	    .own = {{0, (uint64_t)h.header * h.cluster, "header"}, {h.l1, (uint64_t)h.table * h.cluster, "L1 table"}},
	};
	ret = read_l1(m, h.l1, err) < 0 ? -1 : mapped_check(m, &how, c, err);
	mapped_give_up(m);
	return ret;
}

static int qed_bid(const struct probe *p)
{
	return !memcmp(p->head, "QED", 4) ? BID_SURE : BID_NONE;
}

static uint64_t qed_announces(const struct probe *p)
{
	return get_le64(p->head + H_SIZE);
}

const struct format format_qed = {
    .name = "qed",
    .description = "QEMU enhanced disk, with backing files",
    .bid = qed_bid,
    .announces = qed_announces,
    .open = qed_open,
    .facts = qed_facts,
    .check = qed_check,
};
