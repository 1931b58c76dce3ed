/* VHDs made by hand: fixed, dynamic and differencing, with any bitmap, parent and damage. */
#ifndef REHOST_TESTS_FORMATS_VHD_FIXTURE_H
#define REHOST_TESTS_FORMATS_VHD_FIXTURE_H

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/vhd_header.h"
#include "tests/unit/formats/image_folder.h"

enum {
	FIX_HEADER = 512,
	FIX_LOCATORS = 2048, /* 512 bytes each */
	FIX_TABLE = 6144,
	FIX_BLOCK = 8192, /* 16 sectors */
	FIX_DATA = 8192,  /* blocks begin here */
	FIX_UUID = 0x55,  /* every byte of a fixture's own UUID, plus its seed */
};

struct vhd_fixture {
	unsigned char data[256 * 1024];
	size_t len;
	unsigned char footer[VHD_FOOTER];
	unsigned seed; /* of content and UUID */
};

/* What the disk of a seed holds at a byte: never zero. */
static inline unsigned char fixture_byte(unsigned seed, uint64_t off)
{
	return (unsigned char)(seed * 37 + off / 512 * 11 + off % 512) | 1;
}

static inline void fixture_footer(struct vhd_fixture *f, enum vhd_type type, uint64_t size, unsigned seed)
{
	memset(f, 0, sizeof *f);
	f->seed = seed;
	memcpy(f->footer, "conectix\0\0\0\2\0\1\0\0", 16);
	put_be64(f->footer + VHD_AT_DATA_OFFSET, type == VHD_FIXED ? UINT64_MAX : FIX_HEADER);
	put_be32(f->footer + VHD_AT_TIME, 1000);
	memcpy(f->footer + VHD_AT_CREATOR, "win ", 4);
	put_be64(f->footer + VHD_AT_CURRENT_SIZE, size);
	put_be16(f->footer + VHD_AT_CYLINDERS, 1);
	f->footer[VHD_AT_HEADS] = 1;
	f->footer[VHD_AT_SECTORS] = 1;
	put_be32(f->footer + VHD_AT_TYPE, type);
	memset(f->footer + VHD_AT_UUID, (int)(FIX_UUID + seed), VHD_UUID);
}

static inline void fixture_fixed(struct vhd_fixture *f, uint64_t size, unsigned seed)
{
	fixture_footer(f, VHD_FIXED, size, seed);
	for (uint64_t i = 0; i < size; i++)
		f->data[i] = fixture_byte(seed, i);
	f->len = size;
}

/* Dynamic or differencing, without a block. parent_seed: whose UUID it wants. */
static inline void fixture_sparse(struct vhd_fixture *f, enum vhd_type type, uint64_t size, unsigned seed,
				  unsigned parent_seed)
{
	unsigned char *h = f->data + FIX_HEADER;

	fixture_footer(f, type, size, seed);
	memcpy(h, "cxsparse\xff\xff\xff\xff\xff\xff\xff\xff", 16);
	put_be64(h + VHD_AT_TABLE, FIX_TABLE);
	put_be32(h + 24, 0x10000);
	put_be32(h + VHD_AT_ENTRIES, (uint32_t)div_round_up(size, FIX_BLOCK));
	put_be32(h + VHD_AT_BLOCK_SIZE, FIX_BLOCK);
	if (type == VHD_DIFFERENCING)
		memset(h + VHD_AT_PARENT_UUID, (int)(FIX_UUID + parent_seed), VHD_UUID);
	memset(f->data + FIX_TABLE, 0xff, FIX_DATA - FIX_TABLE);
	f->len = FIX_DATA;
}

static inline void fixture_block(struct vhd_fixture *f, uint32_t block, uint16_t bitmap)
{
	put_be32(f->data + FIX_TABLE + 4 * block, (uint32_t)(f->len / 512));
	put_be16(f->data + f->len, bitmap);
	f->len += 512;
	for (unsigned i = 0; i < FIX_BLOCK; i++)
		f->data[f->len + i] = fixture_byte(f->seed, (uint64_t)block * FIX_BLOCK + i);
	f->len += FIX_BLOCK;
}

static inline void fixture_utf16(unsigned char *to, const char *text, bool big_endian)
{
	for (; *text; text++, to += 2)
		big_endian ? put_be16(to, (unsigned char)*text) : put_le16(to, (unsigned char)*text);
}

/* code: "W2ru" or "W2ku". */
static inline void fixture_locator(struct vhd_fixture *f, unsigned slot, const char *code, const char *path)
{
	unsigned char *l = f->data + FIX_HEADER + VHD_AT_LOCATORS + slot * VHD_LOCATOR;
	unsigned at = FIX_LOCATORS + slot * 512;

	memcpy(l, code, 4);
	put_be32(l + 4, 512);
	put_be32(l + VHD_LOCATOR_AT_LENGTH, (uint32_t)strlen(path) * 2);
	put_be64(l + VHD_LOCATOR_AT_OFFSET, at);
	fixture_utf16(f->data + at, path, false);
}

static inline void fixture_seal_header(struct vhd_fixture *f)
{
	unsigned char *h = f->data + FIX_HEADER;

	put_be32(h + VHD_AT_HEADER_CHECKSUM, vhd_checksum(h, VHD_HEADER, VHD_AT_HEADER_CHECKSUM));
}

/* Sums, footer and its copy; then the file. */
static inline void fixture_put(struct vhd_fixture *f, struct image_folder *folder, const char *name)
{
	put_be32(f->footer + VHD_AT_CHECKSUM, vhd_checksum(f->footer, VHD_FOOTER, VHD_AT_CHECKSUM));
	if (get_be32(f->footer + VHD_AT_TYPE) != VHD_FIXED) {
		fixture_seal_header(f);
		memcpy(f->data, f->footer, VHD_FOOTER);
	}
	memcpy(f->data + f->len, f->footer, VHD_FOOTER);
	put_file(folder, name, f->data, f->len + VHD_FOOTER);
}

#endif
