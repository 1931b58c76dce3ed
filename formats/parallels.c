/* Parallels: expandable images (.hds) and the descriptor of a bundle (.hdd). Specification of the first: QEMU's
 * docs/interop/parallels. All numbers are little endian.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/mapped.h"
#include "formats/parallels_hds.h"
#include "formats/registry.h"

enum {
	H_VERSION = 16,
	H_CLUSTER = 28, /* sectors */
	H_ENTRIES = 32,
	H_SECTORS = 36, /* u64; of the old format only the lower half */
	H_IN_USE = 44,
	H_FLAGS = 52,
	H_EXTENSION = 56,  /* u64, sectors: where the format extension (dirty bitmaps) is; 0 none */
	HEADER_BYTES = 64, /* the block allocation table follows */

	VERSION = 2,
	FLAG_EMPTY = 1 << 0, /* nothing in the table counts */
	MAGIC_BYTES = 16,
	SECTOR = 512,
	CLUSTER_SECTORS_MAX = 1 << 19, /* 256 MiB; 1 MiB is usual, 63 sectors are the least seen */
	DESCRIPTOR_HEAD = 4096,	       /* bytes in which a descriptor's first element stands */
};

#define DISK_MAX (64 * TIB)
#define IN_USE	 UINT32_C(0x746f6e59)

static const char magic_old[] = "WithoutFreeSpace", magic_new[] = "WithouFreSpacExt";

struct hds {
	struct mapped m;
	uint64_t step;	  /* bytes that an entry counts in */
	uint64_t data_at; /* bytes: behind the table */
	bool empty;
};

static int place_cluster(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
			 struct err *err)
{
	const struct hds *h = (const struct hds *)m;
	uint32_t e = get_le32(entry);

	ret->kind = e && !h->empty ? UNIT_PLAIN : UNIT_ABSENT;
	ret->host = e * h->step;
	if (ret->kind == UNIT_PLAIN && ret->host < h->data_at)
		return err_set(err, ERR_CORRUPT,
			       "cluster at 0x%" PRIx64 ": that is inside the table, which ends at 0x%" PRIx64,
			       ret->host, h->data_at);
	return 0;
}

static const struct block_ops parallels_ops = {
    .name = "parallels",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

static bool is_old(const unsigned char *h)
{
	return !memcmp(h, magic_old, MAGIC_BYTES);
}

static bool is_hds(const unsigned char *h)
{
	return is_old(h) || !memcmp(h, magic_new, MAGIC_BYTES);
}

static uint64_t sectors_of(const unsigned char *h)
{
	return is_old(h) ? get_le32(h + H_SECTORS) : get_le64(h + H_SECTORS);
}

static int check_header(const unsigned char *h, struct err *err)
{
	uint32_t cluster = get_le32(h + H_CLUSTER), entries = get_le32(h + H_ENTRIES);

	if (!is_hds(h))
		return err_set(err, ERR_CORRUPT, "header: it has none of the format's signatures");
	if (get_le32(h + H_VERSION) != VERSION)
		return err_set(err, ERR_UNSUPPORTED, "header: version %u, only 2 is known", get_le32(h + H_VERSION));
	if (!cluster || cluster > CLUSTER_SECTORS_MAX)
		return err_set(err, ERR_CORRUPT, "header: clusters of %u sectors, expected 1 to %d", cluster,
			       CLUSTER_SECTORS_MAX);
	if (!sectors_of(h) || sectors_of(h) > DISK_MAX / SECTOR)
		return err_set(err, ERR_CORRUPT, "header: a disk of %" PRIu64 " sectors, expected 1 sector to 64 TiB",
			       sectors_of(h));
	if (entries < div_round_up(sectors_of(h), cluster))
		return err_set(err, ERR_CORRUPT,
			       "header: %u clusters of %u sectors for a disk of %" PRIu64 ", %" PRIu64 " are needed",
			       entries, cluster, sectors_of(h), div_round_up(sectors_of(h), cluster));
	return 0;
}

static struct hds *hds_new(struct block *file, const unsigned char *h, const char *name)
{
	struct hds *hds = calloc(1, sizeof *hds);
	uint64_t cluster = (uint64_t)get_le32(h + H_CLUSTER) * SECTOR;

	if (!hds)
		return NULL;
	hds->step = is_old(h) ? SECTOR : cluster;
	hds->data_at = HEADER_BYTES + (uint64_t)get_le32(h + H_ENTRIES) * 4;
	hds->empty = get_le32(h + H_FLAGS) & FLAG_EMPTY;
	hds->m = (struct mapped){
	    .file = file,
	    .unit = cluster,
	    .entry_size = 4,
	    .place = place_cluster,
	    .table = "block allocation table",
	    .unit_name = "cluster",
	    .table_at = HEADER_BYTES,
	};
	block_init(&hds->m.b, &parallels_ops, name, sectors_of(h) * SECTOR);
	return hds;
}

int parallels_hds_open(struct block *file, const char *name, struct block **ret, struct err *err)
{
	unsigned char h[HEADER_BYTES];
	struct hds *hds;

	if (file->size < sizeof h)
		return err_set(err, ERR_CORRUPT, "header: the file has only %" PRIu64 " bytes", file->size);
	if (block_pread(file, h, sizeof h, 0, err) < 0)
		return err_wrap(err, "header");
	if (check_header(h, err) < 0)
		return -1;
	hds = hds_new(file, h, name);
	if (!hds)
		return err_nomem(err);
	if (get_le32(h + H_IN_USE) == IN_USE)
		log_warn("parallels '%s': marked as in use: it was copied while the machine ran, or the host crashed",
			 name);
	if (mapped_start(&hds->m, err) < 0)
		return mapped_give_up(&hds->m);
	*ret = &hds->m.b;
	return 0;
}

void parallels_hds_adopt(struct block *hds, struct block *parent)
{
	((struct hds *)hds)->m.parent = parent;
}

static bool is_descriptor(const unsigned char *head)
{
	static const char root[] = "<Parallels_disk_image";

	return memmem(head, 5, "<", 1) && memmem(head, DESCRIPTOR_HEAD, root, sizeof root - 1);
}

static int parallels_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	unsigned char h[HEADER_BYTES] = {0};

	if (block_pread(args->file, h, (size_t)min_u64(sizeof h, args->file->size), 0, err) < 0)
		return -1;
	snprintf(ret->subtype, sizeof ret->subtype, "%s", is_hds(h) ? "expandable" : "bundle");
	if (!is_hds(h) || check_header(h, err) < 0)
		return is_hds(h) ? -1 : 0;
	ret->size = sectors_of(h) * SECTOR;
	ret->unit = get_le32(h + H_CLUSTER) * SECTOR;
	return 0;
}

