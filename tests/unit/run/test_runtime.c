/* Tests of run/runtime.c: the folder of a run, and what is left of killed ones. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/runtime.h"

static char base[64];

static int setup(void **state)
{
	strcpy(base, "/tmp/runtime-test-XXXXXX");
	return mkdtemp(base) && setenv("XDG_RUNTIME_DIR", base, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	unsetenv("XDG_RUNTIME_DIR");
	return file_remove_tree(AT_FDCWD, base, NULL);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* A folder in base with a socket, or a file, in it, that many seconds old. */
static void leave_with(const char *name, mode_t mode, int age, mode_t kind)
{
	struct timespec then[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
	char path[128], file[140];

	snprintf(path, sizeof path, "%s/%s", base, name);
	assert_int_equal(mkdir(path, mode), 0);
	assert_int_equal(chmod(path, mode), 0);
	snprintf(file, sizeof file, "%s/0", path);
	assert_int_equal(mknod(file, kind | 0600, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void leave(const char *name, mode_t mode, int age)
{
	leave_with(name, mode, age, S_IFSOCK);
}

static bool is_left(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", base, name);
	return exists(path);
}

static void test_comes_and_goes(void **state)
{
	struct runtime r, other;
	char path[RUNTIME_PATH_MAX];
	struct stat st;
	struct err err;

	assert_int_equal(runtime_open(&r, &err), 0);
	assert_memory_equal(r.path, base, strlen(base));
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(runtime_open(&other, &err), 0);
	assert_string_not_equal(r.path, other.path);
	strcpy(path, r.path);
	runtime_close(&r);
	assert_false(exists(path));
	assert_true(exists(other.path));
	runtime_close(&other);
	runtime_close(&other);
}

static void test_sweeps_what_killed_runs_left(void **state)
{
	struct runtime r;
	struct err err;
	char held[128];
	int fd;

	leave("rehost-io-aaaaaa", 0700, 100);
	leave("rehost-io-young1", 0700, 5);
	leave("rehost-io-public", 0755, 100);
	leave("rehost-io-held11", 0700, 100);
	leave("rehost-io-otherlength", 0700, 100);
	leave("other-aaaaaa", 0700, 100);
	leave_with("rehost-io-theirs", 0700, 100, S_IFREG);
	snprintf(held, sizeof held, "%s/rehost-io-held11", base);
	fd = open(held, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(runtime_open(&r, &err), 0);
	assert_false(is_left("rehost-io-aaaaaa"));
	assert_true(is_left("rehost-io-young1"));
	assert_true(is_left("rehost-io-public"));
	assert_true(is_left("rehost-io-held11"));
	assert_true(is_left("rehost-io-otherlength"));
	assert_true(is_left("other-aaaaaa"));
	assert_true(is_left("rehost-io-theirs/0"));
	runtime_close(&r);
	close(fd);
}

/* Somebody else's folder, a relative or a long name: /tmp instead. */
static void test_falls_back_to_tmp(void **state)
{
	static const char *const unfit[] = {
	    "relative", "/nonexistent",
	    "/tmp/a-name-so-long-that-no-socket-fits-behind-it/a-name-so-long-that-no-socket-fits-behind-it"};
	struct runtime r;
	struct err err;

	for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
		setenv("XDG_RUNTIME_DIR", unfit[i], 1);
		assert_int_equal(runtime_open(&r, &err), 0);
		assert_memory_equal(r.path, "/tmp/rehost-io-", 15);
		runtime_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comes_and_goes),
	    cmocka_unit_test(test_sweeps_what_killed_runs_left),
	    cmocka_unit_test(test_falls_back_to_tmp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
