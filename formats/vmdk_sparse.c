/* Hosted sparse extents: header checks, and reading of grains that are not compressed. */
#include "formats/vmdk_sparse.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/open.h"
#include "formats/vmdk_stream.h"
#include "formats/vmdk_tables.h"

enum {
	GTES_MIN = 64,
	GRAINS_A_LOOK = 256, /* table entries copied at a time */
};

struct sparse {
	struct block b;
	struct block *file; /* owned */
	struct vmdk_geometry g;
	struct vmdk_tables *tables;
	struct vmdk_inflater *inflater; /* NULL: not compressed */
};

static int check_newlines(const unsigned char *sector, uint32_t flags, struct err *err)
{
	const unsigned char *n = sector + VMDK_H_NEWLINES;

	if (!(flags & VMDK_F_NEWLINES) || !memcmp(n, "\n \r\n", 4))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "header: newline test bytes are %02x %02x %02x %02x, not 0a 20 0d 0a: the file was changed by a "
		       "transfer in text mode",
		       n[0], n[1], n[2], n[3]);
}

static int check_numbers(const struct vmdk_header *h, struct err *err)
{
	if (!h->capacity)
		return err_set(err, ERR_CORRUPT, "header: a capacity of 0 sectors");
	if (h->capacity > VMDK_DISK_MAX / VMDK_SECTOR)
		return err_set(err, ERR_CORRUPT, "header: a capacity of %" PRIu64 " sectors, the limit is 64 TiB",
			       h->capacity);
	if (!is_pow2(h->grain) || h->grain > VMDK_GRAIN_SECTORS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "header: a grain of %" PRIu64 " sectors, expected a power of two up to %d", h->grain,
			       VMDK_GRAIN_SECTORS_MAX);
	if (!is_pow2(h->gtes) || h->gtes < GTES_MIN || h->gtes > VMDK_GTES_MAX)
		return err_set(err, ERR_CORRUPT, "header: %u entries a grain table, expected 512", h->gtes);
	return 0;
}

static int check_compression(const struct vmdk_header *h, struct err *err)
{
	if (!(h->flags & VMDK_F_COMPRESSED))
		return 0;
	if (h->compression != VMDK_COMPRESSION_DEFLATE)
		return err_set(err, ERR_UNSUPPORTED, "header: compression algorithm %u, only 1 (deflate) is known",
			       h->compression);
	if (!(h->flags & VMDK_F_MARKERS))
		return err_set(err, ERR_UNSUPPORTED, "header: flags 0x%x: compressed grains without markers", h->flags);
	return 0;
}

int vmdk_header_parse(const unsigned char sector[VMDK_SECTOR], struct vmdk_header *ret, struct err *err)
{
	if (memcmp(sector, VMDK_MAGIC, 4))
		return err_set(err, ERR_CORRUPT, "header: begins with %02x %02x %02x %02x, not with KDMV", sector[0],
			       sector[1], sector[2], sector[3]);
	*ret = (struct vmdk_header){
	    .version = get_le32(sector + VMDK_H_VERSION),
	    .flags = get_le32(sector + VMDK_H_FLAGS),
	    .capacity = get_le64(sector + VMDK_H_CAPACITY),
	    .grain = get_le64(sector + VMDK_H_GRAIN),
	    .desc_offset = get_le64(sector + VMDK_H_DESC_OFFSET),
	    .desc_size = get_le64(sector + VMDK_H_DESC_SIZE),
	    .gtes = get_le32(sector + VMDK_H_GTES),
	    .rgd = get_le64(sector + VMDK_H_RGD),
	    .gd = get_le64(sector + VMDK_H_GD),
	    .overhead = get_le64(sector + VMDK_H_OVERHEAD),
	    .unclean = sector[VMDK_H_UNCLEAN],
	    .compression = get_le16(sector + VMDK_H_COMPRESSION),
	};
	if (!ret->version || ret->version > VMDK_VERSION_MAX)
		return err_set(err, ERR_UNSUPPORTED, "header: version %u, 1 to %d are known", ret->version,
			       VMDK_VERSION_MAX);
	if (check_newlines(sector, ret->flags, err) < 0 || check_numbers(ret, err) < 0)
		return -1;
	return check_compression(ret, err);
}

