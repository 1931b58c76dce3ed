/* The VHDX writer: dynamic and fixed disks for Hyper-V, closed cleanly: the log is empty.
 *
 * The file: headers, log, metadata, block table (1 MiB each, the table as long as it must be), then the blocks in the
 * order in which they are first written to.
 */
#include "formats/vhdx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/uuid.h"
#include "core/base/zeros.h"
#include "core/model/version.h"
#include "formats/vhdx_header.h"
#include "formats/writer.h"

enum {
	LOG_AT = VHDX_MIB,
	METADATA_AT = 2 * VHDX_MIB,
	TABLE_AT = 3 * VHDX_MIB,
	VERSION = 1,
	BLOCK_SMALL = 2 << 20,
	BLOCK_LARGE = 32 << 20,
	PHYSICAL_SECTOR = 4096, /* as Hyper-V makes them: guests then align what they write */
	TABLE_PART = 64 << 10,
	METADATA_USED = VHDX_METADATA_TABLE + VHDX_PAGE,
	CREATOR_AT = 8,
	IDENTIFIER = 520, /* bytes: the signature and 256 characters */
};

#define BLOCK_LARGE_FROM (UINT64_C(4) << 40)

struct vhdx_writer {
	struct placing_writer w; /* first: its block is ours */
	bool fixed;
	uint64_t ratio; /* blocks in a chunk */
};

static struct vhdx_writer *writer(struct block *b)
{
	return (struct vhdx_writer *)b;
}

/* "2.5 BAT": one more entry, for its sector bitmap, stands between chunks. Without a parent there are no bitmaps. */
static uint64_t entries_of(uint64_t blocks, uint64_t ratio)
{
	return blocks + (blocks - 1) / ratio;
}

static uint64_t table_len(const struct vhdx_writer *v)
{
	return align_up(entries_of(v->w.blocks, v->ratio) * VHDX_BAT_ENTRY, VHDX_MIB);
}

/* The index of an entry as that of a block; blocks: it is a bitmap's, or behind the last one. */
static uint64_t block_of(const struct vhdx_writer *v, uint64_t index)
{
	uint64_t chunk = index / (v->ratio + 1), in_chunk = index % (v->ratio + 1);

	return in_chunk == v->ratio ? v->w.blocks : min_u64(chunk * v->ratio + in_chunk, v->w.blocks);
}

/* Parts without entries stay holes of the file. */
static int write_table(const struct vhdx_writer *v, struct err *err)
{
	unsigned char part[TABLE_PART];

	for (uint64_t at = 0; at < table_len(v); at += sizeof part) {
		memset(part, 0, sizeof part);
		for (uint64_t i = 0; i < sizeof part; i += VHDX_BAT_ENTRY) {
			uint64_t block = block_of(v, (at + i) / VHDX_BAT_ENTRY);

			if (block < v->w.blocks && v->w.table[block])
				put_le64(part + i, v->w.table[block] * v->w.entry_unit | VHDX_FULL);
		}
		if (!all_zeros(part, sizeof part) && file_pwrite(v->w.fd, part, sizeof part, TABLE_AT + at, err) < 0)
			return err_wrap(err, "block table");
	}
	return 0;
}

static int write_metadata(const struct vhdx_writer *v, struct err *err)
{
	AUTO_FREE struct vhdx_metadata *m = calloc(1, sizeof *m);
	AUTO_FREE unsigned char *region = calloc(1, METADATA_USED);
	unsigned char id[UUID_BYTES];

	if (!m || !region)
		return err_nomem(err);
	m->block_size = (uint32_t)v->w.block;
	m->size = v->w.b.size;
	m->logical_sector = v->w.b.logical_sector;
	m->physical_sector = PHYSICAL_SECTOR;
	uuid_make_guid(id);
	vhdx_metadata_make(m, v->fixed, id, region);
	return file_pwrite(v->w.fd, region, METADATA_USED, METADATA_AT, err) < 0 ? err_wrap(err, "metadata") : 0;
}

static void put_region(unsigned char *table, unsigned index, const unsigned char guid[VHDX_GUID], uint64_t at,
		       uint64_t len)
{
	unsigned char *e = table + VHDX_REGION_FIRST + (size_t)index * VHDX_REGION_ENTRY;

	memcpy(e, guid, VHDX_GUID);
	put_le64(e + VHDX_REGION_AT_OFFSET, at);
	put_le32(e + VHDX_REGION_AT_LENGTH, (uint32_t)len);
	put_le32(e + VHDX_REGION_AT_FLAGS, VHDX_REGION_REQUIRED);
	put_le32(table + VHDX_REGIONS_AT_COUNT, index + 1);
}

static int write_regions(const struct vhdx_writer *v, struct err *err)
{
	AUTO_FREE unsigned char *table = calloc(1, VHDX_REGIONS);

	if (!table)
		return err_nomem(err);
	memcpy(table, VHDX_REGION_SIGNATURE, VHDX_SIGNATURE_LEN);
	put_region(table, 0, vhdx_bat_region, TABLE_AT, table_len(v));
	put_region(table, 1, vhdx_metadata_region, METADATA_AT, VHDX_MIB);
	put_le32(table + VHDX_AT_CHECKSUM, vhdx_checksum(table, VHDX_REGIONS));
	if (file_pwrite(v->w.fd, table, VHDX_REGIONS, VHDX_REGIONS_1, err) < 0 ||
	    file_pwrite(v->w.fd, table, VHDX_REGIONS, VHDX_REGIONS_2, err) < 0)
		return err_wrap(err, "region tables");
	return 0;
}

