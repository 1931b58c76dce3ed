/* Reading VHD: fixed, dynamic and differencing disks, whose size, which footer, which parent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "formats/registry.h"
#include "tests/unit/formats/vhd_fixture.h"

enum { SIZE = 5 * FIX_BLOCK + 1536 }; /* the sixth block is partial */

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
static void content_is(struct block *b, const unsigned *seed_of_sector)
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
static void fill_block(unsigned *seeds, unsigned block, uint16_t bitmap, unsigned seed)
{
	for (unsigned i = 0; i < 16 && block * 16 + i < SIZE / 512; i++)
		if (bitmap >> (15 - i) & 1)
			seeds[block * 16 + i] = seed;
}

/* Row 2 of the field study: qemu-img takes it for raw, and the footer becomes disk. */
static void test_fixed_found_by_its_footer(void **state)
{
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512];
	struct block *b;

	fixture_fixed(&f, SIZE, 1);
	fill_block(seeds, 0, 0xffff, 1);
	for (unsigned i = 0; i < SIZE / 512; i++)
		seeds[i] = 1;
	fixture_put(&f, *state, "x.vhd");
	b = open_ok(*state, "x.vhd");
	assert_string_equal(b->ops->name, "vhd");
	assert_int_equal(b->size, SIZE);
	content_is(b, seeds);
	block_close(b);
	/* The guest's partition table doesn't make it raw. */
	fixture_fixed(&f, SIZE, 1);
	memset(f.data + 446, 0, 64);
	f.data[446 + 4] = 0x83;
	put_le32(f.data + 446 + 8, 2);
	put_le32(f.data + 446 + 12, 5);
	put_le16(f.data + 510, 0xaa55);
	fixture_put(&f, *state, "mbr.vhd");
	b = open_ok(*state, "mbr.vhd");
	assert_string_equal(b->ops->name, "vhd");
	assert_int_equal(b->size, SIZE);
	block_close(b);
}

static void test_fixed_with_the_footer_of_old_virtual_pc(void **state)
{
	static struct vhd_fixture f;
	struct block *b;

	fixture_fixed(&f, SIZE, 1);
	fixture_put(&f, *state, "x.vhd");
	put_file(*state, "x.vhd", f.data, f.len + VHD_FOOTER_OLD);
	b = open_ok(*state, "x.vhd");
	assert_string_equal(b->ops->name, "vhd");
	assert_int_equal(b->size, SIZE);
	map_is(b, "0+83:1 ");
	block_close(b);
}

static void test_dynamic(void **state)
{
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	/* What a bitmap of a disk without a parent says doesn't matter: some writers leave it empty. */
	fixture_block(&f, 4, 0xffff);
	fixture_block(&f, 1, 0);
	fixture_block(&f, 5, 0xffff);
	fill_block(seeds, 4, 0xffff, 3);
	fill_block(seeds, 1, 0xffff, 3);
	fill_block(seeds, 5, 0xffff, 3);
	fixture_put(&f, *state, "x.vhd");
	b = open_ok(*state, "x.vhd");
	assert_int_equal(b->size, SIZE);
	assert_int_equal(b->unit, FIX_BLOCK);
	content_is(b, seeds);
	map_is(b, "0+16:3 16+16:1 32+32:3 64+19:1 ");
	block_close(b);
}

/* XenServer puts "tdbatmap" behind the header, and a larger table is no fault. */
static void test_dynamic_of_xenserver(void **state)
{
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	memcpy(f.data + 1536, "tdbatmap", 8);
	memcpy(f.footer + VHD_AT_CREATOR, "tap\0", 4);
	put_be32(f.data + FIX_HEADER + VHD_AT_ENTRIES, 500);
	fixture_block(&f, 0, 0xffff);
	fill_block(seeds, 0, 0xffff, 3);
	fixture_put(&f, *state, "x.vhd");
	b = open_ok(*state, "x.vhd");
	content_is(b, seeds);
	block_close(b);
}

/* The base of the chains below: blocks 0 to 3. */
static void put_base(struct image_folder *folder, const char *name, unsigned *seeds)
{
	static struct vhd_fixture f;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 1, 0);
	for (uint32_t i = 0; i < 4; i++) {
		fixture_block(&f, i, 0xffff);
		fill_block(seeds, i, 0xffff, 1);
	}
	fixture_put(&f, folder, name);
}

