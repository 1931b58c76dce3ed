/* VHDX: fixed, dynamic and differencing disks of Hyper-V, also those that were not closed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/uuid.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/page_cache.h"
#include "formats/registry.h"
#include "formats/sector_bits.h"
#include "formats/vhdx.h"
#include "formats/vhdx_log.h"

enum {
	TABLE_PAGE = 64 << 10,	     /* of the block table and of sector bitmaps; regions are whole MiB */
	TABLE_CACHE_BYTES = 4 << 20, /* 512 Ki blocks */
	BITMAP_CACHE_BYTES = 4 << 20,
	PER_PAGE = TABLE_PAGE / VHDX_BAT_ENTRY,
};

struct vhdx {
	struct block b;
	struct block *file, *overlay; /* owned; overlay NULL: no log to replay */
	struct block *source;	      /* one of them */
	struct block *parent;	      /* owned; NULL: none */
	unsigned char data_write[VHDX_GUID];
	uint64_t table;		   /* byte offset */
	uint64_t block, blocks;	   /* bytes of one; how many */
	uint64_t ratio;		   /* blocks in a chunk, which has one sector bitmap */
	struct page_cache entries; /* pages of the table */
	struct page_cache bitmaps; /* pages of sector bitmaps; differencing disks only */
};

enum piece_kind { PIECE_UNKNOWN = 0, PIECE_OWN, PIECE_BELOW, PIECE_ZERO };

/* A piece of the disk that lies in one place. */
struct piece {
	enum piece_kind kind;
	uint64_t len; /* bytes */
	uint64_t host;
};

static struct vhdx *vhdx(struct block *b)
{
	return (struct vhdx *)b;
}

static int load_entries(void *opaque, uint64_t page, unsigned char *data, struct err *err)
{
	struct vhdx *v = opaque;

	return block_pread(v->source, data, TABLE_PAGE, v->table + page * TABLE_PAGE, err);
}

static int load_bitmap(void *opaque, uint64_t page, unsigned char *data, struct err *err)
{
	struct vhdx *v = opaque;

	return block_pread(v->source, data, TABLE_PAGE, page * TABLE_PAGE, err);
}

/* "2.5 BAT": each chunk's blocks are followed by its sector bitmap. */
static uint64_t index_of_block(const struct vhdx *v, uint64_t block)
{
	return block + block / v->ratio;
}

static uint64_t index_of_bitmap(const struct vhdx *v, uint64_t block)
{
	return (block / v->ratio + 1) * (v->ratio + 1) - 1;
}

static enum vhdx_state entry_state(uint64_t entry)
{
	return (enum vhdx_state)(entry & VHDX_BAT_STATE);
}

static uint64_t entry_offset(uint64_t entry)
{
	return entry & ~UINT64_C(0xfffff);
}

static int get_entry(struct vhdx *v, uint64_t index, uint64_t *ret, struct err *err)
{
	AUTO(page_putp) struct page *page = page_cache_get(&v->entries, index / PER_PAGE, load_entries, v, err);

	if (!page)
		return err_wrap(err, "block table");
	*ret = get_le64(page->data + index % PER_PAGE * VHDX_BAT_ENTRY);
	return 0;
}

/* What stands for a block's bytes when it isn't partial. Undefined and unmapped ones read as zeros, as Windows does. */
static enum piece_kind kind_of(uint64_t entry)
{
	switch (entry_state(entry)) {
	case VHDX_NOT_PRESENT:
		return PIECE_BELOW;
	case VHDX_UNDEFINED:
	case VHDX_ZERO:
	case VHDX_UNMAPPED:
		return PIECE_ZERO;
	case VHDX_FULL:
	case VHDX_PARTIAL:
		return PIECE_OWN;
	}
	return PIECE_UNKNOWN;
}

