/* Reading VHD: what is wrong is refused before a byte is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/formats/vhd_content.h"

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
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_hostile_locators),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
