/* The header and the region table of a VHDX. */
#include "formats/vhdx_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/crc32c.h"
#include "core/base/log.h"
#include "core/base/uuid.h"

enum { VERSION = 1 };

const unsigned char vhdx_bat_region[VHDX_GUID] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
						  0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
const unsigned char vhdx_metadata_region[VHDX_GUID] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
						       0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};

/* Over all bytes, with zeros in its own place. */
uint32_t vhdx_checksum(const unsigned char *p, size_t len)
{
	static const unsigned char zeros[4];
	uint32_t crc = crc32c(0, p, VHDX_AT_CHECKSUM);

	crc = crc32c(crc, zeros, sizeof zeros);
	return crc32c(crc, p + VHDX_AT_CHECKSUM + 4, len - VHDX_AT_CHECKSUM - 4);
}

static bool sum_right(const unsigned char *p, size_t len)
{
	return vhdx_checksum(p, len) == get_le32(p + VHDX_AT_CHECKSUM);
}

/* Reads one of two copies: 1; 0 when it isn't valid, or not there. What can't be read may be the one that counts: -1.
 */
static int load_copy(struct block *file, uint64_t at, const char *signature, unsigned char *p, size_t len,
		     struct err *err)
{
	if (!range_inside(at, len, file->size))
		return 0;
	if (block_pread(file, p, len, at, err) < 0)
		return -1;
	return !memcmp(p, signature, VHDX_SIGNATURE_LEN) && sum_right(p, len);
}

static int decode_header(const unsigned char *p, struct vhdx_header *h, struct err *err)
{
	static const unsigned char none[VHDX_GUID];

	*h = (struct vhdx_header){
	    .sequence = get_le64(p + VHDX_HEADER_AT_SEQUENCE),
	    .log_length = get_le32(p + VHDX_HEADER_AT_LOG_LENGTH),
	    .log_offset = get_le64(p + VHDX_HEADER_AT_LOG_OFFSET),
	};
	memcpy(h->data_write, p + VHDX_HEADER_AT_DATA_WRITE, VHDX_GUID);
	memcpy(h->log_guid, p + VHDX_HEADER_AT_LOG_GUID, VHDX_GUID);
	h->has_log = memcmp(h->log_guid, none, VHDX_GUID) != 0;
	if (get_le16(p + VHDX_HEADER_AT_VERSION) != VERSION)
		return err_set(err, ERR_UNSUPPORTED, "header: version %u, expected 1",
			       get_le16(p + VHDX_HEADER_AT_VERSION));
	if (h->has_log && get_le16(p + VHDX_HEADER_AT_LOG_VERSION))
		return err_set(err, ERR_UNSUPPORTED, "header: log version %u, expected 0",
			       get_le16(p + VHDX_HEADER_AT_LOG_VERSION));
	return 0;
}

int vhdx_header_read(struct block *file, struct vhdx_header *ret, struct err *err)
{
	unsigned char one[VHDX_HEADER] = {0}, two[VHDX_HEADER] = {0};
	int has_one = load_copy(file, VHDX_HEADER_1, VHDX_HEADER_SIGNATURE, one, sizeof one, err);
	int has_two = has_one < 0 ? -1 : load_copy(file, VHDX_HEADER_2, VHDX_HEADER_SIGNATURE, two, sizeof two, err);
	uint64_t sequence_one = get_le64(one + VHDX_HEADER_AT_SEQUENCE);
	uint64_t sequence_two = get_le64(two + VHDX_HEADER_AT_SEQUENCE);

	if (has_two < 0)
		return err_wrap(err, "header");
	if (!has_one && !has_two)
		return err_set(err, ERR_CORRUPT,
			       "neither header, at 0x10000 and at 0x20000, has its signature and a right checksum");
	/* A writer that sets both to one number has not got two headers, but one and a copy. */
	if (has_one && has_two && sequence_one == sequence_two && memcmp(one, two, sizeof one) != 0)
		return err_set(err, ERR_CORRUPT, "both headers are number %" PRIu64 ", and they differ", sequence_one);
	return decode_header(has_one && (!has_two || sequence_one >= sequence_two) ? one : two, ret, err);
}

