/* The VHD writer: dynamic and fixed disks, for Hyper-V, Azure and Virtual PC.
 *
 * Dynamic: copy of the footer, dynamic header, block table, blocks in the order in which they are first written to,
 * footer. A block's sector bitmap is all ones: what isn't written are zeros of the file. Its data begin at multiples of
 * 4096 bytes of the file, so that they are whole sectors of today's disks; the bitmap stands right before them.
 */
#include "formats/vhd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/uuid.h"
#include "formats/vhd_header.h"
#include "formats/writer.h"

enum {
	BLOCK = 2 << 20, /* what Windows makes */
	DATA_ALIGN = 4096,
	TABLE_AT = VHD_FOOTER + VHD_HEADER,
	VERSION = 0x10000,
	FEATURES = 2, /* a bit that is always set */
	CREATOR_VERSION = 0xa0000,
	EPOCH = 946684800, /* 2000-01-01 in Unix time */
	TABLE_PART = 64 << 10,
};

/* Readers go by the size field for disks that Windows made ("win "), and by the geometry, which is mostly too small,
 * for creators that they don't know. */
static const char creator[] = "win ", creator_host[] = "Wi2k";

struct vhd_geometry vhd_geometry_of(uint64_t sectors)
{
	enum { CYLINDERS = 65535, HEADS = 16, TRACK_MAX = 255, TRACK_LBA = 63, TRACK_MIDDLE = 31, TRACK_SMALL = 17 };
	uint64_t total = min_u64(sectors, (uint64_t)CYLINDERS * HEADS * TRACK_MAX);
	uint64_t track = TRACK_MAX, heads = HEADS, tracks = total / TRACK_MAX;

	if (total < (uint64_t)CYLINDERS * HEADS * TRACK_LBA) {
		track = TRACK_SMALL;
		tracks = total / track;
		heads = max_u64(div_round_up(tracks, 1024), 4);
		if (tracks >= heads * 1024 || heads > HEADS) {
			track = TRACK_MIDDLE;
			heads = HEADS;
			tracks = total / track;
		}
		if (tracks >= heads * 1024) {
			track = TRACK_LBA;
			tracks = total / track;
		}
	}
	return (struct vhd_geometry){(uint16_t)(tracks / heads), (uint8_t)heads, (uint8_t)track};
}

static void make_footer(uint64_t size, enum vhd_type type, unsigned char f[VHD_FOOTER])
{
	struct vhd_geometry g = vhd_geometry_of(size / VHD_SECTOR);

	memset(f, 0, VHD_FOOTER);
	memcpy(f, VHD_COOKIE, VHD_COOKIE_LEN);
	put_be32(f + VHD_AT_FEATURES, FEATURES);
	put_be32(f + VHD_AT_VERSION, VERSION);
	put_be64(f + VHD_AT_DATA_OFFSET, type == VHD_FIXED ? UINT64_MAX : VHD_FOOTER);
	put_be32(f + VHD_AT_TIME, (uint32_t)(time(NULL) - EPOCH));
	put_be32(f + VHD_AT_CREATOR, get_be32(creator));
	put_be32(f + VHD_AT_CREATOR_VERSION, CREATOR_VERSION);
	put_be32(f + VHD_AT_CREATOR_HOST, get_be32(creator_host));
	put_be64(f + VHD_AT_ORIGINAL_SIZE, size);
	put_be64(f + VHD_AT_CURRENT_SIZE, size);
	put_be16(f + VHD_AT_CYLINDERS, g.cylinders);
	f[VHD_AT_HEADS] = g.heads;
	f[VHD_AT_SECTORS] = g.sectors;
	put_be32(f + VHD_AT_TYPE, type);
	uuid_make(f + VHD_AT_UUID);
	put_be32(f + VHD_AT_CHECKSUM, vhd_checksum(f, VHD_FOOTER, VHD_AT_CHECKSUM));
}

/* ---- fixed ---- */

struct fixed {
	struct block b;
	int fd;
};

static int fixed_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	return file_pwrite(((struct fixed *)b)->fd, buf, len, off, err);
}

static int fixed_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		      struct err *err)
{
	*ret_done = file_move_range(from->fd, from->off, ((struct fixed *)b)->fd, off, from->len, how);
	return 0;
}

static int fixed_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	return file_zero(((struct fixed *)b)->fd, off, len, err);
}

static int fixed_flush(struct block *b, struct err *err)
{
	return writer_sync(((struct fixed *)b)->fd, "the data", err);
}

static int fixed_finish(struct block *b, struct err *err)
{
	struct fixed *f = (struct fixed *)b;
	unsigned char footer[VHD_FOOTER];

	make_footer(b->size, VHD_FIXED, footer);
	if (fixed_flush(b, err) < 0 || file_pwrite(f->fd, footer, sizeof footer, b->size, err) < 0)
		return -1;
	return writer_sync(f->fd, "the footer", err);
}

static void fixed_close(struct block *b)
{
	close(((struct fixed *)b)->fd);
	free(b);
}

