/* Disks with random sparse content that qemu-img wrote as VMDK: read back in random pieces, and mapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/zeros.h"
#include "tests/unit/formats/image_folder.h"
#include "tests/unit/formats/qemu_img.h"

enum { DISK = 70 * 1000 * 1024 }; /* three grain tables, the last grain partial */

static uint64_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005 + 1442695040888963407;
	return *x >> 24;
}

/* 60 pieces of up to 200 KiB: text-like, random, or zeros that are stored. */
static unsigned char *make_disk(uint64_t seed)
{
	unsigned char *disk = calloc(1, DISK);

	for (int i = 0; i < 60; i++) {
		uint64_t len = next_random(&seed) % 200000, off = next_random(&seed) % (DISK - len);

		for (uint64_t k = 0; i % 3 && k < len; k++)
			disk[off + k] = (unsigned char)(i % 3 == 1 ? next_random(&seed) : (k / 7) % 60);
	}
	return disk;
}

struct mapped {
	const unsigned char *disk;
	uint64_t data;
};

/* What is no data must be zeros. */
static int check_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct mapped *m = opaque;

	if (e->kind == EXTENT_DATA)
		m->data += e->len;
	for (uint64_t i = 0; e->kind != EXTENT_DATA && i < e->len; i++)
		assert_int_equal(m->disk[e->off + i], 0);
	return 0;
}

static void check_disk(struct image_folder *f, const char *name, const unsigned char *disk)
{
	struct mapped m = {.disk = disk};
	unsigned char *got = malloc(4 * MIB);
	struct block *b = open_ok(f, name);
	uint64_t seed = 42;

	assert_int_equal(b->size, DISK);
	assert_int_equal(block_each_extent(b, 0, DISK, check_extent, &m, &f->err), 0);
	assert_in_range(m.data, 1, 14 * MIB);
	for (uint64_t off = 0; off < DISK; off += 4 * MIB) {
		size_t n = (size_t)min_u64(4 * MIB, DISK - off);

		assert_int_equal(block_pread(b, got, n, off, &f->err), 0);
		assert_memory_equal(got, disk + off, n);
	}
	for (int i = 0; i < 300; i++) {
		uint64_t off = next_random(&seed) % DISK;
		size_t n = (size_t)min_u64(1 + next_random(&seed) % 300000, DISK - off);

		assert_int_equal(block_pread(b, got, n, off, &f->err), 0);
		assert_memory_equal(got, disk + off, n);
	}
	block_close(b);
	free(got);
}

static void round_trip(struct image_folder *f, const char *subformat, uint64_t seed)
{
	unsigned char *disk;
	char raw[100], image[100], option[100];

	if (!have_qemu_img()) {
		print_message("SKIP: qemu-img is not installed\n");
		skip();
	}
	disk = make_disk(seed);
	snprintf(raw, sizeof raw, "%s/raw", f->path);
	snprintf(image, sizeof image, "%s/image.vmdk", f->path);
	snprintf(option, sizeof option, "subformat=%s", subformat);
	put_file(f, "raw", disk, DISK);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", option, raw, image, NULL),
			 0);
	check_disk(f, "image.vmdk", disk);
	free(disk);
}

/* Its tables stand at the start, so all grains are known, and those behind the end read as zeros. */
static void test_stream_that_was_cut(void **state)
{
	const struct open_options lenient = {.allow_truncated = true};
	unsigned char *disk = make_disk(7), *got = malloc(DISK);
	struct image_folder *f = *state;
	char raw[100], image[100];
	uint64_t same = 0, zeros = 0;
	struct stat st;
	struct block *b;

	if (!have_qemu_img())
		skip();
	snprintf(raw, sizeof raw, "%s/raw", f->path);
	snprintf(image, sizeof image, "%s/cut.vmdk", f->path);
	put_file(f, "raw", disk, DISK);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o",
				     "subformat=streamOptimized", raw, image, NULL),
			 0);
	assert_int_equal(stat(image, &st), 0);
	assert_int_equal(truncate(image, st.st_size * 2 / 3 + 100), 0);
	b = open_leniently(f, "cut.vmdk", &lenient);
	assert_int_equal(block_pread(b, got, DISK, 0, &f->err), 0);
	for (uint64_t at = 0, n; at < DISK; at += n) {
		n = min_u64(65536, DISK - at);
		if (memcmp(got + at, disk + at, n) == 0)
			same++;
		else if (all_zeros((char *)got + at, n))
			zeros++;
		else
			fail_msg("other bytes at 0x%" PRIx64, at);
	}
	assert_true(same > 100 && zeros > 10);
	assert_non_null(strstr(f->log, "'cut.vmdk' is cut off: it ends at 0x"));
	block_close(b);
	free(disk);
	free(got);
}

