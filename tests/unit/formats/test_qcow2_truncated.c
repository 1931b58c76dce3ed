/* --allow-truncated with qcow2: what the file lacks reads as zeros, what it has is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/compress.h"
#include "tests/unit/formats/image_folder.h"
#include "tests/unit/formats/qcow2_fixture.h"

enum { CLUSTER = 64 << 10, PACKED_AT = FILE_END, SECOND_L2 = 16 << 20 };

static const struct open_options lenient = {.allow_truncated = true};

static size_t pack(unsigned char fill, unsigned char *to)
{
	struct encoder *e = encoder_new(CODEC_DEFLATE, 1);
	unsigned char *data = malloc(CLUSTER);
	size_t n;

	for (size_t i = 0; i < CLUSTER; i++)
		data[i] = (unsigned char)(fill + i % 7 * (i % 251));
	n = encoder_run(e, data, CLUSTER, to, CLUSTER);
	assert_in_range(n, 512, CLUSTER);
	free(data);
	encoder_free(e);
	return n;
}

/* Clusters: 0 plain, 1 packed, 2 packed and cut in its middle, 3 packed and 4 plain behind the end; so is the table of
 * the second half of the disk. Returns the file's length. */
static size_t put_cut_image(struct image_folder *f)
{
	unsigned char *image = realloc(make_image(0), 1 << 20), *l2 = image + L2_AT;
	size_t first, second, len;

	memset(image + DATA_AT, 'a', CLUSTER);
	first = pack(1, image + PACKED_AT);
	second = pack(2, image + PACKED_AT + first);
	put_be64(image + QCOW2_H_SIZE, GIB);
	put_be32(image + QCOW2_H_L1_SIZE, 2);
	put_be64(image + L1_AT + 8, SECOND_L2 | QCOW2_COPIED);
	put_be64(l2, DATA_AT | QCOW2_COPIED);
	put_be64(l2 + 8, qcow2_compressed_entry(16, PACKED_AT, first));
	put_be64(l2 + 16, qcow2_compressed_entry(16, PACKED_AT + first, second));
	put_be64(l2 + 24, qcow2_compressed_entry(16, PACKED_AT + first + second, 3000));
	put_be64(l2 + 32, (4 * MIB) | QCOW2_COPIED);
	len = PACKED_AT + first + second / 2;
	put_file(f, "cut", image, len);
	free(image);
	return len;
}

static void assert_filled(struct block *b, uint64_t off, bool zeros)
{
	unsigned char data[CLUSTER];
	struct err err = ERR_INIT;
	size_t i = 0;

	if (block_pread(b, data, sizeof data, off, &err) < 0)
		fail_msg("%s", err.text);
	while (i < sizeof data && !data[i])
		i++;
	assert_int_equal(i == sizeof data, zeros);
}

static void test_what_is_there_is_read(void **state)
{
	struct image_folder *f = *state;
	size_t len = put_cut_image(f);
	struct block *b = open_leniently(f, "cut", &lenient);
	uint64_t allocated;
	char told[200];

	assert_filled(b, 0, false);
	assert_filled(b, CLUSTER, false);
	for (unsigned i = 2; i < 5; i++)
		assert_filled(b, (uint64_t)i * CLUSTER, true);
	assert_filled(b, GIB - CLUSTER, true);
	assert_int_equal(block_allocated(b, &allocated, &f->err), 0);
	assert_int_equal(allocated, 3 * CLUSTER);
	snprintf(told, sizeof told,
		 "'cut' is cut off: it ends at 0x%zx, what it should have behind that reads as zeros\n", len);
	assert_string_equal(f->log, told);
	block_close(b);
}

/* In one read, where clusters of a run are inflated together. */
static void test_the_same_in_one_read(void **state)
{
	struct image_folder *f = *state;
	unsigned char *data = malloc(MIB);
	struct block *b;

	put_cut_image(f);
	b = open_leniently(f, "cut", &lenient);
	memset(data, 'x', MIB);
	assert_int_equal(block_pread(b, data, MIB, 0, &f->err), 0);
	assert_int_equal(data[0], 'a');
	assert_int_equal(data[CLUSTER], 1);
	for (size_t i = 2 * CLUSTER; i < MIB; i++)
		assert_int_equal(data[i], 0);
	block_close(b);
	free(data);
}

static void test_without_the_word_it_is_an_error(void **state)
{
	struct image_folder *f = *state;
	unsigned char data[512];
	struct block *b;

	put_cut_image(f);
	b = open_ok(f, "cut");
	assert_int_equal(block_pread(b, data, sizeof data, 4 * CLUSTER, &f->err), -1);
	assert_non_null(strstr(f->err.text, "L2 table 0 entry 4: cluster at 0x400000: the file ends at"));
	assert_int_equal(block_pread(b, data, sizeof data, GIB - 512, &f->err), -1);
	assert_non_null(strstr(f->err.text, "L1 entry 1: L2 table at 0x1000000"));
	assert_string_equal(f->log, "");
	block_close(b);
}

/* Damage inside the file stays damage, and an L1 table must be there. */
static void test_what_stays_an_error(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_image(0), data[512];
	struct block *b;

	put_be64(image + L2_AT, qcow2_compressed_entry(16, DATA_AT + 100, 3000));
	memset(image + DATA_AT, 0xaa, CLUSTER);
	put_file(f, "damaged", image, FILE_END);
	b = open_leniently(f, "damaged", &lenient);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &f->err), -1);
	assert_non_null(strstr(f->err.text, "deflate data is damaged"));
	block_close(b);
	put_file(f, "short", image, L1_AT);
	f->folder.options = &lenient;
	open_fails(f, "short", ERR_CORRUPT,
		   "qcow2 'short': header: L1 table of 8 bytes at 0x10000: the file ends at 0x10000");
	f->folder.options = NULL;
	free(image);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_is_there_is_read, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_the_same_in_one_read, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_without_the_word_it_is_an_error, image_folder_setup,
					    image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_what_stays_an_error, image_folder_setup, image_folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
