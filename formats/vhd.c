/* VHD: fixed, dynamic and differencing disks of Virtual PC, Hyper-V, Azure and XenServer. */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/page_cache.h"
#include "formats/registry.h"
#include "formats/sector_bits.h"
#include "formats/vhd.h"
#include "formats/vhd_header.h"

enum {
	BITMAP_CACHE_BYTES = 4 << 20,
	DIGIT_BITS = 16,   /* of the sort */
	EPOCH = 946684800, /* 2000-01-01 in Unix time */
};

struct vhd {
	struct block b;
	struct block *file, *parent; /* owned; parent NULL: none */
	struct vhd_footer footer;
	struct vhd_header header; /* of dynamic and differencing disks */
	uint32_t *table;	  /* sector of each block, host byte order; NULL: a fixed disk */
	uint64_t blocks;
	struct page_cache bitmaps; /* of differencing disks */
};

/* A piece of the disk that lies in one place. */
struct piece {
	uint64_t len; /* bytes */
	uint64_t host;
	enum { PIECE_UNKNOWN = 0, PIECE_OWN, PIECE_BELOW } kind;
};

static struct vhd *vhd(struct block *b)
{
	return (struct vhd *)b;
}

static int load_bitmap(void *opaque, uint64_t block, unsigned char *data, struct err *err)
{
	struct vhd *v = opaque;

	return block_pread(v->file, data, v->header.bitmap, (uint64_t)v->table[block] * VHD_SECTOR, err);
}

/* What begins at off, inside one block; where a differencing disk has its sectors, its bitmap says ("Block Allocation
 * Table and Data Blocks"). */
static int next_piece(struct vhd *v, uint64_t off, uint64_t max, struct piece *ret, struct err *err)
{
	uint64_t block = off / v->header.block_size, inside = off % v->header.block_size;
	AUTO(page_putp) struct page *bitmap = NULL;
	uint64_t sectors;

	ret->len = min_u64(max, v->header.block_size - inside);
	ret->kind = PIECE_BELOW;
	if (v->table[block] == VHD_UNUSED)
		return 0;
	ret->kind = PIECE_OWN;
	ret->host = (uint64_t)v->table[block] * VHD_SECTOR + v->header.bitmap + inside;
	if (!v->parent)
		return 0;
	bitmap = page_cache_get(&v->bitmaps, block, load_bitmap, v, err);
	if (!bitmap)
		return err_wrap(err, "sector bitmap of block %" PRIu64, block);
	if (!sector_bit(bitmap->data, inside / VHD_SECTOR, HIGHEST_FIRST))
		ret->kind = PIECE_BELOW;
	sectors = sector_bits_alike(bitmap->data, inside / VHD_SECTOR, div_round_up(inside + ret->len, VHD_SECTOR),
				    HIGHEST_FIRST);
	ret->len = min_u64(ret->len, sectors * VHD_SECTOR - inside % VHD_SECTOR);
	return 0;
}

static int sparse_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct vhd *v = vhd(b);
	unsigned char *to = buf;
	struct piece p;

	for (; len; to += p.len, off += p.len, len -= p.len) {
		if (next_piece(v, off, len, &p, err) < 0)
			return -1;
		if (p.kind == PIECE_OWN ? block_pread(v->file, to, p.len, p.host, err) < 0
					: block_pread_below(v->parent, to, p.len, off, err) < 0)
			return err_wrap(err, "disk offset 0x%" PRIx64, off);
	}
	return 0;
}

/* Bytes of blocks without a place in the file, from off on. */
static uint64_t unused_len(const struct vhd *v, uint64_t off, uint64_t max)
{
	uint64_t block = off / v->header.block_size, end = div_round_up(off + max, v->header.block_size);

	while (block < end && v->table[block] == VHD_UNUSED)
		block++;
	return block * v->header.block_size > off ? min_u64(max, block * v->header.block_size - off) : 0;
}

/* Where the file has holes the disk reads as zeros. */
static int own_extent(struct vhd *v, uint64_t host, struct extent *ret, struct err *err)
{
	struct extent in_file;

	if (block_extent(v->file, host, ret->len, &in_file, err) < 0)
		return -1;
	ret->len = in_file.len;
	ret->kind = in_file.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

static int sparse_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct vhd *v = vhd(b);
	struct piece p;

	p = (struct piece){.len = unused_len(v, off, max), .kind = PIECE_BELOW};
	if (!p.len && next_piece(v, off, max, &p, err) < 0)
		return -1;
	if (p.kind == PIECE_BELOW)
		return block_extent_below(v->parent, off, p.len, ret, err);
	ret->len = p.len;
	return own_extent(v, p.host, ret, err);
}

static int sparse_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct vhd *v = vhd(b);
	struct piece p;

	if (next_piece(v, off, max, &p, err) < 0)
		return -1;
	return p.kind == PIECE_OWN ? block_place(v->file, p.host, p.len, ret, err) : 0;
}

static int fixed_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	return block_pread(vhd(b)->file, buf, len, off, err);
}

