/* Reading VHDX: block states, sector bitmaps over chains, 4 KiB sectors, logs, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "formats/registry.h"
#include "tests/unit/formats/vhdx_fixture.h"
#include "tests/unit/support/mem_block.h"

enum {
	SECTORS = 2048, /* in a block */
	DISK_SECTORS = 5 * SECTORS + 24,
	SIZE = DISK_SECTORS * 512,
	RATIO = 4096, /* blocks of 1 MiB in a chunk of 4 GiB */
};

static int write_extent(const struct extent *e, void *opaque, struct err *err)
{
	char *text = opaque;
	size_t n = strlen(text);

	snprintf(text + n, 300 - n, "%lu+%lu:%d ", (unsigned long)(e->off / 512), (unsigned long)(e->len / 512),
		 e->kind);
	return 0;
}

static void map_is(struct block *b, const char *want)
{
	char text[300] = "";
	struct err err = ERR_INIT;

	assert_int_equal(block_each_extent(b, 0, b->size, write_extent, text, &err), 0);
	assert_string_equal(text, want);
}

/* Whose sector it is: the seed of the fixture that wrote it, 0 for zeros. */
static void content_is(struct block *b, const unsigned char *seed_of_sector)
{
	unsigned char *got = malloc(SIZE), *want = malloc(SIZE), *piece = malloc(100000);
	struct err err = ERR_INIT;

	assert_int_equal(b->size, SIZE);
	for (uint64_t i = 0; i < SIZE; i++)
		want[i] = seed_of_sector[i / 512] ? fixture_byte(seed_of_sector[i / 512], i) : 0;
	assert_int_equal(block_pread(b, got, SIZE, 0, &err), 0);
	assert_memory_equal(got, want, SIZE);
	for (uint64_t off = 0; off < SIZE; off += 177777) {
		size_t n = (size_t)min_u64(100000, SIZE - off);

		assert_int_equal(block_pread(b, piece, n, off, &err), 0);
		assert_memory_equal(piece, want + off, n);
	}
	free(got);
	free(want);
	free(piece);
}

static void own(unsigned char *seeds, unsigned from, unsigned n, unsigned seed)
{
	for (unsigned i = from; i < from + n && i < DISK_SECTORS; i++)
		seeds[i] = (unsigned char)seed;
}

static void test_block_states(void **state)
{
	unsigned char seeds[DISK_SECTORS] = {0};
	struct vhdx_fixture f;
	struct block *b;

	fixture_new(&f, SIZE, 512, 1);
	fixture_block(&f, 4, 4, VHDX_FULL);
	fixture_block(&f, 1, 1, VHDX_ZERO); /* what it points to is history */
	fixture_block(&f, 2, 2, VHDX_UNMAPPED);
	fixture_block(&f, 3, 3, VHDX_UNDEFINED);
	fixture_block(&f, 5, 5, VHDX_FULL);
	own(seeds, 4 * SECTORS, SECTORS, 1);
	own(seeds, 5 * SECTORS, SECTORS, 1);
	fixture_put(&f, *state, "x.vhdx");
	b = open_ok(*state, "x.vhdx");
	assert_string_equal(b->ops->name, "vhdx");
	assert_int_equal(b->unit, FIX_BLOCK);
	assert_int_equal(b->logical_sector, 512);
	assert_int_equal(b->physical_sector, 4096);
	content_is(b, seeds);
	map_is(b, "0+2048:3 2048+6144:2 8192+2072:1 ");
	block_close(b);
}

static void test_sectors_of_4096_bytes(void **state)
{
	struct vhdx_fixture f;
	struct block *b;

	fixture_new(&f, 5 * FIX_BLOCK, 4096, 1);
	fixture_put(&f, *state, "x.vhdx");
	b = open_ok(*state, "x.vhdx");
	assert_int_equal(b->logical_sector, 4096);
	assert_int_equal(b->physical_sector, 4096);
	block_close(b);
}

/* The file may end with the disk, inside its last block. */
static void test_last_block_cut_with_the_disk(void **state)
{
	struct vhdx_fixture f;
	struct block *b;

	fixture_new(&f, SIZE, 512, 1);
	fixture_block(&f, 5, 5, VHDX_FULL);
	f.len -= FIX_BLOCK - 24 * 512;
	fixture_put(&f, *state, "x.vhdx");
	b = open_ok(*state, "x.vhdx");
	map_is(b, "0+10240:3 10240+24:1 ");
	block_close(b);
}

static void put_base(struct image_folder *folder, const char *name, unsigned char *seeds)
{
	struct vhdx_fixture f;

	fixture_new(&f, SIZE, 512, 1);
	for (unsigned i = 0; i < 4; i++)
		fixture_block(&f, i, i, VHDX_FULL);
	own(seeds, 0, 4 * SECTORS, 1);
	fixture_put(&f, folder, name);
}