/* Blocks without a place in the file, of one kind, as far as one page of the table and one chunk tell. */
static int next_empty(struct vhdx *v, uint64_t off, uint64_t max, uint64_t first, struct piece *ret, struct err *err)
{
	uint64_t block = off / v->block, index = index_of_block(v, block), n = 1;
	uint64_t end = min_u64(min_u64(PER_PAGE - index % PER_PAGE, v->ratio - block % v->ratio), v->blocks - block);
	AUTO(page_putp) struct page *page = page_cache_get(&v->entries, index / PER_PAGE, load_entries, v, err);

	if (!page)
		return err_wrap(err, "block table");
	ret->kind = kind_of(first);
	while (n < end && n * v->block < max + v->block &&
	       kind_of(get_le64(page->data + (index % PER_PAGE + n) * VHDX_BAT_ENTRY)) == ret->kind)
		n++;
	ret->len = min_u64(max, n * v->block - off % v->block);
	return 0;
}

/* Inside a partial block: where the sectors at off are, by the part of the bitmap that one page holds; "2.4 Blocks". */
static int next_sectors(struct vhdx *v, uint64_t off, struct piece *ret, struct err *err)
{
	AUTO(page_putp) struct page *page = NULL;
	uint64_t sector = off / v->b.logical_sector % VHDX_CHUNK_SECTORS, bit = sector % ((uint64_t)TABLE_PAGE * 8);
	uint64_t wanted = div_round_up(off % v->b.logical_sector + ret->len, v->b.logical_sector), entry, n;

	if (get_entry(v, index_of_bitmap(v, off / v->block), &entry, err) < 0)
		return -1;
	page = page_cache_get(&v->bitmaps, (entry_offset(entry) + sector / 8) / TABLE_PAGE, load_bitmap, v, err);
	if (!page)
		return err_wrap(err, "sector bitmap at 0x%" PRIx64, entry_offset(entry));
	if (!sector_bit(page->data, bit, LOWEST_FIRST))
		ret->kind = PIECE_BELOW;
	n = sector_bits_alike(page->data, bit, min_u64(bit + wanted, (uint64_t)TABLE_PAGE * 8), LOWEST_FIRST);
	ret->len = min_u64(ret->len, n * v->b.logical_sector - off % v->b.logical_sector);
	return 0;
}

static int next_piece(struct vhdx *v, uint64_t off, uint64_t max, struct piece *ret, struct err *err)
{
	uint64_t entry;

	if (get_entry(v, index_of_block(v, off / v->block), &entry, err) < 0)
		return -1;
	if (kind_of(entry) != PIECE_OWN)
		return next_empty(v, off, max, entry, ret, err);
	*ret = (struct piece){
	    .kind = PIECE_OWN,
	    .len = min_u64(max, v->block - off % v->block),
	    .host = entry_offset(entry) + off % v->block,
	};
	return entry_state(entry) == VHDX_PARTIAL && v->parent ? next_sectors(v, off, ret, err) : 0;
}

static int read_piece(struct vhdx *v, const struct piece *p, unsigned char *buf, uint64_t off, struct err *err)
{
	switch (p->kind) {
	case PIECE_OWN:
		return block_pread(v->source, buf, p->len, p->host, err);
	case PIECE_BELOW:
		return block_pread_below(v->parent, buf, p->len, off, err);
	case PIECE_ZERO:
		memset(buf, 0, p->len);
		return 0;
	case PIECE_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "block of no kind");
}

static int vhdx_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct vhdx *v = vhdx(b);
	unsigned char *to = buf;
	struct piece p;

	for (; len; to += p.len, off += p.len, len -= p.len) {
		if (next_piece(v, off, len, &p, err) < 0)
			return -1;
		if (read_piece(v, &p, to, off, err) < 0)
			return err_wrap(err, "disk offset 0x%" PRIx64, off);
	}
	return 0;
}