static int fixed_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	ret->len = max;
	return own_extent(vhd(b), off, ret, err);
}

static int fixed_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	return block_place(vhd(b)->file, off, max, ret, err);
}

static void vhd_close(struct block *b)
{
	struct vhd *v = vhd(b);

	if (!v)
		return;
	page_cache_done(&v->bitmaps);
	block_close(v->file);
	block_close(v->parent);
	free(v->table);
	free(v);
}
DEFINE_CLEANUP(struct block *, vhd_close)

static const struct block_ops fixed_ops = {
    .name = "vhd",
    .pread = fixed_pread,
    .extent = fixed_extent,
    .place = fixed_place,
    .close = vhd_close,
};

static const struct block_ops sparse_ops = {
    .name = "vhd",
    .pread = sparse_pread,
    .extent = sparse_extent,
    .place = sparse_place,
    .close = vhd_close,
};

/* What the file has place for: a fixed disk's data, or what the table can name. */
static uint64_t room(const struct vhd *v, const struct block *file)
{
	if (v->footer.type == VHD_FIXED)
		return v->footer.at ? v->footer.at : file->size;
	return (uint64_t)v->header.entries * v->header.block_size;
}

static int set_size(struct vhd *v, const struct open_args *args, struct err *err)
{
	uint64_t have = room(v, args->file);
	const char *rule;

	v->b.size = vhd_size(&v->footer, have, &rule);
	log_info("vhd '%s': made by \"%s\": the disk has %" PRIu64 " bytes by %s (size field %" PRIu64
		 ", geometry %" PRIu64 ")",
		 args->name, v->footer.creator, v->b.size, rule, v->footer.current_size, v->footer.chs_size);
	if (v->b.size <= have)
		return 0;
	if (v->footer.type == VHD_FIXED)
		return err_set(err, ERR_CORRUPT,
			       "a fixed disk of %" PRIu64 " bytes in a file with %" PRIu64 " bytes before its footer",
			       v->b.size, have);
	return err_set(err, ERR_CORRUPT,
		       "a disk of %" PRIu64 " bytes, but the block table has %" PRIu32 " blocks of %" PRIu32 " bytes",
		       v->b.size, v->header.entries, v->header.block_size);
}

static int read_table(struct vhd *v, struct block *file, struct err *err)
{
	v->blocks = div_round_up(v->b.size, v->header.block_size);
	v->table = malloc(v->blocks * sizeof *v->table);
	if (!v->table)
		return err_nomem(err);
	if (block_pread(file, v->table, v->blocks * sizeof *v->table, v->header.table, err) < 0)
		return err_wrap(err, "block table");
	for (uint64_t i = 0; i < v->blocks; i++)
		v->table[i] = get_be32(&v->table[i]);
	return 0;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* A block lies inside the file, as far as the disk needs it, and on no structure. */
static int check_block(const struct vhd *v, uint64_t i, uint64_t end, struct err *err)
{
	uint64_t at = (uint64_t)v->table[i] * VHD_SECTOR;
	uint64_t len = v->header.bitmap + min_u64(v->header.block_size, v->b.size - i * v->header.block_size);

	if (!range_inside(at, len, end))
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": block at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: the file's data ends at 0x%" PRIx64,
			       i, at, len, end);
	if (overlap(at, len, 0, VHD_FOOTER) || overlap(at, len, v->footer.data_offset, VHD_HEADER) ||
	    overlap(at, len, v->header.table, (uint64_t)v->header.entries * 4))
		return err_set(err, ERR_CORRUPT,
			       "block table entry %" PRIu64 ": block at 0x%" PRIx64
			       " lies on the headers or on the block table",
			       i, at);
	return 0;
}

/* One pass of a radix sort by 16 bits. */
static void sort_digit(const uint32_t *from, uint32_t *to, uint64_t n, unsigned shift, uint32_t *count)
{
	uint32_t sum = 0;

	memset(count, 0, sizeof *count << DIGIT_BITS);
	for (uint64_t i = 0; i < n; i++)
		count[(uint16_t)(from[i] >> shift)]++;
	for (size_t d = 0; d < 1 << DIGIT_BITS; d++) {
		uint32_t here = count[d];

		count[d] = sum;
		sum += here;
	}
	for (uint64_t i = 0; i < n; i++)
		to[count[(uint16_t)(from[i] >> shift)]++] = from[i];
}

/* All blocks are equally long: sorted, each must begin behind the one before. */
static int check_overlaps(const struct vhd *v, struct err *err)
{
	uint64_t n = 0, span = (v->header.bitmap + v->header.block_size) / VHD_SECTOR;
	AUTO_FREE uint32_t *sorted = calloc(v->blocks + 1, sizeof *sorted),
			   *other = calloc(v->blocks + 1, sizeof *other);
	AUTO_FREE uint32_t *count = malloc(sizeof *count << DIGIT_BITS);

	if (!sorted || !other || !count)
		return err_nomem(err);
	for (uint64_t i = 0; i < v->blocks; i++)
		if (v->table[i] != VHD_UNUSED)
			sorted[n++] = v->table[i];
	sort_digit(sorted, other, n, 0, count);
	sort_digit(other, sorted, n, DIGIT_BITS, count);
	for (uint64_t i = 1; i < n; i++)
		if (sorted[i] - sorted[i - 1] < span)
			return err_set(err, ERR_CORRUPT,
				       "two blocks share a place in the file: they begin at 0x%" PRIx64
				       " and 0x%" PRIx64,
				       (uint64_t)sorted[i - 1] * VHD_SECTOR, (uint64_t)sorted[i] * VHD_SECTOR);
	return 0;
}