/* Row 1 of the field study: qemu-img ignores type, parent and bitmap, and calls that success. */
static void test_differencing_by_sector_bitmap(void **state)
{
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	put_base(*state, "base.vhd", seeds);
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
	fixture_locator(&f, 0, "W2ku", "D:\\machines\\base.vhd");
	fixture_locator(&f, 1, "W2ru", ".\\base.vhd");
	fixture_block(&f, 2, 0xa00f);
	fixture_block(&f, 4, 0x8001);
	fixture_block(&f, 5, 0x4000);
	fill_block(seeds, 2, 0xa00f, 2);
	fill_block(seeds, 4, 0x8001, 2);
	fill_block(seeds, 5, 0x4000, 2);
	fixture_put(&f, *state, "top.vhd");
	b = open_ok(*state, "top.vhd");
	content_is(b, seeds);
	map_is(b, "0+65:1 65+14:3 79+1:1 80+1:3 81+1:1 82+1:3 ");
	block_close(b);
}

static void test_chain_of_three_and_a_shorter_parent(void **state)
{
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	fixture_fixed(&f, 2 * FIX_BLOCK + 512, 1);
	for (unsigned i = 0; i <= 32; i++)
		seeds[i] = 1;
	fixture_put(&f, *state, "base.vhd");
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
	fixture_locator(&f, 0, "W2ru", "base.vhd");
	fixture_block(&f, 1, 0xff00);
	fill_block(seeds, 1, 0xff00, 2);
	fixture_put(&f, *state, "middle.vhd");
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 3, 2);
	fixture_locator(&f, 0, "W2ru", "middle.vhd");
	fixture_block(&f, 1, 0x0f0f);
	fill_block(seeds, 1, 0x0f0f, 3);
	fixture_put(&f, *state, "top.vhd");
	b = open_ok(*state, "top.vhd");
	content_is(b, seeds);
	map_is(b, "0+33:1 33+50:3 ");
	block_close(b);
}

/* Only names beside the image are looked for, whatever the hint says. */
static void test_parent_names(void **state)
{
	static const struct {
		const char *ru, *ku, *header;
	} hints[] = {
	    {".\\base.vhd", NULL, NULL},
	    {"sub\\base.vhd", NULL, NULL},
	    {"..\\elsewhere\\base.vhd", NULL, NULL},
	    {NULL, "C:\\a b\\base.vhd", NULL},
	    {NULL, "\\\\server\\share\\base.vhd", NULL},
	    {"gone.vhd", "C:\\base.vhd", NULL},
	    {NULL, NULL, "C:\\x\\base.vhd"},
	    {NULL, NULL, "base.vhd"},
	};
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};

	assert_int_equal(mkdirat(folder->folder.dirfd, "sub", 0755), 0);
	put_base(folder, "base.vhd", seeds);
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct block *b;

		fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
		if (hints[i].ru)
			fixture_locator(&f, 0, "W2ru", hints[i].ru);
		if (hints[i].ku)
			fixture_locator(&f, 1, "W2ku", hints[i].ku);
		if (hints[i].header)
			fixture_utf16(f.data + FIX_HEADER + VHD_AT_PARENT_NAME, hints[i].header, true);
		fixture_put(&f, folder, "top.vhd");
		b = open_ok(folder, "top.vhd");
		content_is(b, seeds);
		block_close(b);
	}
	assert_int_equal(unlinkat(folder->folder.dirfd, "sub", AT_REMOVEDIR), 0);
}

/* The last part of a path of another computer, in a folder that the user allows. */
static void test_parent_in_an_allowed_folder(void **state)
{
	static const char *const hints[] = {"..\\base\\gold.vhd", "D:\\gold\\gold.vhd", "\\\\server\\share\\gold.vhd"};
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};

	assert_int_equal(mkdirat(folder->folder.dirfd, "base", 0755), 0);
	put_base(folder, "base/gold.vhd", seeds);
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct allowing a;
		struct block *b;

		fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
		fixture_locator(&f, 1, "W2ku", hints[i]);
		fixture_put(&f, folder, "top.vhd");
		assert_int_equal(image_open(&folder->folder, "top.vhd", NULL, NULL, &b, &folder->err), -1);
		allowing_open(&a, folder);
		b = allowing_open_ok(&a, folder, "top.vhd");
		content_is(b, seeds);
		block_close(b);
	}
}