/* A fixed disk has blocks that the file system doesn't hold yet. */
static int own_extent(struct vhdx *v, const struct piece *p, struct extent *ret, struct err *err)
{
	struct extent in_file;

	if (block_extent(v->source, p->host, p->len, &in_file, err) < 0)
		return -1;
	ret->len = in_file.len;
	ret->kind = in_file.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

static int vhdx_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct vhdx *v = vhdx(b);
	struct piece p;

	if (next_piece(v, off, max, &p, err) < 0)
		return -1;
	if (p.kind == PIECE_OWN)
		return own_extent(v, &p, ret, err);
	if (p.kind == PIECE_BELOW)
		return block_extent_below(v->parent, off, p.len, ret, err);
	*ret = (struct extent){.off = off, .len = p.len, .kind = EXTENT_ZERO};
	return 0;
}

static int vhdx_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct vhdx *v = vhdx(b);
	struct piece p;

	if (next_piece(v, off, max, &p, err) < 0)
		return -1;
	return p.kind == PIECE_OWN ? block_place(v->source, p.host, p.len, ret, err) : 0;
}

static void vhdx_close(struct block *b)
{
	struct vhdx *v = vhdx(b);

	if (!v)
		return;
	page_cache_done(&v->entries);
	page_cache_done(&v->bitmaps);
	block_close(v->overlay);
	block_close(v->file);
	block_close(v->parent);
	free(v);
}
DEFINE_CLEANUP(struct block *, vhdx_close)

static const struct block_ops vhdx_ops = {
    .name = "vhdx",
    .pread = vhdx_pread,
    .extent = vhdx_extent,
    .place = vhdx_place,
    .close = vhdx_close,
};

/* Which MiB of the file have an owner. */
struct owners {
	unsigned char *taken; /* a bit each */
	uint64_t end;	      /* MiB of the file, the last one begun */
};

/* False when another owner is there. */
static bool take(struct owners *o, uint64_t off, uint64_t len)
{
	uint64_t end = min_u64(o->end, div_round_up(off + len, VHDX_MIB));

	for (uint64_t i = off / VHDX_MIB; i < end; i++) {
		if (o->taken[i / 8] >> i % 8 & 1)
			return false;
		o->taken[i / 8] |= (unsigned char)(1 << i % 8);
	}
	return true;
}

/* len: what it takes in the file; needed: what the disk reads of it. */
static int check_place(const struct vhdx *v, uint64_t index, uint64_t entry, uint64_t len, uint64_t needed,
		       struct owners *o, struct err *err)
{
	uint64_t off = entry_offset(entry);

	if (!range_inside(off, needed, v->source->size))
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": block at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: the file ends at 0x%" PRIx64,
			       index, off, needed, v->source->size);
	if (!take(o, off, len))
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": block at 0x%" PRIx64
			       " lies on a region of the file or on another block",
			       index, off);
	return 0;
}

static int check_partial(struct vhdx *v, uint64_t block, struct err *err)
{
	uint64_t entry;

	if (!v->parent)
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": partially present, but the disk has no parent",
			       index_of_block(v, block));
	if (get_entry(v, index_of_bitmap(v, block), &entry, err) < 0)
		return -1;
	if (entry_state(entry) != VHDX_FULL)
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": partially present, but its sector bitmap is not there",
			       index_of_block(v, block));
	return 0;
}

static int check_block(struct vhdx *v, uint64_t block, uint64_t entry, struct owners *o, struct err *err)
{
	switch (kind_of(entry)) {
	case PIECE_UNKNOWN:
		return err_set(err, ERR_CORRUPT, "block table entry %" PRIu64 ": state %d is not known",
			       index_of_block(v, block), entry_state(entry));
	case PIECE_BELOW:
	case PIECE_ZERO:
		return 0;
	case PIECE_OWN:
		break;
	}
	if (entry_state(entry) == VHDX_PARTIAL && check_partial(v, block, err) < 0)
		return -1;
	return check_place(v, index_of_block(v, block), entry, v->block,
			   min_u64(v->block, v->b.size - block * v->block), o, err);
}

