/* Tests of core/base/archive.c: every stream of the kernel's, ours read by the usual tools and theirs by us. */
#include "core/base/archive.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"

enum { SAMPLE = 9 << 20 /* more than one block of legacy lz4 */ };

struct fixture {
	char dir[64];
	int dirfd;
	char *sample;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	uint32_t x = 1;

	strcpy(f->dir, "/tmp/rehost-archive-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->dirfd = open(f->dir, O_DIRECTORY | O_CLOEXEC);
	f->sample = malloc(SAMPLE);
	for (int i = 0; i < SAMPLE; i++) {
		x = x * 1664525 + 1013904223;
		f->sample[i] = (char)(i % 4096 < 256 ? x >> 24 : (uint32_t)i >> 12);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int ret = file_remove_tree(AT_FDCWD, f->dir, NULL);

	close(f->dirfd);
	free(f->sample);
	free(f);
	return ret;
}

/* Runs a shell line in the fixture's folder; skips the test when the tool is missing. */
static void tool(struct fixture *f, const char *line)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	char script[256];
	int status;

	snprintf(script, sizeof script, "cd %s && %s", f->dir, line);
	status = child_run((const char *[]){"sh", "-c", script, NULL}, &out, NULL);
	if (status == 127) {
		print_message("SKIP: no tool for: %s\n", line);
		skip();
	}
	if (status)
		print_message("%s: %s\n", line, buf_str(&out));
	assert_int_equal(status, 0);
}

static void slurp(struct fixture *f, const char *name, struct buf *b)
{
	assert_int_equal(file_slurp(f->dirfd, name, b, NULL), 0);
}

static void put(struct fixture *f, const char *name, const void *data, size_t len)
{
	assert_int_equal(file_replace(f->dirfd, name, data, len, 0600, NULL), 0);
}

/* A stream made by a usual tool, with more bytes behind it: content and end are exact. */
static void read_theirs(struct fixture *f, const char *name, const char *line)
{
	AUTO(buf_done) struct buf b = BUF_INIT(2 * SAMPLE), out = BUF_INIT(SAMPLE);
	struct err err = ERR_INIT;
	const char *found;
	size_t len, used;

	put(f, "sample", f->sample, SAMPLE);
	tool(f, line);
	slurp(f, "packed", &b);
	len = b.len;
	assert_string_equal(archive_probe(b.data, b.len), name);
	assert_int_equal(buf_add(&b, "\0\0\0\0behind", 10), 0);
	if (archive_inflate(b.data, b.len, &out, &used, &found, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(found, name);
	assert_int_equal(used, len);
	assert_int_equal(out.len, SAMPLE);
	assert_memory_equal(out.data, f->sample, SAMPLE);
}

static void test_theirs(void **state)
{
	static const struct {
		const char *name, *line;
	} rows[] = {
	    {"gzip", "gzip -1 -c sample >packed"},
	    {"xz", "xz -0 --check=crc32 -c sample >packed"},
	    {"zstd", "zstd -q -1 -c sample >packed"},
	    {"lz4", "lz4 -q -l -1 -c sample >packed"},
	    {"lz4-frame", "lz4 -q -1 -c sample >packed"},
	    {"bzip2", "bzip2 -1 -c sample >packed"},
	    {"lzma", "xz -0 --format=lzma -c sample >packed"},
	    {"lzo", "lzop -1 -c sample >packed"},
	    {"lzo", "lzop -9 -c sample >packed"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		read_theirs(*state, rows[i].name, rows[i].line);
}

static void test_ours(void **state)
{
	static const struct {
		const char *name, *line;
	} rows[] = {
	    {"gzip", "gzip -dc <packed >back"},
	    {"xz", "xz -dc <packed >back && xz --robot --list packed | grep -q CRC32"},
	    {"zstd", "zstd -q -dc <packed >back"},
	    {"lz4", "lz4 -q -dc <packed >back"},
	};
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(buf_done)
		struct buf one = BUF_INIT(2 * SAMPLE), two = BUF_INIT(2 * SAMPLE), back = BUF_INIT(SAMPLE);

		assert_int_equal(archive_deflate(rows[i].name, f->sample, SAMPLE, &one, &err), 0);
		assert_int_equal(archive_deflate(rows[i].name, f->sample, SAMPLE, &two, &err), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.data, two.data, one.len);
		put(f, "packed", one.data, one.len);
		tool(f, rows[i].line);
		slurp(f, "back", &back);
		assert_int_equal(back.len, SAMPLE);
		assert_memory_equal(back.data, f->sample, SAMPLE);
	}
}

static void test_two_streams(void **state)
{
	static const char *const names[] = {"gzip", "xz", "zstd", "lz4"};
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	const char *found;
	size_t first, used;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(4096);

		assert_int_equal(archive_deflate(names[i], "one", 3, &b, NULL), 0);
		first = b.len;
		assert_int_equal(archive_deflate(names[i], "two", 3, &b, NULL), 0);
		buf_clear(&out);
		assert_int_equal(archive_inflate(b.data, b.len, &out, &used, &found, NULL), 0);
		assert_string_equal(buf_str(&out), "one");
		assert_int_equal(used, first);
	}
}

static void test_limit(void **state)
{
	static const char *const names[] = {"gzip", "xz", "zstd", "lz4"};
	char text[128];
	const char *found;
	size_t used;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(4096), out = BUF_INIT(9);
		struct err err = ERR_INIT;

		assert_int_equal(archive_deflate(names[i], "0123456789", 10, &b, &err), 0);
		assert_int_equal(archive_inflate(b.data, b.len, &out, &used, &found, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		snprintf(text, sizeof text, "%s: inflates to more than 9 bytes", names[i]);
		assert_string_equal(err.text, text);
	}
}

static void test_truncated(void **state)
{
	static const char *const names[] = {"gzip", "xz", "zstd"};
	struct fixture *f = *state;
	const char *found;
	size_t used;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(2 * SAMPLE), out = BUF_INIT(SAMPLE);
		struct err err = ERR_INIT;

		assert_int_equal(archive_deflate(names[i], f->sample, 100000, &b, &err), 0);
		assert_int_equal(archive_inflate(b.data, b.len - 1, &out, &used, &found, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.text, " ends at 0x"));
	}
}

static void test_lz4_blocks(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct err err = ERR_INIT;
	const char *found;
	size_t used;

	assert_int_equal(archive_inflate("\2\x21\x4c\x18\xff\xff\xff\x7f"
					 "data",
					 12, &out, &used, &found, &err),
			 -1);
	assert_string_equal(err.text, "lz4: block at 0x4: is 0x7fffffff bytes long, at most 0x808090 are possible");
	assert_int_equal(archive_inflate("\2\x21\x4c\x18\5\0\0\0data", 12, &out, &used, &found, &err), -1);
	assert_string_equal(err.text, "lz4: data ends at 0xc inside the stream");
	assert_int_equal(archive_inflate("\2\x21\x4c\x18\0\0\0\0", 8, &out, &used, &found, &err), 0);
	assert_int_equal(used, 4);
}

static void test_lzo_damage(void **state)
{
	static const uint8_t file[] = "\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\1\5\0\0\0\1\0\0\x81\xa4"
				      "\0\0\0\0\0\0\0\0\0\0\0\0\0"
				      "\0\0\0\6\0\0\0\5\0\0\0\0";
	uint8_t data[sizeof file + 16];
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct err err = ERR_INIT;
	const char *found;
	size_t used;

	memcpy(data, file, sizeof file);
	assert_int_equal(archive_inflate(data, 20, &out, &used, &found, &err), -1);
	assert_string_equal(err.text, "lzo: data ends at 0x14 inside the header");
	assert_int_equal(archive_inflate(data, sizeof file - 1, &out, &used, &found, &err), -1);
	assert_string_equal(err.text, "lzo: data ends at 0x32 inside the stream");
	/* 17 + 2 literals, then a match that reaches before the beginning */
	memcpy(data + sizeof file - 1, "\x13xy\x40\xff", 5);
	assert_int_equal(archive_inflate(data, sizeof file + 4, &out, &used, &found, &err), -1);
	assert_string_equal(err.text, "lzo: block at 0x32: is damaged");
	data[0x2a] = 0x7f;
	assert_int_equal(archive_inflate(data, sizeof file + 4, &out, &used, &found, &err), -1);
	assert_non_null(strstr(err.text, " are possible"));
}

static void test_names(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct err err = ERR_INIT;
	const char *found;
	size_t used = 1;

	assert_int_equal(archive_inflate("070701", 6, &out, &used, &found, &err), 0);
	assert_string_equal(found, "none");
	assert_int_equal(used, 0);
	assert_string_equal(archive_probe("\x1f\x8b", 2), "none");
	assert_int_equal(archive_deflate("bzip2", "x", 1, &out, &err), -1);
	assert_string_equal(err.text, "no part is written compressed with \"bzip2\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_theirs),     cmocka_unit_test(test_ours),	 cmocka_unit_test(test_two_streams),
	    cmocka_unit_test(test_limit),      cmocka_unit_test(test_truncated), cmocka_unit_test(test_lz4_blocks),
	    cmocka_unit_test(test_lzo_damage), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
