/* Tests of run/space.c. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/space.h"

static uint64_t free_on(const char *path)
{
	int fd = file_open_dir(path, NULL);
	uint64_t ret = 0;

	assert_int_equal(file_space_free(fd, &ret, NULL), 0);
	close(fd);
	return ret;
}

static void enough(void **state)
{
	struct space_plan plan = {0};
	struct err err = ERR_INIT;

	space_need(&plan, "/var/tmp", 1, "a byte", "TMPDIR");
	space_need(&plan, "/nonexistent", UINT64_MAX, "what somebody else refuses", "TMPDIR");
	assert_int_equal(space_check(&plan, &err), 0);
}

static void too_much(void **state)
{
	struct space_plan plan = {0};
	struct err err = ERR_INIT;

	space_need(&plan, "/var/tmp", UINT64_C(5) << 60, "changes to the guest", "TMPDIR");
	assert_int_equal(space_check(&plan, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_non_null(strstr(err.text, "'/var/tmp': 5.0 EiB are needed there for changes to the guest, "));
	assert_non_null(strstr(err.text, " are free: name another folder with TMPDIR"));
}

static void needs_on_one_file_system_add_up(void **state)
{
	uint64_t most = free_on("/var/tmp") / 4 * 3;
	struct space_plan plan = {0};
	struct err err = ERR_INIT;

	space_need(&plan, "/var/tmp", most, "the first", "TMPDIR");
	assert_int_equal(space_check(&plan, &err), 0);
	space_need(&plan, "/var/tmp", most, "the second", "LIBGUESTFS_CACHEDIR");
	assert_int_equal(space_check(&plan, &err), -1);
	assert_non_null(strstr(err.text, "the second and other files of the run"));
	assert_non_null(strstr(err.text, "LIBGUESTFS_CACHEDIR"));
	space_need(&plan, "/var/tmp", UINT64_MAX, "too much for a number", "TMPDIR");
	assert_int_equal(space_check(&plan, &err), -1);
}

static void appliance_is_built_once(void **state)
{
	char dir[] = "/var/tmp/rehost-test-XXXXXX", path[128];
	struct space_plan plan = {0};

	assert_non_null(mkdtemp(dir));
	unsetenv("LIBGUESTFS_PATH");
	setenv("LIBGUESTFS_CACHEDIR", dir, 1);
	setenv("TMPDIR", "not absolute", 1);
	space_need_appliance(&plan);
	assert_int_equal(plan.n, 2);
	assert_string_equal(plan.v[0].path, dir);
	assert_string_equal(plan.v[1].path, "/var/tmp");
	snprintf(path, sizeof path, "%s/.guestfs-%u/appliance.d/root", dir, (unsigned)geteuid());
	assert_int_equal(file_mkdirs(path, NULL), 0);
	plan = (struct space_plan){0};
	space_need_appliance(&plan);
	assert_int_equal(plan.n, 1);
	setenv("LIBGUESTFS_CACHEDIR", "/nonexistent", 1);
	setenv("LIBGUESTFS_PATH", "/fixed", 1);
	plan = (struct space_plan){0};
	space_need_appliance(&plan);
	assert_int_equal(plan.n, 1);
	unsetenv("LIBGUESTFS_PATH");
	unsetenv("LIBGUESTFS_CACHEDIR");
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(enough),
	    cmocka_unit_test(too_much),
	    cmocka_unit_test(needs_on_one_file_system_add_up),
	    cmocka_unit_test(appliance_is_built_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