/* The entry behind a chunk's last block. Without a parent it means nothing, and qemu once left nonsense there. */
static int check_bitmap(struct vhdx *v, uint64_t block, struct owners *o, struct err *err)
{
	uint64_t index = index_of_bitmap(v, block), entry;

	if (get_entry(v, index, &entry, err) < 0)
		return -1;
	if (entry_state(entry) != VHDX_FULL)
		return 0;
	return check_place(v, index, entry, VHDX_BITMAP_BLOCK, VHDX_BITMAP_BLOCK, o, err);
}

/* All entries, once, before anything is read by them. */
static int check_table(struct vhdx *v, struct owners *o, struct err *err)
{
	struct piece run;

	for (uint64_t block = 0; block < v->blocks;) {
		uint64_t entry, left = v->b.size - block * v->block;

		if (v->parent && block % v->ratio == 0 && check_bitmap(v, block, o, err) < 0)
			return -1;
		if (get_entry(v, index_of_block(v, block), &entry, err) < 0 || check_block(v, block, entry, o, err) < 0)
			return -1;
		run.len = v->block;
		if (kind_of(entry) != PIECE_OWN && next_empty(v, block * v->block, left, entry, &run, err) < 0)
			return -1;
		block += div_round_up(run.len, v->block);
	}
	return 0;
}

static int check_structure(struct vhdx *v, const struct vhdx_regions *regions, struct err *err)
{
	AUTO_FREE unsigned char *taken = NULL;
	struct owners o = {.end = div_round_up(v->source->size, VHDX_MIB)};

	if (v->source->size > VHDX_FILE_MAX)
		return err_set(err, ERR_UNSUPPORTED, "a file of %" PRIu64 " bytes, the limit is 128 TiB",
			       v->source->size);
	taken = calloc(o.end / 8 + 1, 1);
	if (!taken)
		return err_nomem(err);
	o.taken = taken;
	for (size_t i = 0; i < regions->n; i++)
		take(&o, regions->all[i].off, regions->all[i].len);
	return check_table(v, &o, err);
}

/* "2.6.2.6.3": one of the links is the parent's DataWriteGuid. */
static int check_linkage(const struct vhdx *parent, const struct vhdx_metadata *m, const char *name, struct err *err)
{
	char guid[UUID_TEXT], braced[40];

	uuid_guid_text(parent->data_write, guid);
	snprintf(braced, sizeof braced, "{%s}", guid);
	if (!strcasecmp(m->linkage[0], braced) || !strcasecmp(m->linkage[1], braced))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "parent '%s': its content is %s, the differencing disk was made on %s: the parent was changed "
		       "since, or is another disk",
		       name, braced, *m->linkage[0] ? m->linkage[0] : "(nothing)");
}

static int open_parent(struct vhdx *v, const struct open_args *args, const struct vhdx_metadata *m, struct err *err)
{
	struct image_place place;
	struct stat st;

	if (parent_find(args, &m->parent, &place, &st, err) < 0)
		return -1;
	if (image_open_place(args, &place, &format_vhdx, &v->parent, err) < 0)
		return err_wrap(err, "parent '%s'", place.name);
	if (check_linkage((const struct vhdx *)v->parent, m, place.name, err) < 0)
		return -1;
	if (v->parent->logical_sector != v->b.logical_sector)
		return err_set(err, ERR_CORRUPT,
			       "parent '%s': its sectors have %" PRIu32
			       " bytes, those of the differencing disk %" PRIu32,
			       place.name, v->parent->logical_sector, v->b.logical_sector);
	return page_cache_init(&v->bitmaps, TABLE_PAGE, BITMAP_CACHE_BYTES, err);
}

static int set_geometry(struct vhdx *v, const struct vhdx_regions *regions, const struct vhdx_metadata *m,
			struct err *err)
{
	uint64_t last;

