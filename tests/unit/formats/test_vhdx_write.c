/* The VHDX writer: disks that our reader and qemu-img find clean and equal, and the rules of [MS-VHDX]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "core/base/bytes.h"
#include "formats/vhdx_header.h"
#include "tests/unit/formats/writing.h"

static void assert_clean(struct image_folder *f, const char *name)
{
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-img", "check", "-q", "-f", "vhdx", path_of(f, name), NULL), 0);
}

static void test_round_trips(void **state)
{
	static const uint64_t sizes[] = {512, 2 * MIB - 512, 2 * MIB, 2 * MIB + 512, 21 * MIB + 512};
	static const char *const options[] = {"", "block_size=1M", "block_size=256M", "subformat=fixed",
					      "subformat=fixed,block_size=16M"};
	struct image_folder *f = *state;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
			put_random_disk(f, "raw", sizes[i], i + 1);
			write_image(f, &format_vhdx, "x.vhdx", options[k], 512, 1 + k % 2 * 3);
			assert_written(f, "x.vhdx", "vhdx");
			assert_clean(f, "x.vhdx");
		}
}

static void test_sectors_of_4096(void **state)
{
	struct image_folder *f = *state;
	struct block *b;

	put_random_disk(f, "raw", 21 * MIB, 3);
	write_image(f, &format_vhdx, "x.vhdx", "", 4096, 2);
	assert_written(f, "x.vhdx", NULL);
	b = open_ok(f, "x.vhdx");
	assert_int_equal(b->logical_sector, 4096);
	block_close(b);
}

/* Both copies of everything, the checksums, the alignment. */
static void test_structures(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vhdx, "x.vhdx", "block_size=4M", 9 * MIB, 512);
	unsigned char *p;
	uint64_t len, entry;

	put_bytes(f, b, 5 * MIB, 512, 1);
	finish_image(f, b);
	p = whole_file(f, "x.vhdx", &len);
	assert_int_equal(len, 8 * MIB);
	assert_memory_equal(p, "vhdxfile", 8);
	assert_memory_equal(p + 8, "r\0e\0h\0o\0s\0t\0 \0", 14);
	for (unsigned i = 0; i < 2; i++) {
		const unsigned char *h = p + (i ? VHDX_HEADER_2 : VHDX_HEADER_1);

		assert_int_equal(get_le32(h + 4), vhdx_checksum(h, VHDX_HEADER));
		assert_int_equal(get_le64(h + VHDX_HEADER_AT_SEQUENCE), i + 1);
		assert_int_equal(h[VHDX_HEADER_AT_DATA_WRITE + 7] >> 4, 4); /* a random GUID */
		assert_int_equal(get_le64(h + VHDX_HEADER_AT_LOG_GUID), 0);
		assert_int_equal(get_le16(h + VHDX_HEADER_AT_VERSION), 1);
		assert_int_equal(get_le32(h + VHDX_HEADER_AT_LOG_LENGTH), MIB);
		assert_int_equal(get_le64(h + VHDX_HEADER_AT_LOG_OFFSET), MIB);
	}
	assert_memory_equal(p + VHDX_REGIONS_1, p + VHDX_REGIONS_2, VHDX_REGIONS);
	assert_int_equal(get_le32(p + VHDX_REGIONS_1 + 4), vhdx_checksum(p + VHDX_REGIONS_1, VHDX_REGIONS));
	assert_int_equal(get_le64(p + 3 * MIB), 0);
	entry = get_le64(p + 3 * MIB + 8);
	assert_int_equal(entry, 4 * MIB | VHDX_FULL);
	assert_int_equal(get_le64(p + 3 * MIB + 16), 0);
	free(p);
}

static uint64_t entry_at(struct image_folder *f, const char *name, uint64_t index)
{
	AUTO_FD int fd = openat(f->folder.dirfd, name, O_RDONLY);
	unsigned char entry[8];

	assert_int_equal(file_pread(fd, entry, sizeof entry, 3 * MIB + index * 8, &f->err), 0);
	return get_le64(entry);
}

static void assert_qemu_reads(struct image_folder *f, const char *name, uint64_t off, unsigned pattern)
{
	char command[64];

	snprintf(command, sizeof command, "read -P %u %" PRIu64 " 4096", pattern, off);
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-io", "-r", "-f", "vhdx", "-c", command, path_of(f, name), NULL), 0);
}