int parallels_hds_check(struct block *file, struct check *c, struct err *err)
{
	unsigned char h[HEADER_BYTES] = {0};
	struct mapped_check how;
	struct hds *hds;
	int ret;

	if (block_pread(file, h, (size_t)min_u64(sizeof h, file->size), 0, err) < 0)
		return err_wrap(err, "header");
	if (check_header(h, err) < 0)
		return -1;
	hds = hds_new(file, h, file->name);
	if (!hds)
		return err_nomem(err);
	/* Entries of the old format count sectors: clusters may begin at any. */
	how = (struct mapped_check){
	    .unit = hds->step,
	    .leaks = hds->step == hds->m.unit && !get_le64(h + H_EXTENSION), /* which has clusters of its own */
	    .own = {{0, hds->data_at, "header and table"}},
	};
	ret = mapped_check(&hds->m, &how, c, err);
	mapped_give_up(&hds->m);
	return ret;
}

static int parallels_check(const struct open_args *args, struct check *c, struct err *err)
{
	unsigned char magic[MAGIC_BYTES] = {0};

	if (block_pread(args->file, magic, (size_t)min_u64(sizeof magic, args->file->size), 0, err) < 0)
		return -1;
	return is_hds(magic) ? parallels_hds_check(args->file, c, err) : parallels_bundle_structure(args, c, err);
}

static int parallels_bid(const struct probe *p)
{
	return is_hds(p->head) || is_descriptor(p->head) ? BID_SURE : BID_NONE;
}

static int parallels_open(const struct open_args *args, struct block **ret, struct err *err)
{
	unsigned char magic[MAGIC_BYTES] = {0};

	if (block_pread(args->file, magic, (size_t)min_u64(sizeof magic, args->file->size), 0, err) < 0)
		return -1;
	if (!is_hds(magic))
		return parallels_bundle_open(args, ret, err);
	if (parallels_bundle_check(args, err) < 0)
		return -1;
	return parallels_hds_open(args->file, args->name, ret, err);
}

const struct format format_parallels = {
    .name = "parallels",
    .description = "Parallels: .hds images, and .hdd bundles by their DiskDescriptor.xml",
    .bid = parallels_bid,
    .open = parallels_open,
    .facts = parallels_facts,
    .check = parallels_check,
};