static void put_child(struct image_folder *folder, const char *name, unsigned seed, unsigned parent_seed,
		      const char *relative)
{
	static struct vhd_fixture f;

	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, seed, parent_seed);
	if (relative)
		fixture_locator(&f, 0, "W2ru", relative);
	fixture_put(&f, folder, name);
}

static void test_parent_errors(void **state)
{
	struct image_folder *folder = *state;
	unsigned seeds[SIZE / 512] = {0};

	put_child(folder, "x.vhd", 2, 1, ".\\gone.vhd");
	open_fails(folder, "x.vhd", ERR_UNREADABLE,
		   "vhd 'x.vhd': parent '.\\gone.vhd' is missing: there is no 'gone.vhd' beside the image");
	put_child(folder, "x.vhd", 2, 1, "..\\..\\etc\\shadow");
	open_fails(folder, "x.vhd", ERR_POLICY,
		   "vhd 'x.vhd': parent '..\\..\\etc\\shadow' leads outside the image's folder, no --allow-parent "
		   "allows it, and there is no "
		   "'shadow' beside the image");
	put_child(folder, "x.vhd", 2, 1, "/etc/passwd");
	open_fails(folder, "x.vhd", ERR_UNREADABLE,
		   "vhd 'x.vhd': parent '/etc/passwd' is missing: there is no 'passwd' beside the image");
	assert_int_equal(symlinkat("/etc/passwd", folder->folder.dirfd, "link.vhd"), 0);
	put_child(folder, "x.vhd", 2, 1, "link.vhd");
	open_fails(folder, "x.vhd", ERR_POLICY,
		   "vhd 'x.vhd': parent 'link.vhd': 'link.vhd' leads outside the image's folder");
	put_child(folder, "x.vhd", 2, 1, NULL);
	open_fails(folder, "x.vhd", ERR_CORRUPT, "vhd 'x.vhd': it is a differencing disk that names no parent");
	put_base(folder, "base.vhd", seeds);
	put_child(folder, "x.vhd", 2, 7, "base.vhd");
	open_fails(folder, "x.vhd", ERR_CORRUPT,
		   "vhd 'x.vhd': parent 'base.vhd': its UUID is 56565656-5656-5656-5656-565656565656, expected "
		   "5c5c5c5c-5c5c-5c5c-5c5c-5c5c5c5c5c5c: it is another disk");
	put_child(folder, "a.vhd", 2, 3, "b.vhd");
	put_child(folder, "b.vhd", 3, 2, "a.vhd");
	open_fails(folder, "a.vhd", ERR_CORRUPT,
		   "vhd 'a.vhd': parent 'b.vhd': vhd 'b.vhd': parent 'a.vhd': 'a.vhd': loop: this file is in the "
		   "chain already");
}

/* 64 images are read, the 65th is refused. */
static void test_chain_depth(void **state)
{
	struct image_folder *folder = *state;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b = NULL;
	char name[20], below[20];

	put_base(folder, "1.vhd", seeds);
	for (unsigned i = 2; i <= 65; i++) {
		snprintf(name, sizeof name, "%u.vhd", i);
		snprintf(below, sizeof below, "%u.vhd", i - 1);
		put_child(folder, name, i, i - 1, below);
	}
	b = open_ok(folder, "64.vhd");
	content_is(b, seeds);
	block_close(b);
	err_clear(&folder->err);
	assert_int_equal(image_open(&folder->folder, "65.vhd", NULL, NULL, &b, &folder->err), -1);
	assert_non_null(strstr(folder->err.text, "'1.vhd': the chain is longer than 64 images"));
}

/* An image inside an archive may name nothing. */
static void test_no_folder(void **state)
{
	struct image_folder *folder = *state;
	struct block *b = NULL;

	put_child(folder, "x.vhd", 2, 1, "base.vhd");
	assert_int_equal(image_open_window(&folder->folder, "x.vhd", 0, 0, NULL, &b, &folder->err), -1);
	assert_non_null(strstr(folder->err.text, "it is a differencing disk on 'base.vhd', but an image inside an "
						 "archive may name no file"));
	assert_int_equal(folder->err.code, ERR_POLICY);
}

