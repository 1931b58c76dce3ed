/* Tests of guest/winpath.c: names in any case, drive letters, backslashes. */
#include "tests/unit/guest/folder_fixture.h"

#include "guest/winpath.h"

static const char *found(struct fixture *f, const char *path)
{
	char *ret;

	assert_int_equal(win_path(f->g, path, &f->arena, &ret, &f->err), 0);
	return ret ? ret : "nothing";
}

static void test_found(void **state)
{
	struct fixture *f = *state;

	plant(f, "/WINDOWS/system32/config/system", "x");
	assert_string_equal(found(f, "/WINDOWS/system32"), "/WINDOWS/system32");
	assert_string_equal(found(f, "/Windows/System32/Config/SYSTEM"), "/WINDOWS/system32/config/system");
	assert_string_equal(found(f, "C:\\Windows\\SYSTEM32\\\\config\\"), "/WINDOWS/system32/config");
	assert_string_equal(found(f, "windows"), "/WINDOWS");
	assert_string_equal(found(f, "\\"), "/");
	assert_string_equal(found(f, "/windows/system32/none"), "nothing");
	assert_string_equal(found(f, "/windows/system32/config/system/below"), "nothing");
}

/* Two names that differ in case only, as on a file system that other systems wrote to. */
static void test_exact_case_first(void **state)
{
	struct fixture *f = *state;

	plant(f, "/Boot/BCD", "x");
	plant(f, "/boot/bcd", "x");
	assert_string_equal(found(f, "/boot/bcd"), "/boot/bcd");
	assert_string_equal(found(f, "/Boot/bcd"), "/Boot/BCD");
}

static void test_new(void **state)
{
	struct fixture *f = *state;
	char *ret;

	plant(f, "/WINDOWS/system32/x", "x");
	assert_int_equal(win_path_new(f->g, "C:\\Windows\\System32\\Drivers\\VirtIO", &f->arena, &ret, &f->err), 0);
	assert_string_equal(ret, "/WINDOWS/system32/Drivers/VirtIO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_found),
	    FIXTURE_TEST(test_exact_case_first),
	    FIXTURE_TEST(test_new),
	};

	return cmocka_run_group_tests_name("winpath", tests, NULL, NULL);
}