static void set_bits(unsigned char *bitmap, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		bitmap[i / 8] |= (unsigned char)(1 << i % 8);
}

/* Row 11 of the field study: a chain of .avhdx with partially present blocks, which qemu-img doesn't read. */
static void test_differencing_chain_with_partial_blocks(void **state)
{
	unsigned char seeds[DISK_SECTORS] = {0}, *bitmap;
	struct vhdx_fixture f;
	struct block *b;

	put_base(*state, "base.vhdx", seeds);
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_parent_key(&f, "relative_path", ".\\base.vhdx");
	fixture_block(&f, 1, 1, VHDX_PARTIAL);
	fixture_block(&f, 4, 4, VHDX_PARTIAL);
	fixture_entry(&f, 2, VHDX_ZERO);
	bitmap = fixture_bitmap(&f, RATIO);
	set_bits(bitmap, SECTORS + 3, 14);
	set_bits(bitmap, 4 * SECTORS + 2040, 8);
	own(seeds, SECTORS + 3, 14, 2);
	own(seeds, 4 * SECTORS + 2040, 8, 2);
	own(seeds, 2 * SECTORS, SECTORS, 0);
	fixture_put(&f, *state, "middle.avhdx");
	fixture_new(&f, SIZE, 512, 3);
	fixture_parent_key(&f, "parent_linkage", "{00000000-0000-0000-0000-000000000000}");
	fixture_parent_key(&f, "parent_linkage2", fixture_linkage(2));
	fixture_parent_key(&f, "absolute_win32_path", "\\\\?\\D:\\vm\\middle.avhdx");
	fixture_block(&f, 1, 1, VHDX_PARTIAL);
	fixture_block(&f, 3, 3, VHDX_FULL);
	bitmap = fixture_bitmap(&f, RATIO);
	set_bits(bitmap, SECTORS + 10, 1000);
	own(seeds, SECTORS + 10, 1000, 3);
	own(seeds, 3 * SECTORS, SECTORS, 3);
	fixture_put(&f, *state, "top.avhdx");
	b = open_ok(*state, "top.avhdx");
	content_is(b, seeds);
	map_is(b, "0+4096:1 4096+2048:2 6144+2048:1 8192+2040:3 10232+8:1 10240+24:3 ");
	block_close(b);
}

