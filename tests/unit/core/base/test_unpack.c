/* Tests of core/base/unpack.c, with streams that gzip, xz and zstd themselves wrote. */
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
#include "core/base/unpack.h"

/* 8 MiB: text, a hole of 6 MiB, text that isn't aligned. */
enum { LENGTH = (8 << 20) + 5 };

static const struct packer {
	const char *name, *command;
} packers[] = {
    {"gzip", "gzip -n -1 -c"},
    {"xz", "xz -1 -c"},
    {"zstd", "zstd -q -1 -c"},
};

enum { PACKERS = sizeof packers / sizeof *packers };

static char *content(void)
{
	char *data = calloc(1, LENGTH);

	for (size_t i = 0; i < MIB; i++)
		data[i] = (char)('a' + i * i % 23);
	for (size_t i = 7 * MIB; i < LENGTH; i++)
		data[i] = (char)('A' + i % 19);
	return data;
}

/* What the command makes of data; `before` bytes of zeros stand in front of it. */
static int packed(const char *how, const char *data, size_t len, size_t before, uint64_t *ret_len)
{
	char plain[] = "/tmp/rehost-test-XXXXXX", command[128], buf[65536];
	int fd = mkstemp(plain), out = memfd_create("packed", 0);
	struct err err;
	FILE *pipe;
	size_t n;

	assert_int_equal(file_pwrite(fd, data, len, 0, &err), 0);
	close(fd);
	snprintf(command, sizeof command, "%s %s", how, plain);
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

static void unpacks_sparse(const struct packer *p, const char *data)
{
	AUTO_FREE char *back = malloc(LENGTH);
	uint64_t len, got, ticked = 0;
	AUTO_FD int in = packed(p->command, data, LENGTH, 1000, &len);
	AUTO_FD int out = memfd_create("out", 0);
	struct unpack_job job = {
	    .in_fd = in, .off = 1000, .len = len, .out_fd = out, .max = LENGTH, .tick = tick, .opaque = &ticked};
	struct stat st;
	struct err err;

	if (unpack_run(&job, &got, &err) < 0)
		fail_msg("%s: %s", p->name, err.text);
	assert_int_equal(got, LENGTH);
	assert_int_equal(ticked, len);
	assert_int_equal(file_pread(out, back, LENGTH, 0, &err), 0);
	assert_memory_equal(back, data, LENGTH);
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, LENGTH);
	assert_true(st.st_blocks * 512 < (off_t)(3 * MIB));
}

static void test_unpacks_sparse(void **state)
{
	AUTO_FREE char *data = content();

	for (int i = 0; i < PACKERS; i++)
		unpacks_sparse(&packers[i], data);
}

/* Two members and padding, as in a tar of a joined stream. */
static void test_members_and_padding(void **state)
{
	for (int i = 0; i < PACKERS; i++) {
		uint64_t len, got;
		AUTO_FD int in = packed(packers[i].command, "hello ", 6, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .out_fd = out, .max = 100};
		char stream[256], back[12];
		struct err err;

		assert_int_equal(file_pread(in, stream, len, 0, &err), 0);
		assert_int_equal(file_pwrite(in, stream, len, len, &err), 0);
		assert_int_equal(ftruncate(in, (off_t)(2 * len + 512)), 0);
		job.len = 2 * len + 512;
		assert_int_equal(unpack_run(&job, &got, &err), 0);
		assert_int_equal(got, 12);
		assert_int_equal(file_pread(out, back, 12, 0, &err), 0);
		assert_memory_equal(back, "hello hello ", 12);
	}
}

