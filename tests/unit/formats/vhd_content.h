/* What a VHD that was written by the fixture holds: its map, and whose sectors are where. */
#ifndef REHOST_TESTS_UNIT_FORMATS_VHD_CONTENT_H
#define REHOST_TESTS_UNIT_FORMATS_VHD_CONTENT_H

#include "formats/registry.h"
#include "tests/unit/formats/vhd_fixture.h"

enum { SIZE = 5 * FIX_BLOCK + 1536 }; /* the sixth block is partial */

static inline int write_extent(const struct extent *e, void *opaque, struct err *err)
{
	char *text = opaque;
	size_t n = strlen(text);

	snprintf(text + n, 300 - n, "%lu+%lu:%d ", (unsigned long)(e->off / 512), (unsigned long)(e->len / 512),
		 e->kind);
	return 0;
}

static inline void map_is(struct block *b, const char *want)
{
	char text[300] = "";
	struct err err = ERR_INIT;

	assert_int_equal(block_each_extent(b, 0, b->size, write_extent, text, &err), 0);
	assert_string_equal(text, want);
}

/* Whose sector it is: the seed of the fixture that wrote it, 0 for zeros. */
static inline void content_is(struct block *b, const unsigned *seed_of_sector)
{
	unsigned char got[SIZE];
	struct err err = ERR_INIT;

	assert_int_equal(block_pread(b, got, b->size, 0, &err), 0);
	for (uint64_t i = 0; i < b->size; i++) {
		unsigned seed = seed_of_sector[i / 512];

		assert_int_equal(got[i], seed ? fixture_byte(seed, i) : 0);
	}
	/* In odd pieces. */
	for (uint64_t off = 0; off < b->size; off += 1777) {
		unsigned char piece[700];
		size_t n = (size_t)min_u64(sizeof piece, b->size - off);

		assert_int_equal(block_pread(b, piece, n, off, &err), 0);
		assert_memory_equal(piece, got + off, n);
	}
}

/* Sectors of a block with 16: the bitmap says which are this seed's. */
static inline void fill_block(unsigned *seeds, unsigned block, uint16_t bitmap, unsigned seed)
{
	for (unsigned i = 0; i < 16 && block * 16 + i < SIZE / 512; i++)
		if (bitmap >> (15 - i) & 1)
			seeds[block * 16 + i] = seed;
}

#endif
