/* The VHD writer: dynamic and fixed disks that our reader and qemu-img find equal, and the rules of their structures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "core/base/bytes.h"
#include "formats/vhd.h"
#include "formats/vhd_header.h"
#include "tests/unit/formats/writing.h"

static void test_round_trips(void **state)
{
	static const uint64_t sizes[] = {512, 2 * MIB - 512, 2 * MIB, 2 * MIB + 512, 21 * MIB + 512};
	struct image_folder *f = *state;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (unsigned fixed = 0; fixed < 2; fixed++) {
			put_random_disk(f, "raw", sizes[i], i + 1);
			write_image(f, &format_vhd, "x.vhd", fixed ? "subformat=fixed" : "subformat=dynamic", 512,
				    1 + i % 2 * 3);
			assert_written(f, "x.vhd", "vpc");
		}
}

/* The fields that nobody's reader checks, but Windows and Azure have always had so. */
static void check_footer(const unsigned char *p, uint64_t size, uint32_t type)
{
	assert_memory_equal(p, "conectix", 8);
	assert_int_equal(get_be32(p + VHD_AT_FEATURES), 2);
	assert_int_equal(get_be32(p + VHD_AT_VERSION), 0x10000);
	assert_true(get_be64(p + VHD_AT_DATA_OFFSET) == (type == VHD_FIXED ? UINT64_MAX : 512));
	assert_in_range(get_be32(p + VHD_AT_TIME), 1, time(NULL) - 946684800);
	assert_memory_equal(p + VHD_AT_CREATOR, "win ", 4);
	assert_memory_equal(p + VHD_AT_CREATOR_HOST, "Wi2k", 4);
	assert_int_equal(get_be64(p + VHD_AT_ORIGINAL_SIZE), size);
	assert_int_equal(get_be64(p + VHD_AT_CURRENT_SIZE), size);
	assert_int_equal(get_be32(p + VHD_AT_TYPE), type);
	assert_int_equal(get_be32(p + VHD_AT_CHECKSUM), vhd_checksum(p, VHD_FOOTER, VHD_AT_CHECKSUM));
	assert_int_equal(p[VHD_AT_SAVED], 0);
}

static void test_empty_dynamic_disk(void **state)
{
	struct image_folder *f = *state;
	unsigned char *p;
	uint64_t len;

	finish_image(f, create_image(f, &format_vhd, "x.vhd", "", 5 * MIB, 512));
	p = whole_file(f, "x.vhd", &len);
	assert_int_equal(len, 512 + 1024 + 512 + 512);
	check_footer(p, 5 * MIB, VHD_DYNAMIC);
	assert_memory_equal(p, p + len - 512, 512);
	assert_memory_equal(p + 512, "cxsparse", 8);
	assert_true(get_be64(p + 512 + VHD_AT_NEXT) == UINT64_MAX);
	assert_int_equal(get_be64(p + 512 + VHD_AT_TABLE), 1536);
	assert_int_equal(get_be32(p + 512 + VHD_AT_ENTRIES), 3);
	assert_int_equal(get_be32(p + 512 + VHD_AT_BLOCK_SIZE), 2 * MIB);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(get_be32(p + 1536 + i * 4), VHD_UNUSED);
	free(p);
}

static void test_fixed_disk(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vhd, "x.vhd", "subformat=fixed", 5 * MIB, 512);
	unsigned char *p;
	uint64_t len;

	put_bytes(f, b, 3 * MIB, 512, 7);
	finish_image(f, b);
	p = whole_file(f, "x.vhd", &len);
	assert_int_equal(len, 5 * MIB + 512);
	check_footer(p + 5 * MIB, 5 * MIB, VHD_FIXED);
	assert_int_not_equal(p[3 * MIB], 0);
	free(p);
}

/* Data at multiples of 4096, the bitmap right before; zeroing and rewriting what was written. */
static void test_blocks(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vhd, "x.vhd", "", 9 * MIB, 512);
	unsigned char *p, back[512];
	uint64_t len, at;

	put_bytes(f, b, 6 * MIB - 512, 1024, 1); /* blocks 2 and 3 */
	put_bytes(f, b, 512, 1024, 2);		 /* block 0 */
	assert_int_equal(block_zero(b, 1024, 4 * MIB, &f->err), 0);
	finish_image(f, b);
	p = whole_file(f, "x.vhd", &len);
	assert_int_equal(get_be32(p + 1536 + 4), VHD_UNUSED);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 1)
			continue;
		at = (uint64_t)get_be32(p + 1536 + i * 4) * 512;
		assert_int_equal((at + 512) % 4096, 0);
		assert_true(range_inside(at, 512 + 2 * MIB, len - 512));
		for (unsigned k = 0; k < 512; k++)
			assert_int_equal(p[at + k], 0xff);
	}
	free(p);
	b = open_ok(f, "x.vhd");
	assert_int_equal(block_pread(b, back, 512, 512, &f->err), 0);
	assert_int_not_equal(back[0], 0);
	assert_int_equal(block_pread(b, back, 512, 1024, &f->err), 0);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(back[i], 0);
	block_close(b);
}