static void test_time_stamp_is_advisory(void **state)
{
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};

	put_base(folder, "base.vhd", seeds);
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
	fixture_locator(&f, 0, "W2ru", "base.vhd");
	put_be32(f.data + FIX_HEADER + VHD_AT_PARENT_TIME, 1000); /* as in the parent's footer */
	fixture_put(&f, folder, "x.vhd");
	block_close(open_ok(folder, "x.vhd"));
	assert_string_equal(folder->log, "");
	put_be32(f.data + FIX_HEADER + VHD_AT_PARENT_TIME, 1001);
	fixture_put(&f, folder, "x.vhd");
	block_close(open_ok(folder, "x.vhd"));
	assert_string_equal(folder->log,
			    "vhd 'x.vhd': parent 'base.vhd' has another time stamp than was noted, though its UUID is "
			    "right: read on, but make sure that it was not changed since\n");
}

/* Whose size field is believed. */
static void test_size_rule(void **state)
{
	static const struct {
		const char *creator;
		uint64_t size, chs, room, want;
		const char *rule;
	} cases[] = {
	    {"win ", 10485760, 10479616, 10485760, 10485760, "its size field"},
	    {"vbox", 10485760, 10479616, 10485760, 10485760, "its size field"},
	    {"qem2", 10485760, 10479616, 10485760, 10485760, "its size field"},
	    {"vpc ", 10485760, 10479616, 10485760, 10479616, "its geometry, as this creator did"},
	    {"qemu", 10485760, 10479616, 10485760, 10479616, "its geometry, as this creator did"},
	    {"qemu", 4212736, 4212736, 4212736, 4212736, "its size field"},
	    {"vpc ", 10485760, 20000768, 10485760, 10485760, "its size field, since the geometry doesn't fit"},
	    {"vpc ", 10485760, 0, 10485760, 10485760, "its size field, since the geometry doesn't fit"},
	    {"qemu", UINT64_C(200) << 30, VHD_CHS_MAX, UINT64_C(200) << 30, UINT64_C(200) << 30,
	     "its size field, since the geometry is at its limit"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vhd_footer f = {.current_size = cases[i].size, .chs_size = cases[i].chs};
		const char *rule;

		memcpy(f.creator, cases[i].creator, 5);
		assert_int_equal(vhd_size(&f, cases[i].room, &rule), cases[i].want);
		assert_string_equal(rule, cases[i].rule);
	}
}

static void test_damaged_footer_and_its_copy(void **state)
{
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	fixture_block(&f, 0, 0xffff);
	fill_block(seeds, 0, 0xffff, 3);
	fixture_put(&f, folder, "x.vhd");
	f.data[f.len + 40] ^= 1;
	put_file(folder, "x.vhd", f.data, f.len + VHD_FOOTER);
	b = open_ok(folder, "x.vhd");
	content_is(b, seeds);
	assert_string_equal(folder->log,
			    "vhd 'x.vhd': the footer at the end is damaged or cut off: its copy at the start counts\n");
	block_close(b);
	/* Cut off behind the data. */
	put_file(folder, "x.vhd", f.data, f.len);
	b = open_ok(folder, "x.vhd");
	content_is(b, seeds);
	block_close(b);
	/* Both. */
	f.data[40] ^= 1;
	put_file(folder, "x.vhd", f.data, f.len + VHD_FOOTER);
	open_fails(folder, "x.vhd", ERR_CORRUPT,
		   "vhd 'x.vhd': footer at 0x4200: its checksum is 0xfffff418, computed is 0xfffff417, and there is no "
		   "good copy; --ignore-checksum goes on");
}

/* Exports of clouds append bytes; a text in the guest's data that reads like a footer is none. */
static void test_bytes_behind_the_footer(void **state)
{
	static const size_t behind[] = {1, 512, 4096, 20000};
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	static unsigned char file[SIZE + VHD_FOOTER + 20000];
	struct block *b;
	char log[200];

	for (size_t i = 0; i < 4; i++) {
		fixture_fixed(&f, SIZE, 1);
		memcpy(f.data + 1024, VHD_COOKIE, VHD_COOKIE_LEN);
		fixture_put(&f, folder, "x.vhd");
		memset(file, 0, sizeof file);
		memcpy(file, f.data, f.len + VHD_FOOTER);
		put_file(folder, "x.vhd", file, f.len + VHD_FOOTER + behind[i]);
		b = open_ok(folder, "x.vhd");
		assert_string_equal(b->ops->name, "vhd");
		assert_int_equal(b->size, SIZE);
		snprintf(log, sizeof log, "vhd 'x.vhd': %zu bytes follow its footer: they are left out\n", behind[i]);
		assert_string_equal(folder->log, log);
		block_close(b);
	}
}

static struct block *open_ignoring(struct image_folder *f, const char *name)
{
	return open_leniently(f, name, &(struct open_options){.ignore_checksum = true});
}

static void test_wrong_checksums_ignored(void **state)
{
	struct image_folder *folder = *state;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	fixture_block(&f, 0, 0xffff);
	fill_block(seeds, 0, 0xffff, 3);
	fixture_put(&f, folder, "x.vhd");
	f.data[VHD_FOOTER + VHD_AT_HEADER_CHECKSUM] ^= 1;
	put_file(folder, "x.vhd", f.data, f.len + VHD_FOOTER);
	assert_int_equal(image_open(&folder->folder, "x.vhd", NULL, NULL, &b, &folder->err), -1);
	assert_non_null(strstr(folder->err.text, "; --ignore-checksum goes on"));
	b = open_ignoring(folder, "x.vhd");
	content_is(b, seeds);
	assert_string_equal(folder->log,
			    "vhd 'x.vhd': the dynamic header at 0x200 has a wrong checksum: it is believed "
			    "all the same\n");
	block_close(b);
	/* And no good footer. */
	f.data[40] ^= 1;
	f.data[f.len + 40] ^= 1;
	put_file(folder, "x.vhd", f.data, f.len + VHD_FOOTER);
	b = open_ignoring(folder, "x.vhd");
	content_is(b, seeds);
	assert_non_null(
	    strstr(folder->log, "the footer at 0x4200 has a wrong checksum: it is believed all the same\n"));
	block_close(b);
}

/* A dynamic disk that lost its end: what is left is read when the user says so. */
static void test_truncated_disk_allowed(void **state)
{
	const struct open_options options = {.allow_truncated = true};
	struct image_folder *folder = *state;
	struct folder lenient = folder->folder;
	static struct vhd_fixture f;
	unsigned seeds[SIZE / 512] = {0};
	struct block *b = NULL;

	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	fixture_block(&f, 0, 0xffff);
	fixture_block(&f, 1, 0xffff);
	fill_block(seeds, 0, 0xffff, 3);
	fixture_put(&f, folder, "x.vhd");
	put_file(folder, "x.vhd", f.data, f.len - FIX_BLOCK);
	assert_int_equal(image_open(&folder->folder, "x.vhd", NULL, NULL, &b, &folder->err), -1);
	assert_int_equal(folder->err.code, ERR_CORRUPT);
	lenient.options = &options;
	assert_int_equal(image_open(&lenient, "x.vhd", NULL, NULL, &b, &folder->err), 0);
	content_is(b, seeds);
	block_close(b);
}

static void test_saved_state_is_said(void **state)
{
	struct image_folder *folder = *state;
	static struct vhd_fixture f;

	fixture_fixed(&f, SIZE, 1);
	f.footer[VHD_AT_SAVED] = 1;
	fixture_put(&f, folder, "x.vhd");
	block_close(open_ok(folder, "x.vhd"));
	assert_string_equal(folder->log,
			    "vhd 'x.vhd': it belongs to a saved machine: what was in its memory is not on the disk\n");
}

static void test_no_footer(void **state)
{
	struct image_folder *folder = *state;
	struct block *b = NULL;

	put_file(folder, "x", "just text", 9);
	assert_int_equal(image_open(&folder->folder, "x", &format_vhd, NULL, &b, &folder->err), -1);
	assert_string_equal(folder->err.text,
			    "vhd 'x': there is no footer (\"conectix\") in the last 512 bytes of 9, nor a copy at the "
			    "start");
}

static void set32(struct vhd_fixture *f, size_t at, uint64_t v)
{
	put_be32(f->data + at, (uint32_t)v);
}

static void set64(struct vhd_fixture *f, size_t at, uint64_t v)
{
	put_be64(f->data + at, v);
}

static void set_footer32(struct vhd_fixture *f, size_t at, uint64_t v)
{
	put_be32(f->footer + at, (uint32_t)v);
}

static void set_footer64(struct vhd_fixture *f, size_t at, uint64_t v)
{
	put_be64(f->footer + at, v);
}

/* One number wrong at a time, in a dynamic disk with two blocks; each is refused before a byte is read. */
static void test_hostile(void **state)
{
	static const struct {
		void (*set)(struct vhd_fixture *f, size_t at, uint64_t v);
		size_t at;
		uint64_t value;
		const char *text;
	} cases[] = {
	    {set_footer32, VHD_AT_TYPE, 5,
	     "vhd 'x.vhd': footer at 0x6400: disk type 5, expected 2 (fixed), 3 (dynamic) or 4 (differencing)"},
	    {set_footer64, VHD_AT_CURRENT_SIZE, 1000,
	     "vhd 'x.vhd': footer at 0x6400: the disk has 1000 bytes, expected whole sectors of 512 bytes, at least "
	     "one, at most 64 TiB"},
	    {set_footer64, VHD_AT_CURRENT_SIZE, UINT64_C(1) << 60,
	     "vhd 'x.vhd': footer at 0x6400: the disk has 1152921504606846976 bytes, expected whole sectors of 512 "
	     "bytes, at least one, at most 64 TiB"},
	    {set_footer64, VHD_AT_CURRENT_SIZE, UINT64_C(1) << 40,
	     "vhd 'x.vhd': a disk of 1099511627776 bytes, but the block table has 6 blocks of 8192 bytes"},
	    {set_footer64, VHD_AT_DATA_OFFSET, UINT64_MAX - 511,
	     "vhd 'x.vhd': dynamic header at 0xfffffffffffffe00: the file ends at 0x6600"},
	    {set_footer64, VHD_AT_DATA_OFFSET, 1024,
	     "vhd 'x.vhd': dynamic header at 0x400: it doesn't begin with \"cxsparse\""},
	    {set32, FIX_HEADER + VHD_AT_BLOCK_SIZE, 0,
	     "vhd 'x.vhd': dynamic header at 0x200: blocks of 0 bytes, expected a power of two from 4096 bytes to 256 "
	     "MiB"},
	    {set32, FIX_HEADER + VHD_AT_BLOCK_SIZE, 12288,
	     "vhd 'x.vhd': dynamic header at 0x200: blocks of 12288 bytes, expected a power of two from 4096 bytes to "
	     "256 MiB"},
	    {set32, FIX_HEADER + VHD_AT_BLOCK_SIZE, UINT32_C(1) << 31,
	     "vhd 'x.vhd': dynamic header at 0x200: blocks of 2147483648 bytes, expected a power of two from 4096 "
	     "bytes "
	     "to 256 MiB"},
	    {set32, FIX_HEADER + VHD_AT_ENTRIES, UINT32_MAX,
	     "vhd 'x.vhd': dynamic header at 0x200: a table of 4294967295 blocks, the limit is 4194304"},
	    {set32, FIX_HEADER + VHD_AT_ENTRIES, 100000,
	     "vhd 'x.vhd': block table at 0x1800 with 100000 entries: the file ends at 0x6600"},
	    {set64, FIX_HEADER + VHD_AT_TABLE, UINT64_MAX,
	     "vhd 'x.vhd': block table at 0xffffffffffffffff with 6 entries: the file ends at 0x6600"},
	    {set32, FIX_TABLE + 8, 0x7fffffff,
	     "vhd 'x.vhd': block table entry 2: block at 0xfffffffe00 with 0x2200 bytes: the file's data ends at "
	     "0x6400"},
	    {set32, FIX_TABLE + 8, 0x23,
	     "vhd 'x.vhd': block table entry 2: block at 0x4600 with 0x2200 bytes: the file's data ends at 0x6400"},
	    {set32, FIX_TABLE + 8, 0,
	     "vhd 'x.vhd': block table entry 2: block at 0x0 lies on the headers or on the block table"},
	    {set32, FIX_TABLE + 8, 2,
	     "vhd 'x.vhd': block table entry 2: block at 0x400 lies on the headers or on the block table"},
	    {set32, FIX_TABLE + 8, 12,
	     "vhd 'x.vhd': block table entry 2: block at 0x1800 lies on the headers or on the block table"},
	    {set32, FIX_TABLE + 8, 16,
	     "vhd 'x.vhd': two blocks share a place in the file: they begin at 0x2000 and 0x2000"},
	    {set32, FIX_TABLE + 8, 32,
	     "vhd 'x.vhd': two blocks share a place in the file: they begin at 0x2000 and 0x4000"},
	};
	struct image_folder *folder = *state;
	static struct vhd_fixture f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
		fixture_block(&f, 0, 0xffff);
		fixture_block(&f, 1, 0xffff);
		cases[i].set(&f, cases[i].at, cases[i].value);
		fixture_put(&f, folder, "x.vhd");
		open_fails(folder, "x.vhd", i ? ERR_CORRUPT : ERR_UNSUPPORTED, cases[i].text);
	}
	fixture_sparse(&f, VHD_DYNAMIC, SIZE, 3, 0);
	fixture_put(&f, folder, "x.vhd");
	f.data[FIX_HEADER + 30] ^= 1;
	put_file(folder, "x.vhd", f.data, f.len + VHD_FOOTER);
	open_fails(folder, "x.vhd", ERR_CORRUPT,
		   "vhd 'x.vhd': dynamic header at 0x200: its checksum is 0xfffff45f, computed is 0xfffff45e; "
		   "--ignore-checksum goes on");
	fixture_fixed(&f, SIZE, 1);
	put_be64(f.footer + VHD_AT_CURRENT_SIZE, SIZE + 512);
	fixture_put(&f, folder, "x.vhd");
	open_fails(folder, "x.vhd", ERR_CORRUPT,
		   "vhd 'x.vhd': a fixed disk of 43008 bytes in a file with 42496 bytes before its footer");
}