static int check_table(const struct vhd *v, struct block *file, struct err *err)
{
	uint64_t end = v->footer.at ? v->footer.at : file->size;

	for (uint64_t i = 0; i < v->blocks; i++)
		if (v->table[i] != VHD_UNUSED && check_block(v, i, end, err) < 0)
			return -1;
	return check_overlaps(v, err);
}

/* Time stamps are advisory: copying changes a file's, tools disagree about which one is meant. */
static void compare_time(const struct vhd *v, const struct vhd *parent, const struct stat *st, const char *name)
{
	uint32_t want = v->header.parent_time;

	if (want && want != parent->footer.time && want + (int64_t)EPOCH != st->st_mtime)
		log_warn("vhd '%s': parent '%s' has another time stamp than was noted, though its UUID is right: read "
			 "on, but make sure that it was not changed since",
			 v->b.name, name);
}

static int open_parent(struct vhd *v, const struct open_args *args, struct err *err)
{
	char want[37], have[37];
	struct image_place place;
	const struct vhd *parent;
	struct stat st;

	if (parent_find(args, &v->header.parent, &place, &st, err) < 0)
		return -1;
	if (image_open_place(args, &place, &format_vhd, &v->parent, err) < 0)
		return err_wrap(err, "parent '%s'", place.name);
	parent = (const struct vhd *)v->parent;
	if (memcmp(parent->footer.uuid, v->header.parent_uuid, VHD_UUID) != 0) {
		vhd_uuid_text(v->header.parent_uuid, want);
		vhd_uuid_text(parent->footer.uuid, have);
		return err_set(err, ERR_CORRUPT, "parent '%s': its UUID is %s, expected %s: it is another disk",
			       place.name, have, want);
	}
	compare_time(v, parent, &st, place.name);
	return page_cache_init(&v->bitmaps, v->header.bitmap, BITMAP_CACHE_BYTES, err);
}

/* Everything but the parent, so that a damaged disk opens no other file. */
static int open_sparse(struct vhd *v, const struct open_args *args, struct err *err)
{
	v->b.ops = &sparse_ops;
	if (!v->footer.at)
		file_allow_length(args->file, FILE_LENGTH_MAX);
	if (vhd_header_read(args->file, &v->footer, open_ignores_checksum(args), &v->header, err) < 0 ||
	    set_size(v, args, err) < 0 || read_table(v, args->file, err) < 0 || check_table(v, args->file, err) < 0)
		return -1;
	v->b.unit = v->header.block_size;
	return v->footer.type == VHD_DIFFERENCING ? open_parent(v, args, err) : 0;
}

static int vhd_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct vhd *v = calloc(1, sizeof *v);
	AUTO(vhd_closep) struct block *guard = (struct block *)v;

	if (!v)
		return err_nomem(err);
	block_init(&v->b, &fixed_ops, args->name, 0);
	if (vhd_footer_read(args->file, open_ignores_checksum(args), &v->footer, err) < 0)
		return -1;
	if (v->footer.saved_state)
		log_warn("vhd '%s': it belongs to a saved machine: what was in its memory is not on the disk",
			 args->name);
	if (v->footer.type == VHD_FIXED ? set_size(v, args, err) < 0 : open_sparse(v, args, err) < 0)
		return -1;
	v->file = args->file;
	*ret = take_ptr(&guard);
	return 0;
}

/* The cookie is enough for a claim: with a wrong checksum the file is a damaged VHD, and opening says so. */
static int vhd_bid(const struct probe *p)
{
	if (vhd_footer_in_tail(p->tail, PROBE_TAIL) || !memcmp(p->head, VHD_COOKIE, VHD_COOKIE_LEN))
		return BID_SURE;
	return BID_NONE;
}

/* The copy of the footer that a dynamic disk begins with; a fixed one begins with the disk. */
static uint64_t vhd_announces(const struct probe *p)
{
	return memcmp(p->head, VHD_COOKIE, VHD_COOKIE_LEN) != 0 ? 0 : get_be64(p->head + VHD_AT_CURRENT_SIZE);
}

static const char *const create_keys[] = {"subformat", NULL};

const struct format format_vhd = {
    .name = "vhd",
    .alias = "vpc",
    .description = "Microsoft Virtual PC and Hyper-V: fixed, dynamic, differencing",
    .bid = vhd_bid,
    .announces = vhd_announces,
    .open = vhd_open,
    .create = vhd_create,
    .create_keys = create_keys,
    .facts = vhd_facts,
    .check = vhd_check,
};