int vmdk_header_read(struct block *file, struct vmdk_header *ret, struct err *err)
{
	unsigned char sector[VMDK_SECTOR];

	if (file->size < sizeof sector)
		return err_set(err, ERR_CORRUPT, "header: the file has only %" PRIu64 " bytes", file->size);
	if (block_pread(file, sector, sizeof sector, 0, err) < 0)
		return err_wrap(err, "header");
	return vmdk_header_parse(sector, ret, err);
}

static bool holds_data(const struct sparse *s, uint32_t entry)
{
	return entry && !(s->g.zeroed && entry == VMDK_GTE_ZEROED);
}

/* How many of n entries continue entry 0: side by side in the file, or all of them zeros. */
static uint32_t alike(const struct sparse *s, const uint32_t *entries, uint32_t n)
{
	uint32_t step = holds_data(s, *entries) ? (uint32_t)(s->g.grain_bytes / VMDK_SECTOR) : 0;
	uint32_t i = 1;

	while (i < n && holds_data(s, entries[i]) == holds_data(s, *entries) &&
	       (!step || (uint64_t)*entries + (uint64_t)i * step == entries[i]))
		i++;
	return i;
}

/* Reads [off, off+len), which lies in grains first to first+n-1, whose entries are given. */
static int read_grains(struct sparse *s, char *buf, size_t len, uint64_t off, const uint32_t *entries, uint32_t n,
		       struct err *err)
{
	uint64_t in_grain = off % s->g.grain_bytes;

	while (len) {
		uint32_t run = alike(s, entries, n);
		size_t part = (size_t)min_u64(len, run * s->g.grain_bytes - in_grain);

		if (!holds_data(s, *entries))
			memset(buf, 0, part);
		else if (block_pread(s->file, buf, part, (uint64_t)*entries * VMDK_SECTOR + in_grain, err) < 0)
			return -1;
		buf += part;
		len -= part;
		in_grain = 0;
		entries += run;
		n -= run;
	}
	return 0;
}

static int read_plain(struct sparse *s, char *buf, size_t len, uint64_t off, struct err *err)
{
	uint32_t entries[GRAINS_A_LOOK];

	while (len) {
		uint64_t first = off / s->g.grain_bytes;
		uint64_t room = GRAINS_A_LOOK * s->g.grain_bytes - off % s->g.grain_bytes;
		size_t part = (size_t)min_u64(len, room);
		uint32_t n = (uint32_t)((off + part - 1) / s->g.grain_bytes - first + 1);

		if (vmdk_tables_get(s->tables, first, n, entries, err) < 0 ||
		    read_grains(s, buf, part, off, entries, n, err) < 0)
			return -1;
		buf += part;
		off += part;
		len -= part;
	}
	return 0;
}

static int sparse_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct sparse *s = (struct sparse *)b;

	if (s->inflater)
		return vmdk_inflater_read(s->inflater, buf, len, off, err);
	return read_plain(s, buf, len, off, err);
}

static int sparse_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct sparse *s = (struct sparse *)b;
	uint64_t first = off / s->g.grain_bytes;
	uint64_t last = (off + max - 1) / s->g.grain_bytes;
	uint64_t n;

	if (vmdk_tables_run(s->tables, first, last - first + 1, &ret->kind, &n, err) < 0)
		return -1;
	ret->off = off;
	ret->len = min_u64(max, (first + n) * s->g.grain_bytes - off);
	return 0;
}