	v->b.size = m->size;
	v->b.logical_sector = m->logical_sector;
	v->b.physical_sector = (uint32_t)max_u64(m->logical_sector, m->physical_sector);
	v->b.unit = m->block_size;
	v->block = m->block_size;
	v->blocks = div_round_up(m->size, v->block);
	v->ratio = (uint64_t)VHDX_CHUNK_SECTORS * m->logical_sector / v->block;
	v->table = regions->bat.off;
	last = m->has_parent ? index_of_bitmap(v, v->blocks - 1) : index_of_block(v, v->blocks - 1);
	if (last >= regions->bat.len / VHDX_BAT_ENTRY)
		return err_set(err, ERR_CORRUPT,
			       "a disk of %" PRIu64 " bytes in blocks of %" PRIu64 " bytes needs %" PRIu64
			       " entries in the block table, it has place for %" PRIu64,
			       m->size, v->block, last + 1, regions->bat.len / VHDX_BAT_ENTRY);
	return page_cache_init(&v->entries, TABLE_PAGE, TABLE_CACHE_BYTES, err);
}

static int open_tables(struct vhdx *v, const struct open_args *args, const struct vhdx_header *header, struct err *err)
{
	AUTO_FREE struct vhdx_regions *regions = malloc(sizeof *regions);
	AUTO_FREE struct vhdx_metadata *metadata = malloc(sizeof *metadata);

	if (!regions || !metadata)
		return err_nomem(err);
	if (vhdx_regions_read(v->source, header, regions, err) < 0 ||
	    vhdx_metadata_read(v->source, &regions->metadata, metadata, err) < 0 ||
	    set_geometry(v, regions, metadata, err) < 0)
		return -1;
	if (metadata->has_parent && open_parent(v, args, metadata, err) < 0)
		return -1;
	return check_structure(v, regions, err);
}

static int check_signature(struct block *file, struct err *err)
{
	char signature[8] = "";

	if (file->size >= sizeof signature && block_pread(file, signature, sizeof signature, 0, err) < 0)
		return -1;
	if (memcmp(signature, VHDX_SIGNATURE, sizeof signature) != 0)
		return err_set(err, ERR_CORRUPT, "it doesn't begin with \"vhdxfile\"");
	return 0;
}

static int vhdx_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct vhdx *v = calloc(1, sizeof *v);
	AUTO(vhdx_closep) struct block *guard = (struct block *)v;
	struct vhdx_header header;

	if (!v)
		return err_nomem(err);
	block_init(&v->b, &vhdx_ops, args->name, 0);
	if (check_signature(args->file, err) < 0 || vhdx_header_read(args->file, &header, err) < 0)
		return -1;
	memcpy(v->data_write, header.data_write, VHDX_GUID);
	file_allow_length(args->file, FILE_LENGTH_MAX);
	if (header.has_log && vhdx_log_replay(args->file, &header, &v->overlay, err) < 0)
		return -1;
	v->source = v->overlay ? v->overlay : args->file;
	if (open_tables(v, args, &header, err) < 0)
		return -1;
	v->file = args->file;
	*ret = take_ptr(&guard);
	return 0;
}

static int vhdx_bid(const struct probe *p)
{
	return memcmp(p->head, VHDX_SIGNATURE, strlen(VHDX_SIGNATURE)) == 0 ? BID_SURE : BID_NONE;
}

static const char *const create_keys[] = {"subformat", "block_size", NULL};

const struct format format_vhdx = {
    .name = "vhdx",
    .description = "Microsoft Hyper-V: fixed, dynamic, differencing; unclosed logs are replayed in memory",
    .bid = vhdx_bid,
    .open = vhdx_open,
    .create = vhdx_create,
    .create_keys = create_keys,
    .facts = vhdx_facts,
    .check = vhdx_check,
};
