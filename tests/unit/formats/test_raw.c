/* Raw: reading with holes and odd lengths, and the sparse writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/base/checked.h"
#include "formats/create_options.h"
#include "formats/registry.h"
#include "tests/unit/formats/image_folder.h"

/* Opens as raw because we say so: nothing in the file speaks for it. */
static struct block *open_raw(struct image_folder *f, const char *name)
{
	struct block *b = NULL;

	f->log[0] = '\0';
	if (image_open(&f->folder, name, &format_raw, NULL, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

static void test_odd_length(void **state)
{
	struct image_folder *f = *state;
	char data[1000], back[1024];
	struct extent e;
	struct block *b;

	memset(data, 'a', sizeof data);
	put_file(f, "odd", data, sizeof data);
	b = open_raw(f, "odd");
	assert_int_equal(b->size, 1024);
	assert_string_equal(
	    f->log, "raw 'odd': 1000 bytes are no whole number of 512-byte sectors: zeros follow the last 488\n");
	assert_int_equal(block_pread(b, back, 1024, 0, &f->err), 0);
	assert_memory_equal(back, data, 1000);
	for (int i = 1000; i < 1024; i++)
		assert_int_equal(back[i], 0);
	assert_int_equal(block_pread(b, back, 10, 1010, &f->err), 0);
	assert_int_equal(back[0], 0);
	assert_int_equal(block_extent(b, 1000, 24, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, 24);
	block_close(b);
}

static void test_declared_raw_is_not_probed(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	char back[4];

	put_file(f, "fake", "QFI\xfb and more that looks like qcow2", 34);
	b = open_raw(f, "fake");
	assert_int_equal(block_pread(b, back, 4, 0, &f->err), 0);
	assert_memory_equal(back, "QFI\xfb", 4);
	assert_string_equal(b->ops->name, "raw");
	block_close(b);
}

static void test_sector_size_by_gpt(void **state)
{
	struct image_folder *f = *state;
	static char data[16384];
	struct block *b;

	memcpy(data + 4096, "EFI PART", 8);
	put_file(f, "gpt4k", data, sizeof data);
	b = open_ok(f, "gpt4k");
	assert_int_equal(b->logical_sector, 4096);
	assert_int_equal(b->physical_sector, 4096);
	block_close(b);
	memcpy(data + 512, "EFI PART", 8);
	put_file(f, "gpt512", data, sizeof data);
	b = open_ok(f, "gpt512");
	assert_int_equal(b->logical_sector, 512);
	block_close(b);
	memset(data, 0, sizeof data);
}

static void test_window_of_a_file(void **state)
{
	struct image_folder *f = *state;
	static char data[8192];
	struct block *b = NULL;
	char back[4];

	memcpy(data + 1536, "disk", 4);
	put_file(f, "a.ova", data, sizeof data);
	assert_int_equal(image_open_window(&f->folder, "a.ova", 1536, 1024, &format_raw, &b, &f->err), 0);
	assert_int_equal(b->size, 1024);
	assert_int_equal(block_pread(b, back, 4, 0, &f->err), 0);
	assert_memory_equal(back, "disk", 4);
	block_close(b);
	assert_int_equal(image_open_window(&f->folder, "a.ova", 512, 0, &format_raw, &b, &f->err), 0);
	assert_int_equal(b->size, 8192 - 512);
	block_close(b);
	assert_int_equal(image_open_window(&f->folder, "a.ova", 512, 8192, &format_raw, &b, &f->err), -1);
	assert_string_equal(f->err.text, "'a.ova': a part of 8192 bytes at 0x200: the file has 8192 bytes");
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_int_equal(image_open_window(&f->folder, "a.ova", 512, 512, NULL, &b, &f->err), -1);
	assert_non_null(strstr(f->err.text, "'a.ova' at 0x200: 'a.ova' is no disk image that we know: 512 bytes"));
}

static struct block *create(struct image_folder *f, const char *name, uint64_t size, bool resume)
{
	struct create_options options = {.resume = resume, .logical_sector = 4096};
	int fd = openat(f->folder.dirfd, name, O_RDWR | O_CREAT, 0644);
	struct block *b = NULL;

	assert_true(fd >= 0);
	if (format_raw.create(fd, name, size, &options, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

static void test_writer_is_sparse(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create(f, "new", 64 * MIB, false);
	char data[4096], back[4096];
	uint64_t bytes;
	struct stat st;

	memset(data, 7, sizeof data);
	assert_int_equal(b->logical_sector, 4096);
	assert_int_equal(block_pwrite(b, data, sizeof data, 32 * MIB, &f->err), 0);
	assert_int_equal(block_pwrite(b, data, sizeof data, 40 * MIB, &f->err), 0);
	assert_int_equal(block_zero(b, 0, 32 * MIB, &f->err), 0);
	assert_int_equal(block_zero(b, 40 * MIB, 24 * MIB, &f->err), 0);
	assert_int_equal(block_flush(b, &f->err), 0);
	assert_int_equal(block_pread(b, back, sizeof back, 40 * MIB, &f->err), 0);
	assert_int_equal(back[0], 0);
	assert_int_equal(block_pread(b, back, sizeof back, 32 * MIB, &f->err), 0);
	assert_memory_equal(back, data, sizeof data);
	assert_int_equal(block_allocated(b, &bytes, &f->err), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(block_finish(b, &f->err), 0);
	assert_int_equal(block_pwrite(b, data, sizeof data, 64 * MIB - 100, &f->err), -1);
	block_close(b);
	assert_int_equal(fstatat(f->folder.dirfd, "new", &st, 0), 0);
	assert_int_equal(st.st_size, 64 * MIB);
	assert_true(st.st_blocks <= 64);
}

static void test_resume_keeps_data(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create(f, "resumed", MIB, false);
	char back[4];

	assert_int_equal(block_pwrite(b, "kept", 4, 4096, &f->err), 0);
	block_close(b);
	b = create(f, "resumed", MIB, true);
	assert_int_equal(block_pread(b, back, 4, 4096, &f->err), 0);
	assert_memory_equal(back, "kept", 4);
	block_close(b);
}

static void test_writer_errors(void **state)
{
	struct image_folder *f = *state;
	struct create_options options = {.codec = 1};
	struct block *b = NULL;
	int fd = openat(f->folder.dirfd, "c", O_RDWR | O_CREAT, 0644);
	char data[512] = {1};

	assert_int_equal(format_raw.create(fd, "c", MIB, &options, &b, &f->err), -1);
	assert_string_equal(f->err.text, "raw 'c': raw images can't be compressed");
	close(fd);
	fd = openat(f->folder.dirfd, "c", O_RDONLY);
	options.codec = 0;
	assert_int_equal(format_raw.create(fd, "c", MIB, &options, &b, &f->err), -1);
	assert_string_equal(f->err.text, "cannot set 'c' to 1048576 bytes: Invalid argument");
	assert_int_equal(f->err.code, ERR_BLOCKED);
	close(fd);
	put_text(f, "short", "x");
	b = open_raw(f, "short");
	assert_int_equal(block_pwrite(b, data, 512, 0, &f->err), -1);
	assert_string_equal(f->err.text, "raw 'short': it is open for reading only");
	block_close(b);
}

/* Space is taken at once; with "full" zeros are data too, so a copy writes them. */
static void test_preallocation(void **state)
{
	static const struct {
		const char *text;
		uint64_t at_least, at_most;
		bool stale;
	} cases[] = {
	    {"preallocation=off", 0, 64 * KIB, false},
	    {"preallocation=falloc", 4 * MIB, 5 * MIB, false},
	    {"preallocation=full", 4 * MIB, 5 * MIB, true},
	};
	struct image_folder *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct create_options o = {0};
		struct block *b = NULL;
		char byte = 1;
		struct stat st;
		int fd = openat(f->folder.dirfd, cases[i].text, O_RDWR | O_CREAT, 0644);

		assert_int_equal(create_options_parse(&format_raw, cases[i].text, &o, &f->err), 0);
		assert_int_equal(format_raw.create(fd, "t", 4 * MIB, &o, &b, &f->err), 0);
		assert_int_equal(b->stale, cases[i].stale);
		assert_int_equal(block_zero(b, MIB, 2 * MIB, &f->err), 0);
		assert_int_equal(block_pread(b, &byte, 1, 2 * MIB, &f->err), 0);
		assert_int_equal(byte, 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true((uint64_t)st.st_blocks * 512 >= cases[i].at_least);
		assert_true((uint64_t)st.st_blocks * 512 <= cases[i].at_most);
		block_close(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_odd_length),	       cmocka_unit_test(test_declared_raw_is_not_probed),
	    cmocka_unit_test(test_sector_size_by_gpt), cmocka_unit_test(test_window_of_a_file),
	    cmocka_unit_test(test_writer_is_sparse),   cmocka_unit_test(test_resume_keeps_data),
	    cmocka_unit_test(test_writer_errors),      cmocka_unit_test(test_preallocation),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