static int sparse_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct sparse *s = (struct sparse *)b;
	uint64_t in_grain = off % s->g.grain_bytes;
	uint32_t entries[GRAINS_A_LOOK], n;

	if (s->inflater)
		return 0;
	max = min_u64(max, GRAINS_A_LOOK * s->g.grain_bytes - in_grain);
	n = (uint32_t)div_round_up(in_grain + max, s->g.grain_bytes);
	if (vmdk_tables_get(s->tables, off / s->g.grain_bytes, n, entries, err) < 0)
		return -1;
	if (!holds_data(s, *entries))
		return 0;
	n = alike(s, entries, n);
	return block_place(s->file, (uint64_t)*entries * VMDK_SECTOR + in_grain,
			   min_u64(max, n * s->g.grain_bytes - in_grain), ret, err);
}

static void sparse_close(struct block *b)
{
	struct sparse *s = (struct sparse *)b;

	vmdk_inflater_free(s->inflater);
	vmdk_tables_close(s->tables);
	block_close(s->file);
	free(s);
}

static const struct block_ops sparse_ops = {
    .name = "vmdk extent",
    .pread = sparse_pread,
    .extent = sparse_extent,
    .place = sparse_place,
    .close = sparse_close,
};

static struct vmdk_geometry geometry_of(const struct vmdk_header *h)
{
	return (struct vmdk_geometry){
	    .grains = div_round_up(h->capacity, h->grain),
	    .grain_bytes = vmdk_grain_bytes(h),
	    .capacity = vmdk_capacity_bytes(h),
	    .gtes = h->gtes,
	    .zeroed = h->flags & VMDK_F_ZEROED,
	    .compressed = h->flags & VMDK_F_COMPRESSED,
	};
}

/* The second directory, where the first one is damaged. */
static bool open_redundant(struct block *file, const struct vmdk_header *h, const struct vmdk_geometry *g,
			   struct vmdk_tables **ret)
{
	uint64_t off;

	if (!(h->flags & VMDK_F_REDUNDANT) || !h->rgd || !mul_fits(h->rgd, VMDK_SECTOR, &off) ||
	    vmdk_tables_open(file, g, off, ret, NULL) < 0)
		return false;
	log_warn("vmdk '%s': its grain directory is damaged: the redundant one at 0x%" PRIx64 " counts", file->name,
		 off);
	return true;
}

static int open_tables(struct block *file, const struct vmdk_header *h, const struct vmdk_geometry *g,
		       struct vmdk_tables **ret, struct err *err)
{
	uint64_t gd_off;

	if (h->gd == VMDK_GD_AT_END && g->compressed)
		return vmdk_stream_tables(file, h, g, ret, err);
	file_allow_length(file, FILE_LENGTH_MAX);
	if (!h->gd || !mul_fits(h->gd, VMDK_SECTOR, &gd_off))
		return err_set(err, ERR_CORRUPT, "header: grain directory at sector 0x%" PRIx64, h->gd);
	if (vmdk_tables_open(file, g, gd_off, ret, err) == 0)
		return 0;
	return open_redundant(file, h, g, ret) ? 0 : -1;
}

int vmdk_sparse_open(struct block *file, const struct vmdk_header *h, struct block **ret, struct err *err)
{
	AUTO_FREE struct sparse *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	s->g = geometry_of(h);
	block_init(&s->b, &sparse_ops, file->name, s->g.capacity);
	s->b.unit = (uint32_t)s->g.grain_bytes;
	if (h->unclean)
		log_warn("vmdk '%s': marked as in use: it was copied while the machine ran, or the host crashed",
			 file->name);
	if (open_tables(file, h, &s->g, &s->tables, err) < 0)
		return -1;
	if (s->g.compressed && vmdk_inflater_new(file, s->tables, &s->g, &s->inflater, err) < 0) {
		vmdk_tables_close(s->tables);
		return -1;
	}
	s->file = file;
	*ret = &take_ptr(&s)->b;
	return 0;
}