/* After 4 GiB of disk (2^23 sectors) the table has an entry for a sector bitmap: all later ones are one further. */
static void test_chunks(void **state)
{
	static const uint64_t places[] = {4 * GIB - 4096, 4 * GIB, 4 * GIB + 28 * MIB, 9 * GIB - 4096};
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vhdx, "x.vhdx", "", 9 * GIB, 512);
	unsigned char data[4096], back[4096];

	for (unsigned i = 0; i < 4; i++) {
		memset(data, (int)i + 1, sizeof data);
		assert_int_equal(block_pwrite(b, data, sizeof data, places[i], &f->err), 0);
	}
	finish_image(f, b);
	assert_clean(f, "x.vhdx");
	b = open_ok(f, "x.vhdx");
	for (unsigned i = 0; i < 4; i++) {
		memset(data, (int)i + 1, sizeof data);
		assert_int_equal(block_pread(b, back, sizeof back, places[i], &f->err), 0);
		assert_memory_equal(data, back, sizeof data);
		assert_qemu_reads(f, "x.vhdx", places[i], i + 1);
	}
	block_close(b);
	assert_int_equal(entry_at(f, "x.vhdx", 2047) & 7, VHDX_FULL);
	assert_int_equal(entry_at(f, "x.vhdx", 2048), 0);
	assert_int_equal(entry_at(f, "x.vhdx", 2049) & 7, VHDX_FULL);
}

static void test_largest(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	unsigned char back[512], want[512];
	uint64_t seed = 9;
	struct stat st;

	b = create_image(f, &format_vhdx, "x.vhdx", "", VHDX_DISK_MAX, 512);
	put_bytes(f, b, VHDX_DISK_MAX - 512, 512, 9);
	finish_image(f, b);
	b = open_ok(f, "x.vhdx");
	test_fill(want, sizeof want, &seed);
	assert_int_equal(b->size, VHDX_DISK_MAX);
	assert_int_equal(b->unit, 32 * MIB);
	assert_int_equal(block_pread(b, back, 512, VHDX_DISK_MAX - 512, &f->err), 0);
	assert_memory_equal(back, want, 512);
	block_close(b);
	assert_int_equal(fstatat(f->folder.dirfd, "x.vhdx", &st, 0), 0);
	assert_true(st.st_blocks * 512 < (int64_t)MIB); /* of 16 MiB of table only what is used */
	assert_clean(f, "x.vhdx");
	create_fails(f, &format_vhdx, "", VHDX_DISK_MAX + 512, ERR_UNSUPPORTED,
		     "vhdx 'x': a disk of 70368744178176 bytes: 64 TiB is the most");
}

static void test_what_is_refused(void **state)
{
	struct image_folder *f = *state;
	struct block *b = NULL;

	create_fails(f, &format_vhdx, "subformat=streamOptimized", MIB, ERR_USAGE,
		     "vhdx 'x': subformat: dynamic or fixed is expected");
	create_fails(f, &format_vhdx, "block_size=512k", MIB, ERR_USAGE,
		     "vhdx 'x': block_size: 524288 bytes: a power of two from 1 to 256 MiB is expected");
	create_fails(f, &format_vhdx, "block_size=3M", MIB, ERR_USAGE,
		     "vhdx 'x': block_size: 3145728 bytes: a power of two from 1 to 256 MiB is expected");
	create_fails(f, &format_vhdx, "block_size=512M", MIB, ERR_USAGE,
		     "vhdx 'x': block_size: 536870912 bytes: a power of two from 1 to 256 MiB is expected");
	assert_int_equal(try_create(f, &format_vhdx, "x", "", MIB + 512, 4096, &b), -1);
	assert_string_equal(f->err.text, "vhdx 'x': a disk of 1049088 bytes: whole sectors of 4096 bytes are expected, "
					 "at least one");
	assert_int_equal(try_create(f, &format_vhdx, "x", "", MIB, 1024, &b), -1);
	assert_string_equal(f->err.text, "vhdx 'x': sectors of 1024 bytes: 512 or 4096 are expected");
}

static void test_zero_and_unfinished(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vhdx, "x.vhdx", "", 9 * MIB, 512);
	unsigned char back[512];

	put_bytes(f, b, 2 * MIB - 512, 1024, 1);
	assert_int_equal(block_zero(b, 2 * MIB, 7 * MIB, &f->err), 0);
	assert_int_equal(block_flush(b, &f->err), 0);
	assert_int_equal(image_open(&f->folder, "x.vhdx", NULL, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	finish_image(f, b);
	b = open_ok(f, "x.vhdx");
	assert_int_equal(block_pread(b, back, 512, 2 * MIB - 512, &f->err), 0);
	assert_int_not_equal(back[0], 0);
	assert_int_equal(block_pread(b, back, 512, 2 * MIB, &f->err), 0);
	assert_int_equal(back[0], 0);
	block_close(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_round_trips), TEST(test_sectors_of_4096), TEST(test_structures),		TEST(test_chunks),
	    TEST(test_largest),	    TEST(test_what_is_refused), TEST(test_zero_and_unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
