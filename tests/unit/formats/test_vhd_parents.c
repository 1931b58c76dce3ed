/* Reading VHD: differencing disks and their parents. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/formats/vhd_content.h"

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

/* Hyper-V's layout: each clone's disk has its parent's name, in another folder; and Windows doesn't care for case. */
static void test_parent_of_the_same_name(void **state)
{
	static struct vhd_fixture f;
	struct image_folder *folder = *state;
	unsigned seeds[SIZE / 512] = {0};
	struct allowing a;
	struct block *b;

	assert_true(mkdirat(folder->folder.dirfd, "base", 0755) == 0 || errno == EEXIST);
	put_base(folder, "base/Disk.VHD", seeds);
	fixture_sparse(&f, VHD_DIFFERENCING, SIZE, 2, 1);
	fixture_locator(&f, 0, "W2ku", "D:\\base\\disk.vhd");
	fixture_locator(&f, 1, "W2ru", "..\\base\\disk.vhd");
	fixture_put(&f, folder, "disk.vhd");
	open_fails(folder, "disk.vhd", ERR_CORRUPT,
		   "vhd 'disk.vhd': parent 'disk.vhd': 'disk.vhd': loop: this file is in the chain already");
	allowing_open(&a, folder);
	b = allowing_open_ok(&a, folder, "disk.vhd");
	content_is(b, seeds);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_differencing_by_sector_bitmap),
	    cmocka_unit_test(test_chain_of_three_and_a_shorter_parent),
	    cmocka_unit_test(test_parent_names),
	    cmocka_unit_test(test_parent_in_an_allowed_folder),
	    cmocka_unit_test(test_parent_of_the_same_name),
	    cmocka_unit_test(test_parent_errors),
	    cmocka_unit_test(test_chain_depth),
	    cmocka_unit_test(test_no_folder),
	    cmocka_unit_test(test_time_stamp_is_advisory),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
