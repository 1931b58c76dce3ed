/* Tests of run/lockdown.c, in children of their own: a process can't get its rights back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/lockdown.h"

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* 0 or errno of opening dir/name with flags. */
static int try_open(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

struct expectation {
	const char *what;
	int got, want;
};

/* In the child; returns how many expectations were missed. */
static int look_around(const char *path)
{
	int source = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY), partial = openat(source, "partial", O_PATH);
	int before = openat(source, "../..", O_PATH), missed = 0;
	struct lockdown_folder folders[] = {{.fd = openat(source, "source", O_PATH)}, {.fd = partial, .writable = 1}};

	lockdown_files(folders, 2);
	const struct expectation all[] = {
	    {"read a source", try_open(folders[0].fd, "disk", O_RDONLY), 0},
	    {"write a source", try_open(folders[0].fd, "disk", O_WRONLY), EACCES},
	    {"create beside a source", try_open(folders[0].fd, "new", O_WRONLY | O_CREAT), EACCES},
	    {"create in the partial folder", try_open(partial, "new", O_RDWR | O_CREAT), 0},
	    {"truncate in the partial folder", try_open(partial, "new", O_RDWR | O_TRUNC), 0},
	    {"leave by a path", try_open(AT_FDCWD, "/etc/passwd", O_RDONLY), EACCES},
	    {"leave by a descriptor", try_open(before, "etc/passwd", O_RDONLY), EACCES},
	    {"read the folder above", try_open(source, "secret", O_RDONLY), EACCES},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].got != all[i].want) {
			fprintf(stderr, "%s: %s, expected %s\n", all[i].what, strerror(all[i].got),
				strerror(all[i].want));
			missed++;
		}
	return missed;
}

static void test_only_the_given_folders(void **state)
{
	char path[] = "/tmp/rehost-test-XXXXXX", name[64];
	int status;

#ifdef __SANITIZE_ADDRESS__
	print_message("SKIP: the address sanitizer needs /proc\n");
	skip();
#endif
	if (!kernel_has_landlock()) {
		print_message("SKIP: this kernel has no Landlock\n");
		skip();
	}
	assert_non_null(mkdtemp(path));
	for (const char *const *dir = (const char *const[]){"source", "partial", NULL}; *dir; dir++) {
		snprintf(name, sizeof name, "%s/%s", path, *dir);
		assert_int_equal(mkdir(name, 0700), 0);
	}
	for (const char *const *file = (const char *const[]){"source/disk", "secret", NULL}; *file; file++) {
		snprintf(name, sizeof name, "%s/%s", path, *file);
		assert_int_equal(try_open(AT_FDCWD, name, O_WRONLY | O_CREAT), 0);
	}
	if (fork() == 0)
		_exit(look_around(path));
	assert_true(wait(&status) > 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, path, NULL), 0);
	assert_int_equal(status, 0);
}

static int look_at_limits(void)
{
	struct rlimit core, files;

	lockdown_limits();
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	return core.rlim_max != 0 || files.rlim_cur != files.rlim_max;
}

static void test_limits(void **state)
{
	int status;

	if (fork() == 0)
		_exit(look_at_limits());
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_given_folders),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
