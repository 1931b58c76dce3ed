/* Builds small VMDK files byte by byte, right or wrong, without any code of the reader. */
#ifndef REHOST_TESTS_FORMATS_VMDK_FIXTURE_H
#define REHOST_TESTS_FORMATS_VMDK_FIXTURE_H

#include "core/base/bytes.h"
#include "core/base/compress.h"
#include "tests/unit/formats/image_folder.h"

enum { FIX_SECTOR = 512, FIX_GRAIN = 65536, FIX_GTES = 512, FIX_MAX = 8 << 20, FIX_NONE = -1 };

struct vmdk_fixture {
	unsigned char *data; /* FIX_MAX bytes, zeroed */
	size_t len;
	uint64_t sectors; /* of the disk */
	uint32_t flags;
	unsigned gd_sector, gt_sector; /* where the directory and the first table stand */
};

/* What grain g of every fixture holds: compressible, different in each grain and sector. */
static inline void fixture_grain(uint64_t g, unsigned char out[FIX_GRAIN])
{
	for (unsigned i = 0; i < FIX_GRAIN; i++)
		out[i] = (unsigned char)(g * 31 + i / 512 + (i % 7) * (i / 1000));
}

static inline void fixture_header(unsigned char *h, const struct vmdk_fixture *f, uint64_t gd)
{
	memcpy(h, "KDMV", 4);
	put_le32(h + 4, f->flags & 0x10000 ? 3 : 1);
	put_le32(h + 8, f->flags);
	put_le64(h + 12, f->sectors);
	put_le64(h + 20, FIX_GRAIN / FIX_SECTOR);
	put_le64(h + 28, 1);
	put_le64(h + 36, 20);
	put_le32(h + 44, FIX_GTES);
	put_le64(h + 56, gd);
	put_le64(h + 64, 128);
	memcpy(h + 73, "\n \r\n", 4);
	put_le16(h + 77, f->flags & 0x10000 ? 1 : 0);
}

static inline void fixture_start(struct vmdk_fixture *f, uint64_t sectors, uint32_t flags, const char *create_type,
				 const char *more)
{
	*f = (struct vmdk_fixture){.data = calloc(1, FIX_MAX), .sectors = sectors, .flags = flags};
	fixture_header(f->data, f, UINT64_MAX);
	snprintf((char *)f->data + FIX_SECTOR, 20 * FIX_SECTOR,
		 "# Disk DescriptorFile\nversion=1\nCID=11223344\n%screateType=\"%s\"\nRW %lu SPARSE \"x.vmdk\"\n",
		 more, create_type, (unsigned long)sectors);
	f->len = 128 * FIX_SECTOR;
}

/* monolithicSparse with the grains listed, FIX_NONE at the end; a disk of up to 64 tables. */
static inline void fixture_sparse(struct vmdk_fixture *f, uint64_t sectors, const int *grains, const char *more)
{
	uint64_t total = (sectors + 127) / 128, tables = (total + FIX_GTES - 1) / FIX_GTES;

	fixture_start(f, sectors, 3, "monolithicSparse", more);
	f->gd_sector = 21;
	f->gt_sector = 22;
	f->len = 512 * FIX_SECTOR;
	put_le64(f->data + 56, f->gd_sector);
	for (uint64_t t = 0; t < tables; t++)
		put_le32(f->data + f->gd_sector * FIX_SECTOR + 4 * t, (uint32_t)(f->gt_sector + 4 * t));
	for (; *grains != FIX_NONE; grains++) {
		put_le32(f->data + f->gt_sector * FIX_SECTOR + 4 * *grains, (uint32_t)(f->len / FIX_SECTOR));
		fixture_grain((uint64_t)*grains, f->data + f->len);
		f->len += FIX_GRAIN;
	}
}

static inline void fixture_marker(struct vmdk_fixture *f, uint64_t sectors, uint32_t type)
{
	put_le64(f->data + f->len, sectors);
	put_le32(f->data + f->len + 12, type);
	f->len += FIX_SECTOR;
}