/* "CHS Calculation"; 10 MiB is what Windows and VMware have for it, 34 MiB is where four heads of 17 sectors end. */
static void test_geometry(void **state)
{
	static const struct {
		uint64_t sectors;
		unsigned cylinders, heads, track;
	} cases[] = {
	    {20480, 301, 4, 17},
	    {1, 0, 4, 17},
	    {69631, 1023, 4, 17},
	    {69632, 140, 16, 31},
	    {2097152, 2080, 16, 63},
	    {83886080, 20560, 16, 255},
	    {UINT64_C(65535) * 16 * 255, 65535, 16, 255},
	    {UINT64_C(65535) * 16 * 255 + 1, 65535, 16, 255},
	    {VHD_WRITE_MAX / 512, 65535, 16, 255},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vhd_geometry g = vhd_geometry_of(cases[i].sectors);

		assert_int_equal(g.cylinders, cases[i].cylinders);
		assert_int_equal(g.heads, cases[i].heads);
		assert_int_equal(g.sectors, cases[i].track);
	}
}

/* 2040 GiB are the most; table and file offsets then still fit. */
static void test_largest(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	unsigned char back[512], want[512];
	uint64_t seed = 9;

	b = create_image(f, &format_vhd, "x.vhd", "", VHD_WRITE_MAX, 512);
	put_bytes(f, b, VHD_WRITE_MAX - 512, 512, 9);
	finish_image(f, b);
	b = open_ok(f, "x.vhd");
	test_fill(want, sizeof want, &seed);
	assert_int_equal(b->size, VHD_WRITE_MAX);
	assert_int_equal(block_pread(b, back, 512, VHD_WRITE_MAX - 512, &f->err), 0);
	assert_memory_equal(back, want, 512);
	block_close(b);
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-img", "info", path_of(f, "x.vhd"), NULL), 0);
	create_fails(f, &format_vhd, "", VHD_WRITE_MAX + 512, ERR_UNSUPPORTED,
		     "vhd 'x': a disk of 2190433321472 bytes: 2040 GiB is the most");
	create_fails(f, &format_vhd, "subformat=fixed", VHD_WRITE_MAX + 512, ERR_UNSUPPORTED,
		     "vhd 'x': a disk of 2190433321472 bytes: 2040 GiB is the most");
}

static void test_what_is_refused(void **state)
{
	struct image_folder *f = *state;
	struct create_options resume = {.resume = true}, codec = {.codec = 1};
	struct block *b = NULL;

	create_fails(f, &format_vhd, "subformat=streamOptimized", MIB, ERR_USAGE,
		     "vhd 'x': subformat: dynamic or fixed is expected");
	create_fails(f, &format_vhd, "", 0, ERR_UNSUPPORTED,
		     "vhd 'x': a disk of 0 bytes: whole sectors of 512 bytes are expected, at least one");
	create_fails(f, &format_vhd, "", 700, ERR_UNSUPPORTED,
		     "vhd 'x': a disk of 700 bytes: whole sectors of 512 bytes are expected, at least one");
	assert_int_equal(vhd_create(-1, "x", MIB, &resume, &b, &f->err), -1);
	assert_string_equal(f->err.text, "vhd 'x': a killed copy to this format can't be resumed");
	assert_int_equal(vhd_create(-1, "x", MIB, &codec, &b, &f->err), -1);
	assert_string_equal(f->err.text, "vhd 'x': a codec can't be chosen for this format");
}

/* Until finish() nobody takes the file for an image, whatever stood in it before; a 4 KiB disk comes with a warning. */
static void test_unfinished(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	char back[8];

	finish_image(f, create_image(f, &format_vhd, "x.vhd", "", 3 * MIB, 512));
	b = create_image(f, &format_vhd, "x.vhd", "", 3 * MIB, 4096);
	assert_string_equal(f->log,
			    "vhd 'x.vhd': the disk was made for sectors of 4096 bytes, the format has 512: a guest "
			    "won't find its partitions\n");
	put_bytes(f, b, 0, 4096, 1);
	assert_int_equal(block_flush(b, &f->err), 0);
	assert_int_equal(block_pread(b, back, 8, 0, &f->err), -1);
	assert_string_equal(f->err.text, "vhd 'x.vhd': read of 8 bytes at 0x0: it is being written");
	block_close(b);
	assert_int_equal(image_open(&f->folder, "x.vhd", &format_vhd, NULL, &b, &f->err), -1);
	assert_non_null(strstr(f->err.text, "there is no footer"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_round_trips),	TEST(test_empty_dynamic_disk), TEST(test_fixed_disk),
	    TEST(test_blocks),		TEST(test_geometry),	       TEST(test_largest),
	    TEST(test_what_is_refused), TEST(test_unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