static int by_offset(const void *a, const void *b)
{
	const struct vhdx_range *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static int check_ranges(struct vhdx_regions *r, struct err *err)
{
	qsort(r->all, r->n, sizeof *r->all, by_offset);
	for (size_t i = 1; i < r->n; i++)
		if (r->all[i].off < r->all[i - 1].off + r->all[i - 1].len)
			return err_set(err, ERR_CORRUPT,
				       "the regions at 0x%" PRIx64 " with 0x%" PRIx64 " bytes and at 0x%" PRIx64
				       " overlap",
				       r->all[i - 1].off, r->all[i - 1].len, r->all[i].off);
	return 0;
}

static int add_region(struct vhdx_regions *r, const char *what, uint64_t off, uint64_t len, uint64_t file_size,
		      struct err *err)
{
	if (off < VHDX_HEADER_SECTION || off % VHDX_MIB || len % VHDX_MIB || !len)
		return err_set(err, ERR_CORRUPT,
			       "%s at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: expected whole MiB behind the header section of 1 MiB",
			       what, off, len);
	if (!range_inside(off, len, file_size))
		return err_set(err, ERR_CORRUPT,
			       "%s at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64, what, off,
			       len, file_size);
	r->all[r->n++] = (struct vhdx_range){.off = off, .len = len};
	return 0;
}

static int decode_region(const unsigned char *p, uint64_t file_size, struct vhdx_regions *r, struct err *err)
{
	struct vhdx_range range = {.off = get_le64(p + VHDX_REGION_AT_OFFSET),
				   .len = get_le32(p + VHDX_REGION_AT_LENGTH)};
	struct vhdx_range *known = !memcmp(p, vhdx_bat_region, VHDX_GUID)	 ? &r->bat
				   : !memcmp(p, vhdx_metadata_region, VHDX_GUID) ? &r->metadata
										 : NULL;
	char guid[UUID_TEXT], what[64];

	uuid_guid_text(p, guid);
	snprintf(what, sizeof what, "region %s", guid);
	if (!known && get_le32(p + VHDX_REGION_AT_FLAGS) & VHDX_REGION_REQUIRED)
		return err_set(err, ERR_UNSUPPORTED, "it needs region %s, which is not known", guid);
	if (known && known->len)
		return err_set(err, ERR_CORRUPT, "region %s is there twice", guid);
	if (add_region(r,
		       known == &r->bat ? "block table"
		       : known		? "metadata region"
					: what,
		       range.off, range.len, file_size, err) < 0)
		return -1;
	if (known)
		*known = range;
	return 0;
}

static int decode_regions(const unsigned char *table, const struct vhdx_header *header, uint64_t file_size,
			  struct vhdx_regions *r, struct err *err)
{
	uint32_t count = get_le32(table + VHDX_REGIONS_AT_COUNT);

	if (count > VHDX_REGION_MAX)
		return err_set(err, ERR_CORRUPT, "region table: %" PRIu32 " entries, the limit is %d", count,
			       VHDX_REGION_MAX);
	memset(r, 0, sizeof *r);
	r->all[r->n++] = (struct vhdx_range){.len = VHDX_HEADER_SECTION};
	if (header->log_length && add_region(r, "log", header->log_offset, header->log_length, file_size, err) < 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (decode_region(table + VHDX_REGION_FIRST + i * VHDX_REGION_ENTRY, file_size, r, err) < 0)
			return -1;
	if (!r->bat.len || !r->metadata.len)
		return err_set(err, ERR_CORRUPT, "region table: it has no %s",
			       r->bat.len ? "metadata region" : "block table");
	return check_ranges(r, err);
}

int vhdx_regions_read(struct block *file, const struct vhdx_header *header, struct vhdx_regions *ret, struct err *err)
{
	AUTO_FREE unsigned char *table = malloc(VHDX_REGIONS);
	int got;

	if (!table)
		return err_nomem(err);
	got = load_copy(file, VHDX_REGIONS_1, VHDX_REGION_SIGNATURE, table, VHDX_REGIONS, err);
	if (!got) {
		got = load_copy(file, VHDX_REGIONS_2, VHDX_REGION_SIGNATURE, table, VHDX_REGIONS, err);
		if (!got)
			return err_set(err, ERR_CORRUPT,
				       "neither region table, at 0x30000 and at 0x40000, has its signature and a right "
				       "checksum");
		if (got > 0)
			log_warn("vhdx '%s': the first region table is damaged: its copy counts", file->name);
	}
	return got < 0 ? err_wrap(err, "region table") : decode_regions(table, header, file->size, ret, err);
}