static void test_hostile_locators(void **state)
{
	struct image_folder *folder = *state;
	static struct vhd_fixture f;

	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 3, 1);
	fixture_locator(&f, 0, "W2ru", "base.vhd");
	put_be32(f.data + FIX_HEADER + VHD_AT_LOCATORS + VHD_LOCATOR_AT_LENGTH, 1 << 30);
	fixture_put(&f, folder, "x.vhd");
	open_fails(folder, "x.vhd", ERR_CORRUPT,
		   "vhd 'x.vhd': parent locator W2ru: 1073741824 bytes at 0x800, expected at most 4096 inside the file "
		   "of 0x2200");
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 3, 1);
	fixture_locator(&f, 0, "W2ku", "base\nvhd");
	fixture_put(&f, folder, "x.vhd");
	open_fails(folder, "x.vhd", ERR_CORRUPT, "vhd 'x.vhd': parent locator W2ku: its path is no UTF-16 text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixed_found_by_its_footer),
	    cmocka_unit_test(test_fixed_with_the_footer_of_old_virtual_pc),
	    cmocka_unit_test(test_dynamic),
	    cmocka_unit_test(test_dynamic_of_xenserver),
	    cmocka_unit_test(test_differencing_by_sector_bitmap),
	    cmocka_unit_test(test_chain_of_three_and_a_shorter_parent),
	    cmocka_unit_test(test_parent_names),
	    cmocka_unit_test(test_parent_in_an_allowed_folder),
	    cmocka_unit_test(test_parent_errors),
	    cmocka_unit_test(test_chain_depth),
	    cmocka_unit_test(test_no_folder),
	    cmocka_unit_test(test_time_stamp_is_advisory),
	    cmocka_unit_test(test_size_rule),
	    cmocka_unit_test(test_damaged_footer_and_its_copy),
	    cmocka_unit_test(test_bytes_behind_the_footer),
	    cmocka_unit_test(test_wrong_checksums_ignored),
	    cmocka_unit_test(test_truncated_disk_allowed),
	    cmocka_unit_test(test_saved_state_is_said),
	    cmocka_unit_test(test_no_footer),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_hostile_locators),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
