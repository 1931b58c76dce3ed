/* Tests of core/base/gunzip.c, with streams that gzip itself wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/gunzip.h"

/* 8 MiB: text, a hole of 6 MiB, text that isn't aligned. */
enum { LENGTH = (8 << 20) + 5 };

static char *content(void)
{
	char *data = calloc(1, LENGTH);

	for (size_t i = 0; i < MIB; i++)
		data[i] = (char)('a' + i * i % 23);
	for (size_t i = 7 * MIB; i < LENGTH; i++)
		data[i] = (char)('A' + i % 19);
	return data;
}

/* Runs gzip over data; `before` zeros stand in front of the stream. */
static int compressed(const char *data, size_t len, size_t before, uint64_t *ret_len)
{
	char plain[] = "/tmp/rehost-test-XXXXXX", command[128], buf[65536];
	int fd = mkstemp(plain), out = memfd_create("gz", 0);
	struct err err;
	FILE *pipe;
	size_t n;

	assert_int_equal(file_pwrite(fd, data, len, 0, &err), 0);
	close(fd);
	snprintf(command, sizeof command, "gzip -n -1 -c %s", plain);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	for (*ret_len = 0; (n = fread(buf, 1, sizeof buf, pipe)) > 0; *ret_len += n)
		assert_int_equal(file_pwrite(out, buf, n, before + *ret_len, &err), 0);
	assert_int_equal(pclose(pipe), 0);
	unlink(plain);
	return out;
}

static void tick(uint64_t done, void *opaque)
{
	*(uint64_t *)opaque = done;
}

static void test_inflates_sparse(void **state)
{
	AUTO_FREE char *data = content(), *back = malloc(LENGTH);
	uint64_t len, got, ticked = 0;
	AUTO_FD int in = compressed(data, LENGTH, 1000, &len);
	AUTO_FD int out = memfd_create("out", 0);
	struct gunzip_job job = {
	    .in_fd = in, .off = 1000, .len = len, .out_fd = out, .max = LENGTH, .tick = tick, .opaque = &ticked};
	struct stat st;
	struct err err;

	assert_int_equal(gunzip_run(&job, &got, &err), 0);
	assert_int_equal(got, LENGTH);
	assert_int_equal(ticked, len);
	assert_int_equal(file_pread(out, back, LENGTH, 0, &err), 0);
	assert_memory_equal(back, data, LENGTH);
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, LENGTH);
	assert_true(st.st_blocks * 512 < (off_t)(3 * MIB));
}

/* Two members and padding, as in a tar of a joined stream. */
static void test_members_and_padding(void **state)
{
	uint64_t len, got;
	AUTO_FD int in = compressed("hello ", 6, 0, &len);
	AUTO_FD int out = memfd_create("out", 0);
	struct gunzip_job job = {.in_fd = in, .out_fd = out, .max = 100};
	char stream[256], back[12];
	struct err err;

	assert_int_equal(file_pread(in, stream, len, 0, &err), 0);
	assert_int_equal(file_pwrite(in, stream, len, len, &err), 0);
	assert_int_equal(ftruncate(in, (off_t)(2 * len + 512)), 0);
	job.len = 2 * len + 512;
	assert_int_equal(gunzip_run(&job, &got, &err), 0);
	assert_int_equal(got, 12);
	assert_int_equal(file_pread(out, back, 12, 0, &err), 0);
	assert_memory_equal(back, "hello hello ", 12);
}

static void expect_corrupt(const struct gunzip_job *job, const char *text)
{
	uint64_t got;
	struct err err;

	assert_int_equal(gunzip_run(job, &got, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, text);
}

static void test_damage(void **state)
{
	uint64_t len;
	AUTO_FD int in = compressed("hello hello hello", 17, 0, &len);
	AUTO_FD int out = memfd_create("out", 0);
	struct gunzip_job job = {.in_fd = in, .len = len, .out_fd = out, .max = 16};
	char cut[64];
	struct err err;

	expect_corrupt(&job, "gzip data inflate to more than 16 bytes");
	job.max = 17;
	job.len = len - 1;
	snprintf(cut, sizeof cut, "gzip data end inside a member, at 0x%x", (unsigned)len - 1);
	expect_corrupt(&job, cut);
	job.len = 0;
	expect_corrupt(&job, "gzip data end inside a member, at 0x0");
	job.len = len;
	assert_int_equal(file_pwrite(in, "x", 1, len - 8, &err), 0);
	expect_corrupt(&job, "gzip data near 0x0: incorrect data check");
	assert_int_equal(file_pwrite(in, "PK", 2, 0, &err), 0);
	expect_corrupt(&job, "gzip data near 0x0: incorrect header check");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inflates_sparse),
	    cmocka_unit_test(test_members_and_padding),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