static void test_monolithic_sparse(void **state)
{
	round_trip(*state, "monolithicSparse", 1);
}

static void test_stream_optimized(void **state)
{
	round_trip(*state, "streamOptimized", 2);
}

static void test_split_sparse(void **state)
{
	round_trip(*state, "twoGbMaxExtentSparse", 3);
}

static void test_monolithic_flat(void **state)
{
	round_trip(*state, "monolithicFlat", 4);
}

static void test_split_flat(void **state)
{
	round_trip(*state, "twoGbMaxExtentFlat", 5);
}

/* A snapshot that qemu-img made, with qemu-io having written into it. */
static void test_snapshot(void **state)
{
	struct image_folder *f = *state;
	unsigned char *disk;
	char raw[100], base[100], top[100];

	if (!have_qemu_img()) {
		print_message("SKIP: qemu-img is not installed\n");
		skip();
	}
	disk = make_disk(6);
	snprintf(raw, sizeof raw, "%s/raw", f->path);
	snprintf(base, sizeof base, "%s/base.vmdk", f->path);
	snprintf(top, sizeof top, "%s/image.vmdk", f->path);
	put_file(f, "raw", disk, DISK);
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "vmdk", raw, base, NULL), 0);
	assert_int_equal(run_program("qemu-img", "create", "-f", "vmdk", "-F", "vmdk", "-b", base, top, NULL), 0);
	assert_int_equal(run_program("qemu-io", "-f", "vmdk", "-c", "write -P 77 100000 300000", top, NULL), 0);
	memset(disk + 100000, 77, 300000);
	check_disk(f, "image.vmdk", disk);
	free(disk);
}

/* More than one extent of 2 GiB. */
static void test_many_extents(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	char image[100], data[4096];
	uint64_t bytes;

	if (!have_qemu_img()) {
		print_message("SKIP: qemu-img is not installed\n");
		skip();
	}
	snprintf(image, sizeof image, "%s/many.vmdk", f->path);
	assert_int_equal(
	    run_program("qemu-img", "create", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", image, "9G", NULL),
	    0);
	/* Across the border of the first and the second, and in the last. */
	assert_int_equal(run_program("qemu-io", "-f", "vmdk", "-c", "write -P 9 2147479552 8192", "-c",
				     "write -P 8 9663672320 4096", image, NULL),
			 0);
	b = open_ok(f, "many.vmdk");
	assert_int_equal(b->size, 9 * GIB);
	assert_int_equal(block_pread(b, data, sizeof data, 2 * GIB - 2048, &f->err), 0);
	assert_int_equal(data[0], 9);
	assert_int_equal(data[4095], 9);
	assert_int_equal(block_pread(b, data, sizeof data, 9 * GIB - 4096, &f->err), 0);
	assert_int_equal(data[0], 8);
	assert_int_equal(data[4095], 8);
	assert_int_equal(block_allocated(b, &bytes, &f->err), 0);
	assert_int_equal(bytes, 3 * 65536);
	block_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_monolithic_sparse), cmocka_unit_test(test_stream_optimized),
	    cmocka_unit_test(test_split_sparse),      cmocka_unit_test(test_monolithic_flat),
	    cmocka_unit_test(test_split_flat),	      cmocka_unit_test(test_snapshot),
	    cmocka_unit_test(test_many_extents),      cmocka_unit_test(test_stream_that_was_cut),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
