/* Tests of run/identity.c: what changes it and what doesn't. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/identity.h"

static int file_of(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* The identity after writing one byte at off, at a fixed time. */
static void identity_of(int fd, uint64_t off, char value, char text[IDENTITY_TEXT])
{
	struct timespec same[2] = {{.tv_sec = 1600000000, .tv_nsec = 5}, {.tv_sec = 1600000000, .tv_nsec = 5}};
	struct identity id = {0};
	struct err err;

	assert_int_equal(pwrite(fd, &value, 1, (off_t)off), 1);
	assert_int_equal(futimens(fd, same), 0);
	assert_int_equal(identity_add(&id, fd, "disk", &err), 0);
	identity_text(&id, text);
}

static void test_samples(void **state)
{
	uint64_t size = 100 * MIB;
	AUTO_FD int fd = file_of(size);
	char first[IDENTITY_TEXT], again[IDENTITY_TEXT], other[IDENTITY_TEXT];
	static const uint64_t sampled[] = {0, 65535, 100 * MIB - 1, 100 * MIB - 65536};

	identity_of(fd, 0, 0, first);
	assert_memory_equal(first, "1 file 104857600 bytes 1600000000.000000005 ", 44);
	assert_int_equal(strlen(first), 44 + 16);
	for (size_t i = 0; i < sizeof sampled / sizeof *sampled; i++) {
		identity_of(fd, sampled[i], 1, other);
		assert_string_not_equal(first, other);
		identity_of(fd, sampled[i], 0, again);
		assert_string_equal(first, again);
	}
}

/* Up to 2 MiB every byte counts. */
static void test_small_files_whole(void **state)
{
	AUTO_FD int fd = file_of(2 * MIB);
	char first[IDENTITY_TEXT], other[IDENTITY_TEXT];

	identity_of(fd, 0, 0, first);
	for (uint64_t off = 1000; off < 2 * MIB; off += 100001) {
		identity_of(fd, off, 1, other);
		assert_string_not_equal(first, other);
		identity_of(fd, off, 0, other);
		assert_string_equal(first, other);
	}
}

static void test_several_files(void **state)
{
	AUTO_FD int one = file_of(MIB), two = file_of(3 * MIB);
	char text[IDENTITY_TEXT], swapped[IDENTITY_TEXT];
	struct identity id = {0}, other = {0};
	struct err err;

	assert_int_equal(identity_add(&id, one, "one", &err), 0);
	assert_int_equal(identity_add(&id, two, "two", &err), 0);
	assert_int_equal(identity_add(&other, two, "two", &err), 0);
	assert_int_equal(identity_add(&other, one, "one", &err), 0);
	identity_text(&id, text);
	identity_text(&other, swapped);
	assert_memory_equal(text, "2 files 4194304 bytes ", 22);
	assert_string_not_equal(text, swapped);
}

static void test_no_file(void **state)
{
	struct identity id = {0};
	struct err err;

	assert_int_equal(identity_add(&id, -1, "disk", &err), -1);
	assert_string_equal(err.text, "cannot ask for size and time of 'disk': Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_small_files_whole),
	    cmocka_unit_test(test_several_files),
	    cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