static const struct block_ops fixed_ops = {
    .name = "vhd",
    .pread = writer_pread,
    .pwrite = fixed_pwrite,
    .take = fixed_take,
    .zero = fixed_zero,
    .flush = fixed_flush,
    .finish = fixed_finish,
    .close = fixed_close,
};

static int create_fixed(int fd, const char *name, uint64_t size, struct block **ret, struct err *err)
{
	AUTO_FREE struct fixed *f = calloc(1, sizeof *f);

	if (!f)
		return err_nomem(err);
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the file's size to %" PRIu64, size);
	block_init(&f->b, &fixed_ops, name, size);
	f->fd = fd;
	*ret = &take_ptr(&f)->b;
	return 0;
}

/* ---- dynamic ---- */

static struct placing_writer *placing(struct block *b)
{
	return (struct placing_writer *)b;
}

static uint64_t table_bytes(const struct placing_writer *w)
{
	return align_up(w->blocks * 4, VHD_SECTOR);
}

/* The rest of the table's last sector says "unused" too. */
static int write_table(const struct placing_writer *w, struct err *err)
{
	uint64_t entries = table_bytes(w) / 4, n;
	unsigned char part[TABLE_PART];

	for (uint64_t i = 0; i < entries; i += n) {
		n = min_u64(entries - i, sizeof part / 4);
		for (uint64_t k = 0; k < n; k++) {
			uint32_t at = i + k < w->blocks ? w->table[i + k] : 0;

			put_be32(part + k * 4, at ? at : VHD_UNUSED);
		}
		if (file_pwrite(w->fd, part, n * 4, TABLE_AT + i * 4, err) < 0)
			return err_wrap(err, "block table");
	}
	return 0;
}

static int write_header(const struct placing_writer *w, struct err *err)
{
	unsigned char h[VHD_HEADER] = {0};

	memcpy(h, VHD_DYNAMIC_COOKIE, VHD_COOKIE_LEN);
	put_be64(h + VHD_AT_NEXT, UINT64_MAX);
	put_be64(h + VHD_AT_TABLE, TABLE_AT);
	put_be32(h + VHD_AT_HEADER_VERSION, VERSION);
	put_be32(h + VHD_AT_ENTRIES, (uint32_t)w->blocks);
	put_be32(h + VHD_AT_BLOCK_SIZE, BLOCK);
	put_be32(h + VHD_AT_HEADER_CHECKSUM, vhd_checksum(h, VHD_HEADER, VHD_AT_HEADER_CHECKSUM));
	return file_pwrite(w->fd, h, sizeof h, VHD_FOOTER, err);
}

/* All but the footers, which make it an image, last before them. */
static int dynamic_finish(struct block *b, struct err *err)
{
	const struct placing_writer *w = placing(b);
	unsigned char footer[VHD_FOOTER];

	make_footer(b->size, VHD_DYNAMIC, footer);
	if (ftruncate(w->fd, (off_t)w->tail) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the file's size to %" PRIu64, w->tail);
	if (write_table(w, err) < 0 || write_header(w, err) < 0 || writer_sync(w->fd, "data and tables", err) < 0 ||
	    file_pwrite(w->fd, footer, sizeof footer, 0, err) < 0 ||
	    file_pwrite(w->fd, footer, sizeof footer, w->tail, err) < 0)
		return -1;
	return writer_sync(w->fd, "the footers", err);
}

static void dynamic_close(struct block *b)
{
	placing_done(placing(b));
	free(b);
}

static const struct block_ops dynamic_ops = {
    .name = "vhd",
    .pread = writer_pread,
    .pwrite = placing_pwrite,
    .take = placing_take,
    .zero = placing_zero,
    .flush = placing_flush,
    .finish = dynamic_finish,
    .close = dynamic_close,
};

static int create_dynamic(int fd, const char *name, uint64_t size, struct block **ret, struct err *err)
{
	struct placing_writer *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	block_init(&w->b, &dynamic_ops, name, size);
	w->block = BLOCK;
	w->align = DATA_ALIGN;
	w->lead = BLOCK / VHD_SECTOR / 8;
	w->entry_unit = VHD_SECTOR;
	w->tail = TABLE_AT + align_up(div_round_up(size, BLOCK) * 4, VHD_SECTOR);
	if (placing_start(w, fd, err) < 0) {
		dynamic_close(&w->b);
		return -1;
	}
	*ret = &w->b;
	return 0;
}

int vhd_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
	       struct err *err)
{
	int done;

	if (writer_check(size, VHD_WRITE_MAX, "2040 GiB", options, err) < 0)
		return err_wrap(err, "vhd '%s'", name);
	switch ((enum subformat)options->subformat) {
	case SUBFORMAT_DEFAULT:
	case SUBFORMAT_DYNAMIC:
		done = create_dynamic(fd, name, size, ret, err);
		break;
	case SUBFORMAT_FIXED:
		done = create_fixed(fd, name, size, ret, err);
		break;
	case SUBFORMAT_STREAM_OPTIMIZED:
	default:
		done = err_set(err, ERR_USAGE, "subformat: dynamic or fixed is expected");
	}
	if (done < 0)
		return err_wrap(err, "vhd '%s'", name);
	writer_warn_sectors("vhd", name, options);
	return 0;
}