/* Sector bitmaps stand behind each 4096 entries. */
static void test_partial_block_in_the_second_chunk(void **state)
{
	static unsigned char got[3 * 512];
	struct image_folder *folder = *state;
	unsigned char seeds[DISK_SECTORS] = {0}, *bitmap;
	struct vhdx_fixture f;
	struct block *b;
	uint64_t at = (uint64_t)RATIO * FIX_BLOCK;

	put_base(folder, "base.vhdx", seeds);
	fixture_new(&f, 5 * GIB, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_parent_key(&f, "volume_path", "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\base.vhdx");
	fixture_block(&f, RATIO - 1, RATIO - 1, VHDX_FULL);
	fixture_block(&f, RATIO, RATIO + 1, VHDX_PARTIAL);
	bitmap = fixture_bitmap(&f, 2 * RATIO + 1);
	set_bits(bitmap, 1, 1);
	fixture_put(&f, folder, "top.vhdx");
	b = open_ok(folder, "top.vhdx");
	assert_int_equal(block_pread(b, got, sizeof got, at, &folder->err), 0);
	for (unsigned i = 0; i < sizeof got; i++)
		assert_int_equal(got[i], i / 512 == 1 ? fixture_byte(2, at + i) : 0);
	assert_int_equal(block_pread(b, got, sizeof got, at - sizeof got, &folder->err), 0);
	for (unsigned i = 0; i < sizeof got; i++)
		assert_int_equal(got[i], fixture_byte(2, at - sizeof got + i));
	map_is(b, "0+8192:1 8192+8378368:3 8386560+2048:1 8388608+1:3 8388609+1:1 8388610+2097150:3 ");
	block_close(b);
}

static void put_child(struct image_folder *folder, const char *linkage, const char *path)
{
	struct vhdx_fixture f;

	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", linkage);
	fixture_parent_key(&f, "relative_path", path);
	fixture_put(&f, folder, "x.vhdx");
}

static void test_parent_errors(void **state)
{
	struct image_folder *folder = *state;
	unsigned char seeds[DISK_SECTORS];
	struct vhdx_fixture f;

	put_base(folder, "base.vhdx", seeds);
	put_child(folder, fixture_linkage(1), "..\\other\\gone.vhdx");
	open_fails(folder, "x.vhdx", ERR_POLICY,
		   "vhdx 'x.vhdx': parent '..\\other\\gone.vhdx' leads outside the image's folder, no --allow-parent "
		   "allows it, and there is no "
		   "'gone.vhdx' beside the image");
	put_child(folder, fixture_linkage(1), "\\\\?\\C:\\gone.vhdx");
	open_fails(folder, "x.vhdx", ERR_UNREADABLE,
		   "vhdx 'x.vhdx': parent '\\\\?\\C:\\gone.vhdx' is missing: there is no 'gone.vhdx' beside the image");
	put_child(folder, fixture_linkage(9), "base.vhdx");
	open_fails(
	    folder, "x.vhdx", ERR_CORRUPT,
	    "vhdx 'x.vhdx': parent 'base.vhdx': its content is {01010101-0101-0101-0101-010101010101}, the "
	    "differencing disk was made on {09090909-0909-0909-0909-090909090909}: the parent was changed since, "
	    "or is another disk");
	put_child(folder, fixture_linkage(2), "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT,
		   "vhdx 'x.vhdx': parent 'x.vhdx': 'x.vhdx': loop: this file is in the chain already");
	fixture_new(&f, SIZE, 4096, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_parent_key(&f, "relative_path", "base.vhdx");
	fixture_put(&f, folder, "x.vhdx");
	open_fails(
	    folder, "x.vhdx", ERR_CORRUPT,
	    "vhdx 'x.vhdx': parent 'base.vhdx': its sectors have 512 bytes, those of the differencing disk 4096");
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_put(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT, "vhdx 'x.vhdx': it is a differencing disk that names no parent");
	fixture_new(&f, SIZE, 512, 2);
	put_le32(fixture_item(&f, 0) + 4, VHDX_HAS_PARENT);
	fixture_put(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT,
		   "vhdx 'x.vhdx': metadata: the disk has a parent, but no parent locator");
}

/* Two entries write the block table and zero a part of a block, and the later one wins; the file stays as it is. */
static void test_log_replay(void **state)
{
	struct image_folder *folder = *state;
	unsigned char page[2 * VHDX_PAGE];
	struct vhdx_fixture f;
	struct block *b;
	unsigned sector;

	fixture_new(&f, SIZE, 512, 1);
	fixture_block(&f, 0, 0, VHDX_FULL);
	/* An older sequence that is no longer whole, and one of another log. */
	fixture_log(&f, 100, 3, 99, (struct fixture_descriptor[]){{FIX_DATA, 0, 0x99}}, 1);
	/* The active one begins near the end of the ring and goes round it. */
	sector = fixture_log(
	    &f, 254, 10, 254,
	    (struct fixture_descriptor[]){{FIX_DATA + 2 * VHDX_PAGE, 0, 0xaa}, {FIX_DATA + 8 * VHDX_PAGE, 0, 0xbb}}, 2);
	assert_int_equal(sector, 1);
	fixture_log(&f, sector, 11, 254,
		    (struct fixture_descriptor[]){{FIX_DATA + 4 * VHDX_PAGE, 8 * VHDX_PAGE, 0},
						  {FIX_DATA + 9 * VHDX_PAGE, 0, 0xcc}},
		    2);
	fixture_put(&f, folder, "x.vhdx");
	b = open_ok(folder, "x.vhdx");
	for (unsigned i = 0; i < 14; i++) {
		unsigned want = i == 2		   ? 0xaa
				: i == 9	   ? 0xcc
				: i >= 4 && i < 12 ? 0
						   : fixture_byte(1, i * VHDX_PAGE + 9);

		assert_int_equal(block_pread(b, page, VHDX_PAGE, i * VHDX_PAGE, &folder->err), 0);
		assert_int_equal(page[9], want);
		if (i == 2 || i == 9)
			for (unsigned k = 0; k < VHDX_PAGE; k++)
				assert_int_equal(page[k], want);
	}
	/* Across a border, unaligned. */
	assert_int_equal(block_pread(b, page, 100, 2 * VHDX_PAGE - 50, &folder->err), 0);
	assert_int_equal(page[49], fixture_byte(1, 2 * VHDX_PAGE - 1));
	assert_int_equal(page[50], 0xaa);
	block_close(b);
}

/* The log may hold the table itself, and blocks behind the end of a file that was about to grow. */
static void test_log_with_the_table_and_a_longer_file(void **state)
{
	struct image_folder *folder = *state;
	static const struct fixture_descriptor pages[] = {{FIX_BAT, 0, 0x06}, {FIX_DATA + 4096, 0, 0xdd}};
	unsigned char data[8192], *bat;
	struct vhdx_fixture f;
	struct block *b;

	fixture_new(&f, FIX_BLOCK, 512, 1);
	fixture_log(&f, 0, 5, 0, pages, 2);
	/* The one entry of the table: fully present at 4 MiB. It is in the descriptor, the rest in the sector. */
	bat = f.data + FIX_LOG + VHDX_ENTRY;
	put_le64(bat + VHDX_DATA_AT_LEADING, FIX_DATA | VHDX_FULL);
	put_le64(f.data + FIX_LOG + VHDX_ENTRY_AT_LAST, FIX_DATA + FIX_BLOCK);
	fixture_sum(f.data + FIX_LOG, 3 * VHDX_PAGE);
	fixture_put(&f, folder, "x.vhdx");
	b = open_ok(folder, "x.vhdx");
	assert_int_equal(block_pread(b, data, sizeof data, 0, &folder->err), 0);
	assert_int_equal(data[4095], 0);
	assert_int_equal(data[4096], 0xdd);
	assert_int_equal(data[8191], 0xdd);
	map_is(b, "0+8:2 8+8:1 16+2032:2 ");
	block_close(b);
}

/* Zeros over nearly all that a file may have are one run of the map, not a page each. */
static void test_log_with_zeros_to_the_limit(void **state)
{
	const uint64_t behind = FIX_DATA + FIX_BLOCK - VHDX_PAGE;
	unsigned char page[VHDX_PAGE];
	struct vhdx_fixture f;
	struct block *b;

	fixture_new(&f, FIX_BLOCK, 512, 1);
	fixture_block(&f, 0, 0, VHDX_FULL);
	fixture_log(&f, 0, 5, 0,
		    (struct fixture_descriptor[]){{FIX_DATA + VHDX_PAGE, VHDX_FILE_MAX - FIX_DATA - VHDX_PAGE, 0},
						  {behind, 0, 0xee}},
		    2);
	fixture_put(&f, *state, "x.vhdx");
	b = open_ok(*state, "x.vhdx");
	map_is(b, "0+8:1 8+2032:2 2040+8:1 ");
	assert_int_equal(
	    block_pread(b, page, sizeof page, FIX_BLOCK - VHDX_PAGE, &((struct image_folder *)*state)->err), 0);
	assert_int_equal(page[0], 0xee);
	block_close(b);
}

/* The header that can't be read may be the one that counts: the other one is not taken instead. */
static void test_unreadable_headers(void **state)
{
	static const uint64_t at[] = {VHDX_HEADER_1, VHDX_HEADER_2};
	struct vhdx_fixture f;

	(void)state;
	fixture_new(&f, SIZE, 512, 1);
	fixture_seal(&f);
	for (size_t i = 0; i < 2; i++) {
		struct mem_block *m = mem_new(f.len);
		struct vhdx_header h;
		struct err err = ERR_INIT;

		memcpy(m->data, f.data, f.len);
		memset(m->allocated, true, f.len / MEM_UNIT);
		assert_int_equal(vhdx_header_read(&m->b, &h, &err), 0);
		assert_int_equal(h.sequence, 7);
		m->bad_off = at[i];
		m->bad_len = 512;
		m->bad_times = -1;
		assert_int_equal(vhdx_header_read(&m->b, &h, &err), -1);
		assert_int_equal(err.code, ERR_UNREADABLE);
		assert_non_null(strstr(err.text, i ? "at 0x20000" : "at 0x10000"));
		block_close(&m->b);
	}
	free(f.data);
}

static void log_fails(struct image_folder *folder, struct vhdx_fixture *f, const char *text)
{
	fixture_put(f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT, text);
}

static void log_one(struct vhdx_fixture *f)
{
	fixture_new(f, SIZE, 512, 1);
	fixture_log(f, 0, 5, 0, (struct fixture_descriptor[]){{FIX_BAT, 0, 0}, {FIX_BAT, 4096, 0}}, 2);
}

static void test_hostile_logs(void **state)
{
	static const char none[] = "vhdx 'x.vhdx': log at 0x100000: the disk was not closed, and no whole sequence of "
				   "entries is there";
	struct image_folder *folder = *state;
	struct vhdx_fixture f;
	unsigned char *log;

	/* A descriptor count that no entry can hold: 2^32 - 1, and one that wraps a 32-bit product. */
	for (unsigned i = 0; i < 2; i++) {
		log_one(&f);
		log = f.data + FIX_LOG;
		put_le32(log + VHDX_ENTRY_AT_COUNT, i ? 0x08000001 : UINT32_MAX);
		fixture_sum(log, 2 * VHDX_PAGE);
		log_fails(folder, &f, none);
	}
	/* More data descriptors than data sectors. */
	log_one(&f);
	log = f.data + FIX_LOG;
	memcpy(log + VHDX_ENTRY + VHDX_DESCRIPTOR, "desc", 4);
	fixture_sum(log, 2 * VHDX_PAGE);
	log_fails(folder, &f, none);
	/* An entry longer than the log, one without a length, one whose tail is elsewhere, one with a wrong sum. */
	log_one(&f);
	put_le32(f.data + FIX_LOG + VHDX_ENTRY_AT_LENGTH, 2 << 20);
	log_fails(folder, &f, none);
	log_one(&f);
	put_le32(f.data + FIX_LOG + VHDX_ENTRY_AT_LENGTH, 0);
	log_fails(folder, &f, none);
	log_one(&f);
	put_le32(f.data + FIX_LOG + VHDX_ENTRY_AT_TAIL, 40 * VHDX_PAGE);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(folder, &f, none);
	log_one(&f);
	f.data[FIX_LOG + 100] ^= 1;
	log_fails(folder, &f, none);
	/* A data sector that is of another entry. */
	log_one(&f);
	put_le32(f.data + FIX_LOG + VHDX_PAGE + VHDX_SECTOR_AT_LOW, 4);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(folder, &f, none);
	/* A file that was cut off, and places no file can have. */
	log_one(&f);
	put_le64(f.data + FIX_LOG + VHDX_ENTRY_AT_FLUSHED, FIX_DATA + 1);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(
	    folder, &f,
	    "vhdx 'x.vhdx': log: the file was 0x400001 bytes long when it was written, now it has 0x400000: it is "
	    "cut off");
	log_one(&f);
	put_le64(f.data + FIX_LOG + VHDX_ENTRY_AT_LAST, UINT64_MAX);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(folder, &f, "vhdx 'x.vhdx': log: a file of 0xffffffffffffffff bytes, the limit is 128 TiB");
	log_one(&f);
	put_le64(f.data + FIX_LOG + VHDX_ENTRY + VHDX_DESCRIPTOR_AT_OFFSET, UINT64_MAX - 4095);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(folder, &f, "vhdx 'x.vhdx': log: a page at 0xfffffffffffff000: the limit is a file of 128 TiB");
	log_one(&f);
	put_le64(f.data + FIX_LOG + VHDX_ENTRY + VHDX_DESCRIPTOR + VHDX_ZERO_AT_LENGTH, UINT64_MAX - 4095);
	fixture_sum(f.data + FIX_LOG, 2 * VHDX_PAGE);
	log_fails(folder, &f,
		  "vhdx 'x.vhdx': log: 0xfffffffffffff000 bytes of zeros at 0x300000: the limit is a file of 128 TiB");
	/* The log itself. */
	log_one(&f);
	put_le32(f.data + VHDX_HEADER_1 + VHDX_HEADER_AT_LOG_LENGTH, 0);
	log_fails(folder, &f,
		  "vhdx 'x.vhdx': log at 0x100000 with 0x0 bytes: expected whole MiB behind the first one, inside the "
		  "file of 0x400000");
	log_one(&f);
	put_le64(f.data + VHDX_HEADER_1 + VHDX_HEADER_AT_LOG_OFFSET, FIX_DATA);
	log_fails(folder, &f,
		  "vhdx 'x.vhdx': log at 0x400000 with 0x100000 bytes: expected whole MiB behind the first one, inside "
		  "the file of 0x400000");
}

static void test_headers(void **state)
{
	struct image_folder *folder = *state;
	struct vhdx_fixture f;

	/* One damaged, whichever: the other counts. */
	for (unsigned i = 0; i < 2; i++) {
		fixture_new(&f, SIZE, 512, 1);
		fixture_seal(&f);
		f.data[(i ? VHDX_HEADER_1 : VHDX_HEADER_2) + 20] ^= 1;
		fixture_store(&f, folder, "x.vhdx");
		block_close(open_ok(folder, "x.vhdx"));
	}
	fixture_new(&f, SIZE, 512, 1);
	fixture_seal(&f);
	f.data[VHDX_HEADER_1 + 20] ^= 1;
	f.data[VHDX_HEADER_2 + 20] ^= 1;
	fixture_store(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT,
		   "vhdx 'x.vhdx': neither header, at 0x10000 and at 0x20000, has its signature and a right checksum");
	fixture_new(&f, SIZE, 512, 1);
	fixture_seal(&f);
	put_le64(f.data + VHDX_HEADER_2 + VHDX_HEADER_AT_SEQUENCE, 7);
	f.data[VHDX_HEADER_2 + VHDX_HEADER_AT_DATA_WRITE] = 9;
	fixture_sum(f.data + VHDX_HEADER_2, VHDX_HEADER);
	fixture_store(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT, "vhdx 'x.vhdx': both headers are number 7, and they differ");
	fixture_new(&f, SIZE, 512, 1);
	put_le16(f.data + VHDX_HEADER_1 + VHDX_HEADER_AT_VERSION, 2);
	fixture_put(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_UNSUPPORTED, "vhdx 'x.vhdx': header: version 2, expected 1");
	fixture_new(&f, SIZE, 512, 1);
	fixture_seal(&f);
	f.data[VHDX_REGIONS_1 + 500] ^= 1;
	fixture_store(&f, folder, "x.vhdx");
	block_close(open_ok(folder, "x.vhdx"));
	assert_string_equal(folder->log, "vhdx 'x.vhdx': the first region table is damaged: its copy counts\n");
	put_text(folder, "x.vhdx", "vhdxfile");
	open_fails(folder, "x.vhdx", ERR_CORRUPT,
		   "vhdx 'x.vhdx': neither header, at 0x10000 and at 0x20000, has its signature and a right checksum");
}

static void test_hostile_regions(void **state)
{
	static const char unknown[] = "11111111-2222-3333-4444-555555555555";
	static const struct {
		unsigned entry;
		const char *guid; /* NULL: that of the block table */
		uint64_t off;
		uint32_t len, flags;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {2, unknown, 5 << 20, 1 << 20, 1, ERR_UNSUPPORTED,
	     "vhdx 'x.vhdx': it needs region 11111111-2222-3333-4444-555555555555, which is not known"},
	    {2, unknown, 3 << 20, 1 << 20, 0, ERR_CORRUPT,
	     "vhdx 'x.vhdx': the regions at 0x300000 with 0x100000 bytes and at 0x300000 overlap"},
	    {2, unknown, 1 << 20, 1 << 20, 0, ERR_CORRUPT,
	     "vhdx 'x.vhdx': the regions at 0x100000 with 0x100000 bytes and at 0x100000 overlap"},
	    {2, unknown, 1, 1 << 20, 0, ERR_CORRUPT,
	     "vhdx 'x.vhdx': region 11111111-2222-3333-4444-555555555555 at 0x1 with 0x100000 bytes: expected whole "
	     "MiB "
	     "behind the header section of 1 MiB"},
	    {2, NULL, 3 << 20, 1 << 20, 1, ERR_CORRUPT,
	     "vhdx 'x.vhdx': region 2dc27766-f623-4200-9d64-115e9bfd4a08 is there twice"},
	    {0, NULL, 3 << 20, 16 << 20, 1, ERR_CORRUPT,
	     "vhdx 'x.vhdx': block table at 0x300000 with 0x1000000 bytes: the file ends at 0x400000"},
	    {0, NULL, 2 << 20, 1 << 20, 1, ERR_CORRUPT,
	     "vhdx 'x.vhdx': the regions at 0x200000 with 0x100000 bytes and at 0x200000 overlap"},
	    {0, NULL, UINT64_MAX - 0xfffff, 1 << 20, 1, ERR_CORRUPT,
	     "vhdx 'x.vhdx': block table at 0xfffffffffff00000 with 0x100000 bytes: the file ends at 0x400000"},
	    {1, NULL, 3 << 20, 1 << 20, 1, ERR_CORRUPT,
	     "vhdx 'x.vhdx': region 2dc27766-f623-4200-9d64-115e9bfd4a08 is there twice"},
	    {1, unknown, 2 << 20, 1 << 20, 0, ERR_CORRUPT, "vhdx 'x.vhdx': region table: it has no metadata region"},
	};
	struct image_folder *folder = *state;
	struct vhdx_fixture f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_new(&f, SIZE, 512, 1);
		fixture_add_region(&f, cases[i].entry,
				   cases[i].guid ? cases[i].guid : "2dc27766-f623-4200-9d64-115e9bfd4a08", cases[i].off,
				   cases[i].len, cases[i].flags);
		put_le32(f.data + VHDX_REGIONS_1 + VHDX_REGIONS_AT_COUNT, cases[i].entry == 2 ? 3 : 2);
		fixture_put(&f, folder, "x.vhdx");
		open_fails(folder, "x.vhdx", cases[i].code, cases[i].text);
	}
	fixture_new(&f, SIZE, 512, 1);
	put_le32(f.data + VHDX_REGIONS_1 + VHDX_REGIONS_AT_COUNT, 1 << 30);
	fixture_put(&f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", ERR_CORRUPT, "vhdx 'x.vhdx': region table: 1073741824 entries, the limit is 2047");
}

static void put_fails(struct image_folder *folder, struct vhdx_fixture *f, enum err_code code, const char *text)
{
	fixture_put(f, folder, "x.vhdx");
	open_fails(folder, "x.vhdx", code, text);
}

static void test_hostile_values(void **state)
{
	static const struct {
		unsigned item;
		uint64_t value;
		const char *text;
	} cases[] = {
	    {0, 0, "vhdx 'x.vhdx': metadata: blocks of 0 bytes, expected a power of two from 1 to 256 MiB"},
	    {0, 3 << 20, "vhdx 'x.vhdx': metadata: blocks of 3145728 bytes, expected a power of two from 1 to 256 MiB"},
	    {0, 512 << 20,
	     "vhdx 'x.vhdx': metadata: blocks of 536870912 bytes, expected a power of two from 1 to 256 MiB"},
	    {1, 0,
	     "vhdx 'x.vhdx': metadata: a disk of 0 bytes, expected whole sectors of 512 bytes, at least one, at most "
	     "64 "
	     "TiB"},
	    {1, 1000,
	     "vhdx 'x.vhdx': metadata: a disk of 1000 bytes, expected whole sectors of 512 bytes, at least one, at "
	     "most "
	     "64 TiB"},
	    {1, (UINT64_C(64) << 40) + 512,
	     "vhdx 'x.vhdx': metadata: a disk of 70368744178176 bytes, expected whole sectors of 512 bytes, at least "
	     "one, at most 64 TiB"},
	    {1, UINT64_C(64) << 40,
	     "vhdx 'x.vhdx': a disk of 70368744177664 bytes in blocks of 1048576 bytes needs 67125247 entries in the "
	     "block table, it has place for 131072"},
	    {2, 0, "vhdx 'x.vhdx': metadata: logical sectors of 0 bytes, expected 512 or 4096"},
	    {2, 1 << 31, "vhdx 'x.vhdx': metadata: logical sectors of 2147483648 bytes, expected 512 or 4096"},
	    {3, 520, "vhdx 'x.vhdx': metadata: physical sectors of 520 bytes, expected 512 or 4096"},
	};
	struct image_folder *folder = *state;
	struct vhdx_fixture f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_new(&f, SIZE, 512, 1);
		if (cases[i].item == 1)
			put_le64(fixture_item(&f, 1), cases[i].value);
		else
			put_le32(fixture_item(&f, cases[i].item), (uint32_t)cases[i].value);
		put_fails(folder, &f, ERR_CORRUPT, cases[i].text);
	}
}

static void test_hostile_metadata(void **state)
{
	struct image_folder *folder = *state;
	struct vhdx_fixture f;

	fixture_new(&f, SIZE, 512, 1);
	fixture_add_item(&f, 5, "11111111-2222-3333-4444-555555555555", 8, 4);
	put_fails(folder, &f, ERR_UNSUPPORTED,
		  "vhdx 'x.vhdx': it needs metadata item 11111111-2222-3333-4444-555555555555, which is not known");
	fixture_new(&f, SIZE, 512, 1);
	fixture_add_item(&f, 5, "2fa54224-cd1b-4876-b211-5dbed83bf4b8", 8, 6);
	put_fails(folder, &f, ERR_CORRUPT, "vhdx 'x.vhdx': metadata: virtual disk size is there twice");
	fixture_new(&f, SIZE, 512, 1);
	fixture_add_item(&f, 1, "2fa54224-cd1b-4876-b211-5dbed83bf4b8", 4, 6);
	put_fails(folder, &f, ERR_CORRUPT, "vhdx 'x.vhdx': metadata: virtual disk size with 4 bytes, expected 8 to 8");
	fixture_new(&f, SIZE, 512, 1);
	put_le32(fixture_item_entry(&f, 1) + VHDX_METADATA_AT_OFFSET, (1 << 20) - 4);
	put_le16(f.data + FIX_META + VHDX_METADATA_AT_COUNT, 5);
	put_fails(folder, &f, ERR_CORRUPT,
		  "vhdx 'x.vhdx': metadata: virtual disk size at 0xffffc with 8 bytes: expected behind the table in "
		  "a region of 0x100000");
	fixture_new(&f, SIZE, 512, 1);
	put_le16(f.data + FIX_META + VHDX_METADATA_AT_COUNT, 3);
	put_fails(folder, &f, ERR_CORRUPT, "vhdx 'x.vhdx': metadata: there is no physical sector size");
	fixture_new(&f, SIZE, 512, 1);
	put_le16(f.data + FIX_META + VHDX_METADATA_AT_COUNT, 5000);
	put_fails(folder, &f, ERR_CORRUPT,
		  "vhdx 'x.vhdx': metadata at 0x200000: expected the signature \"metadata\" and at most 2047 items, "
		  "found 5000");
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	put_le16(fixture_item(&f, 5) + FIX_LOCATOR_AT + VHDX_LOCATOR_AT_COUNT, 65535);
	put_fails(folder, &f, ERR_CORRUPT, "vhdx 'x.vhdx': parent locator: 65535 entries in an item of 0x1000 bytes");
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	put_le32(fixture_item(&f, 5) + FIX_LOCATOR_AT + VHDX_LOCATOR_FIRST, UINT32_MAX);
	put_fails(folder, &f, ERR_CORRUPT,
		  "vhdx 'x.vhdx': parent locator: a text of 28 bytes at 0xffffffff: the item has 0x1000 bytes");
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_item(&f, 5)[FIX_LOCATOR_AT] ^= 1;
	put_fails(folder, &f, ERR_UNSUPPORTED,
		  "vhdx 'x.vhdx': parent locator: type b04aefb6-d19e-4a81-b789-25b8e9445913 is not known");
}

static void test_hostile_table(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} cases[] = {
	    {VHDX_FULL | UINT64_C(6) << 20,
	     "vhdx 'x.vhdx': block table entry 2: block at 0x600000 with 0x100000 bytes: the file ends at 0x600000"},
	    {VHDX_FULL | ~UINT64_C(0xfffff),
	     "vhdx 'x.vhdx': block table entry 2: block at 0xfffffffffff00000 with 0x100000 bytes: the file ends at "
	     "0x600000"},
	    {VHDX_FULL,
	     "vhdx 'x.vhdx': block table entry 2: block at 0x0 lies on a region of the file or on another block"},
	    {VHDX_FULL | FIX_LOG,
	     "vhdx 'x.vhdx': block table entry 2: block at 0x100000 lies on a region of the file or on another block"},
	    {VHDX_FULL | FIX_BAT,
	     "vhdx 'x.vhdx': block table entry 2: block at 0x300000 lies on a region of the file or on another block"},
	    {VHDX_FULL | FIX_DATA,
	     "vhdx 'x.vhdx': block table entry 2: block at 0x400000 lies on a region of the file or on another block"},
	    {4, "vhdx 'x.vhdx': block table entry 2: state 4 is not known"},
	    {5, "vhdx 'x.vhdx': block table entry 2: state 5 is not known"},
	    {VHDX_PARTIAL | UINT64_C(5) << 20,
	     "vhdx 'x.vhdx': block table entry 2: partially present, but the disk has no parent"},
	};
	struct image_folder *folder = *state;
	unsigned char seeds[DISK_SECTORS];
	struct vhdx_fixture f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_new(&f, SIZE, 512, 1);
		fixture_block(&f, 0, 0, VHDX_FULL);
		f.len += FIX_BLOCK;
		fixture_entry(&f, 2, cases[i].value);
		put_fails(folder, &f, ERR_CORRUPT, cases[i].text);
	}
	put_base(folder, "base.vhdx", seeds);
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_parent_key(&f, "relative_path", "base.vhdx");
	fixture_block(&f, 1, 1, VHDX_PARTIAL);
	put_fails(folder, &f, ERR_CORRUPT,
		  "vhdx 'x.vhdx': block table entry 1: partially present, but its sector bitmap is not there");
	fixture_new(&f, SIZE, 512, 2);
	fixture_parent_key(&f, "parent_linkage", fixture_linkage(1));
	fixture_parent_key(&f, "relative_path", "base.vhdx");
	fixture_entry(&f, RATIO, VHDX_FULL | FIX_META);
	put_fails(folder, &f, ERR_CORRUPT,
		  "vhdx 'x.vhdx': block table entry 4096: block at 0x200000 lies on a region of the file or on "
		  "another block");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_block_states),
	    cmocka_unit_test(test_sectors_of_4096_bytes),
	    cmocka_unit_test(test_last_block_cut_with_the_disk),
	    cmocka_unit_test(test_differencing_chain_with_partial_blocks),
	    cmocka_unit_test(test_partial_block_in_the_second_chunk),
	    cmocka_unit_test(test_parent_errors),
	    cmocka_unit_test(test_log_replay),
	    cmocka_unit_test(test_log_with_the_table_and_a_longer_file),
	    cmocka_unit_test(test_log_with_zeros_to_the_limit),
	    cmocka_unit_test(test_unreadable_headers),
	    cmocka_unit_test(test_hostile_logs),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_hostile_regions),
	    cmocka_unit_test(test_hostile_values),
	    cmocka_unit_test(test_hostile_metadata),
	    cmocka_unit_test(test_hostile_table),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