/* Appends grain g compressed; returns its sector. `keep` bytes of the grain are stored. */
static inline uint32_t fixture_stream_grain(struct vmdk_fixture *f, uint64_t g, size_t keep)
{
	struct encoder *e = encoder_new(CODEC_ZLIB, 1);
	unsigned char grain[FIX_GRAIN];
	uint32_t sector = (uint32_t)(f->len / FIX_SECTOR);
	size_t n;

	fixture_grain(g, grain);
	n = encoder_run(e, grain, keep, f->data + f->len + 12, FIX_MAX - f->len - 12);
	assert_true(n > 0);
	encoder_free(e);
	put_le64(f->data + f->len, g * 128);
	put_le32(f->data + f->len + 8, (uint32_t)n);
	f->len += (12 + n + FIX_SECTOR - 1) / FIX_SECTOR * FIX_SECTOR;
	return sector;
}

enum fixture_layout { LAYOUT_FOOTER, LAYOUT_GD_AT_START, LAYOUT_GD_AT_END };

/* Table (one is enough: up to 32 MiB) and directory at the end, each behind its marker. */
static inline void fixture_stream_tables(struct vmdk_fixture *f, const unsigned char *table)
{
	fixture_marker(f, 4, 1);
	f->gt_sector = (unsigned)(f->len / FIX_SECTOR);
	memcpy(f->data + f->len, table, FIX_GTES * 4);
	f->len += FIX_GTES * 4;
	fixture_marker(f, 1, 2);
	f->gd_sector = (unsigned)(f->len / FIX_SECTOR);
	put_le32(f->data + f->len, f->gt_sector);
	f->len += FIX_SECTOR;
}

static inline void fixture_stream(struct vmdk_fixture *f, uint64_t sectors, const int *grains,
				  enum fixture_layout layout)
{
	unsigned char table[FIX_GTES * 4] = {0};

	fixture_start(f, sectors, 0x30001, "streamOptimized", "parentCID=ffffffff\n");
	for (; *grains != FIX_NONE; grains++) {
		uint64_t left = sectors * FIX_SECTOR - (uint64_t)*grains * FIX_GRAIN;

		put_le32(table + 4 * *grains,
			 fixture_stream_grain(f, (uint64_t)*grains, left < FIX_GRAIN ? left : FIX_GRAIN));
	}
	if (layout == LAYOUT_GD_AT_START) {
		f->gd_sector = 21;
		f->gt_sector = 22;
		put_le32(f->data + 21 * FIX_SECTOR, 22);
		memcpy(f->data + 22 * FIX_SECTOR, table, sizeof table);
	} else {
		fixture_stream_tables(f, table);
	}
	if (layout == LAYOUT_FOOTER) {
		fixture_marker(f, 1, 3);
		fixture_header(f->data + f->len, f, f->gd_sector);
		f->len += FIX_SECTOR;
	} else {
		put_le64(f->data + 56, f->gd_sector);
	}
	fixture_marker(f, 0, 0);
}

/* Writes it to the folder and frees it. */
static inline void fixture_put(struct vmdk_fixture *f, struct image_folder *folder, const char *name)
{
	put_file(folder, name, f->data, f->len);
	free(f->data);
	f->data = NULL;
}

/* The disk at off must be what the fixtures hold there; grains not listed are zeros. */
static inline void fixture_check(struct block *b, uint64_t off, size_t len, const int *grains)
{
	unsigned char *got = malloc(len), want[FIX_GRAIN];
	struct err err = ERR_INIT;

	if (block_pread(b, got, len, off, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < len;) {
		uint64_t g = (off + i) / FIX_GRAIN, in = (off + i) % FIX_GRAIN;
		size_t n = FIX_GRAIN - in < len - i ? FIX_GRAIN - in : len - i;
		const int *listed = grains;

		while (*listed != FIX_NONE && (uint64_t)*listed != g)
			listed++;
		memset(want, 0, sizeof want);
		if (*listed != FIX_NONE)
			fixture_grain(g, want);
		assert_memory_equal(got + i, want + in, n);
		i += n;
	}
	free(got);
}

#endif
