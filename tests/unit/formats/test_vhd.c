/* Reading VHD: fixed and dynamic disks, whose size, which footer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/formats/vhd_content.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixed_found_by_its_footer),
	    cmocka_unit_test(test_fixed_with_the_footer_of_old_virtual_pc),
	    cmocka_unit_test(test_dynamic),
	    cmocka_unit_test(test_dynamic_of_xenserver),
	    cmocka_unit_test(test_size_rule),
	    cmocka_unit_test(test_damaged_footer_and_its_copy),
	    cmocka_unit_test(test_bytes_behind_the_footer),
	    cmocka_unit_test(test_wrong_checksums_ignored),
	    cmocka_unit_test(test_truncated_disk_allowed),
	    cmocka_unit_test(test_saved_state_is_said),
	    cmocka_unit_test(test_no_footer),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
