/* Tests of guest/files/unit.c and ini.c. */
#include "tests/unit/guest/files/walk.h"

#include "core/base/cleanup.h"
#include "guest/files/ini.h"
#include "guest/files/unit.h"

static void test_names(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(unit_escape_path(&a, "/dev/disk/by-uuid/a-b"), "dev-disk-by\\x2duuid-a\\x2db");
	assert_string_equal(unit_escape_path(&a, "/.x y"), "\\x2ex\\x20y");
	assert_string_equal(unit_unescape_path(&a, "dev-disk-by\\x2duuid-a\\x2db"), "/dev/disk/by-uuid/a-b");
	assert_string_equal(unit_unescape_path(&a, "a\\xzz\\x2"), "/a\\xzz\\x2");
}

static void test_mount_unit(void **state)
{
	static const char *const pairs[] = {"/dev/sdb1", "/dev/disk/by-uuid/x", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	assert_string_equal(
	    walk(&a, unit_devices,
		 "[Unit]\nDescription=dev-sdb1.device\nRequires = dev-sdb1.device  a.service\n"
		 "[Mount]\n# What=/dev/sdz\nWhat= /dev/sdb1 \nWhere=/srv\nType=ext4\nOptions=nofail\n",
		 pairs, &asked),
	    "[Unit]\nDescription=dev-sdb1.device\n"
	    "Requires = dev-disk-by\\x2duuid-x.device  a.service\n"
	    "[Mount]\n# What=/dev/sdz\nWhat= /dev/disk/by-uuid/x \nWhere=/srv\nType=ext4\nOptions=nofail\n");
	assert_string_equal(asked, "3:/dev/sdb1 path optional|6:/dev/sdb1 t=ext4 m=/srv path optional|");
}

static void test_ini(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "early=1\n[A]\nk = v w \n;k=x\n[B]\nk=2\nk=3\nno equals\n[open\nk=4");

	struct ini i = INI_OF(&l);

	assert_true(ini_next(&i));
	assert_string_equal(i.section, "");
	assert_true(ini_next(&i));
	assert_true(ini_is(&i, "A", "k"));
	assert_string_equal(i.value, "v w");
	assert_int_equal(i.value_at.at, 4);
	assert_int_equal(i.section_line, 1);
	assert_string_equal(ini_get(&l, "B", "k"), "4");
	assert_null(ini_get(&l, "C", "k"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_mount_unit),
	    cmocka_unit_test(test_ini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