static void expect_corrupt(const struct unpack_job *job, const char *text)
{
	uint64_t got;
	struct err err;

	assert_int_equal(unpack_run(job, &got, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, text);
}

/* A member of five letters, zeros, then so many bytes of the same member again: both are read, or the text and where
 * the zeros end are in the error. */
static void expect_behind_padding(const struct packer *p, size_t zeros, size_t behind, const char *text)
{
	uint64_t len, got;
	AUTO_FD int in = packed(p->command, "hello", 5, 0, &len);
	AUTO_FD int out = memfd_create("out", 0);
	struct unpack_job job = {.in_fd = in, .out_fd = out, .max = 100};
	char stream[256], back[10], offset[32];
	struct err err;

	behind = min_u64(behind, len);
	job.len = len + zeros + behind;
	snprintf(offset, sizeof offset, "at 0x%x", (unsigned)(len + zeros));
	assert_int_equal(file_pread(in, stream, len, 0, &err), 0);
	assert_int_equal(file_pwrite(in, stream, behind, len + zeros, &err), 0);
	assert_int_equal(ftruncate(in, (off_t)job.len), 0);
	if (text) {
		assert_int_equal(unpack_run(&job, &got, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.text, text));
		assert_non_null(strstr(err.text, offset));
		return;
	}
	assert_int_equal(unpack_run(&job, &got, &err), 0);
	assert_int_equal(got, behind ? 10 : 5);
	assert_int_equal(file_pread(out, back, got, 0, &err), 0);
	assert_memory_equal(back, "hellohello", got);
}

/* Nothing behind zeros is dropped without a word: as `xz -dc` and `zstd -dc`; `gzip -dc` warns and goes on. */
static void test_behind_padding(void **state)
{
	const struct packer *gzip = &packers[0], *xz = &packers[1], *zstd = &packers[2];

	expect_behind_padding(gzip, 4, 999, ": 0x1f behind 4 bytes of padding, only zeros expected");
	expect_behind_padding(gzip, 3 * MIB + 1, 1, ": 0x1f behind 3145729 bytes of padding, only zeros expected");
	expect_behind_padding(gzip, 3, 0, NULL);
	expect_behind_padding(zstd, 4, 999, ": 0x28 behind 4 bytes of padding, only zeros expected");
	expect_behind_padding(zstd, 3, 0, NULL);
	expect_behind_padding(xz, 4, 999, NULL);
	expect_behind_padding(xz, 3 * MIB, 999, NULL);
	expect_behind_padding(xz, 4, 0, NULL);
	expect_behind_padding(xz, 3, 999, "xz data: 3 bytes of padding end at");
	expect_behind_padding(xz, 3, 0, "xz data: 3 bytes of padding end at");
}

static void test_damage(void **state)
{
	static const char *const reasons[] = {"incorrect data check", "damaged",
					      "Restored data doesn't match checksum"};

	for (int i = 0; i < PACKERS; i++) {
		uint64_t len, at;
		AUTO_FD int in = packed(packers[i].command, "hello hello hello", 17, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = 16};
		char text[128], byte;
		struct err err;

		snprintf(text, sizeof text, "%s data inflate to more than 16 bytes", packers[i].name);
		expect_corrupt(&job, text);
		job.max = 17;
		job.len = len - 1;
		snprintf(text, sizeof text, "%s data end inside a member, at 0x%x", packers[i].name, (unsigned)len - 1);
		expect_corrupt(&job, text);
		job.len = len;
		/* A checksum: gzip's before the length, zstd's at the end; xz has its in a block. */
		at = i == 0 ? len - 8 : i == 1 ? len / 2 : len - 2;
		assert_int_equal(file_pread(in, &byte, 1, at, &err), 0);
		byte ^= 1;
		assert_int_equal(file_pwrite(in, &byte, 1, at, &err), 0);
		snprintf(text, sizeof text, "%s data near 0x0: %s", packers[i].name, reasons[i]);
		expect_corrupt(&job, text);
	}
}

static void test_other_data(void **state)
{
	AUTO_FD int in = memfd_create("in", 0);
	struct unpack_job job = {.in_fd = in, .off = 4, .max = 100};
	struct err err;

	expect_corrupt(&job, "at 0x4 is neither gzip, xz nor zstd data");
	assert_int_equal(file_pwrite(in, "....PK\3\4....", 12, 0, &err), 0);
	job.len = 8;
	expect_corrupt(&job, "at 0x4 is neither gzip, xz nor zstd data");
	assert_null(unpack_sniff("\x1f\x8b", 2));
	assert_string_equal(unpack_sniff("\x1f\x8b\x08...", 6), "gzip");
}

/* What would fill the disk or the memory. */
static void test_bombs(void **state)
{
	AUTO_FREE char *ones = malloc(200 * MIB);
	uint64_t len, got;
	struct err err;

	memset(ones, 1, 200 * MIB);
	for (int i = 1; i < PACKERS; i++) {
		AUTO_FD int in = packed(packers[i].command, ones, 200 * MIB, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = GIB};

		assert_true(len < 100000);
		assert_int_equal(unpack_run(&job, &got, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.text, "unpack to over 1032 times their size"));
	}
	free(ones);
	ones = calloc(1, 200 * MIB);
	{
		AUTO_FD int in = packed("xz -1 --lzma2=preset=1,dict=256MiB -c", ones, 200 * MIB, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = GIB};

		expect_corrupt(&job, "xz data near 0x0: unpacking it takes more than 96 MiB of memory");
	}
	{
		AUTO_FD int in = packed("zstd -q -1 --long=27 --no-check -c <", ones, 200 * MIB, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = GIB};

		expect_corrupt(&job, "zstd data near 0x0: Frame requires too much memory for decoding");
	}
	/* Zeros take no room, so there may be any number of them below the bound. */
	{
		AUTO_FD int in = packed("zstd -q -1 -c", ones, 200 * MIB, 0, &len);
		AUTO_FD int out = memfd_create("out", 0);
		struct unpack_job job = {.in_fd = in, .len = len, .out_fd = out, .max = unpack_bound(len)};

		assert_int_equal(unpack_run(&job, &got, &err), 0);
		assert_int_equal(got, 200 * MIB);
	}
	assert_int_equal(unpack_bound(0), MIB);
	assert_int_equal(unpack_bound(UINT64_MAX), 66 * TIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unpacks_sparse), cmocka_unit_test(test_members_and_padding),
	    cmocka_unit_test(test_damage),	   cmocka_unit_test(test_other_data),
	    cmocka_unit_test(test_bombs),	   cmocka_unit_test(test_behind_padding),
	};

	for (int i = 0; i < PACKERS; i++) {
		char command[64];

		snprintf(command, sizeof command, "command -v %s > /dev/null", packers[i].name);
		if (system(command) != 0) {
			print_message("SKIP: %s is missing\n", packers[i].name);
			return 77;
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