/* Two headers of one content; the second one is newer. */
static int write_headers(const struct vhdx_writer *v, struct err *err)
{
	unsigned char h[VHDX_HEADER] = {0};

	memcpy(h, VHDX_HEADER_SIGNATURE, VHDX_SIGNATURE_LEN);
	uuid_make_guid(h + VHDX_HEADER_AT_FILE_WRITE);
	uuid_make_guid(h + VHDX_HEADER_AT_DATA_WRITE);
	put_le16(h + VHDX_HEADER_AT_VERSION, VERSION);
	put_le32(h + VHDX_HEADER_AT_LOG_LENGTH, VHDX_MIB);
	put_le64(h + VHDX_HEADER_AT_LOG_OFFSET, LOG_AT);
	for (unsigned i = 0; i < 2; i++) {
		put_le64(h + VHDX_HEADER_AT_SEQUENCE, i + 1);
		put_le32(h + VHDX_AT_CHECKSUM, vhdx_checksum(h, sizeof h));
		if (file_pwrite(v->w.fd, h, sizeof h, i ? VHDX_HEADER_2 : VHDX_HEADER_1, err) < 0)
			return err_wrap(err, "headers");
	}
	return 0;
}

/* 2.2.1: what makes it an image, and who made it. */
static int write_identifier(const struct vhdx_writer *v, struct err *err)
{
	static const char creator[] = "rehost " REHOST_VERSION;
	unsigned char id[IDENTIFIER] = VHDX_SIGNATURE;

	_Static_assert(CREATOR_AT + 2 * sizeof creator <= sizeof id, "the creator's name is too long");
	for (size_t i = 0; i < sizeof creator; i++)
		put_le16(id + CREATOR_AT + 2 * i, (uint16_t)creator[i]);
	return file_pwrite(v->w.fd, id, sizeof id, 0, err);
}

static int writer_finish(struct block *b, struct err *err)
{
	const struct vhdx_writer *v = writer(b);

	if (ftruncate(v->w.fd, (off_t)v->w.tail) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the file's size to %" PRIu64, v->w.tail);
	if (write_table(v, err) < 0 || write_metadata(v, err) < 0 || write_regions(v, err) < 0 ||
	    write_headers(v, err) < 0 || writer_sync(v->w.fd, "data and tables", err) < 0 ||
	    write_identifier(v, err) < 0)
		return -1;
	return writer_sync(v->w.fd, "the file identifier", err);
}

static void writer_close(struct block *b)
{
	placing_done(&writer(b)->w);
	free(b);
}

static const struct block_ops writer_ops = {
    .name = "vhdx",
    .pread = writer_pread,
    .pwrite = placing_pwrite,
    .take = placing_take,
    .zero = placing_zero,
    .flush = placing_flush,
    .finish = writer_finish,
    .close = writer_close,
};

/* All blocks get their places in order. */
static void place_all(struct vhdx_writer *v)
{
	for (uint64_t i = 0; i < v->w.blocks; i++)
		v->w.table[i] = (uint32_t)((v->w.tail + i * v->w.block) / v->w.entry_unit);
	v->w.tail += v->w.blocks * v->w.block;
}

static int check_options(const struct create_options *o, uint64_t size, uint64_t block, struct err *err)
{
	if (writer_check(size, VHDX_DISK_MAX, "64 TiB", o, err) < 0)
		return -1;
	if (o->subformat == SUBFORMAT_STREAM_OPTIMIZED)
		return err_set(err, ERR_USAGE, "subformat: dynamic or fixed is expected");
	if (o->logical_sector && o->logical_sector != 512 && o->logical_sector != 4096)
		return err_set(err, ERR_UNSUPPORTED, "sectors of %" PRIu32 " bytes: 512 or 4096 are expected",
			       o->logical_sector);
	if (!is_pow2(block) || block < VHDX_BLOCK_MIN || block > VHDX_BLOCK_MAX)
		return err_set(err, ERR_USAGE,
			       "block_size: %" PRIu64 " bytes: a power of two from 1 to 256 MiB is expected", block);
	return 0;
}

static int start(struct vhdx_writer *v, int fd, struct err *err)
{
	struct placing_writer *w = &v->w;

	w->align = w->entry_unit = VHDX_MIB;
	v->ratio = (uint64_t)VHDX_CHUNK_SECTORS * w->b.logical_sector / w->block;
	if (placing_start(w, fd, err) < 0)
		return -1;
	w->tail = TABLE_AT + table_len(v);
	if (v->fixed)
		place_all(v);
	return 0;
}

int vhdx_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		struct err *err)
{
	uint64_t block = options->block_size	   ? options->block_size
			 : size > BLOCK_LARGE_FROM ? BLOCK_LARGE
						   : BLOCK_SMALL;
	struct vhdx_writer *v;

	if (check_options(options, size, block, err) < 0)
		return err_wrap(err, "vhdx '%s'", name);
	v = calloc(1, sizeof *v);
	if (!v)
		return err_nomem(err);
	block_init(&v->w.b, &writer_ops, name, size);
	if (options->logical_sector)
		v->w.b.logical_sector = options->logical_sector;
	v->w.b.physical_sector = PHYSICAL_SECTOR;
	v->w.block = block;
	v->fixed = options->subformat == SUBFORMAT_FIXED;
	v->w.fd = -1;
	if (start(v, fd, err) < 0) {
		writer_close(&v->w.b);
		return err_wrap(err, "vhdx '%s'", name);
	}
	*ret = &v->w.b;
	return 0;
}
