/* Tests of core/model/windows.c: which release a build belongs to, and folder names of driver discs. */
#include "core/model/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	unsigned major, minor, build;
	enum windows_role role;
	const char *id, *folder, *build_name;
	unsigned kmdf;
} rows[] = {
    {5, 1, 2600, WINDOWS_CLIENT, "winxp", "xp", "", 0},
    {5, 2, 3790, WINDOWS_CLIENT, "winxp", "xp", "", 0},
    {5, 2, 3790, WINDOWS_SERVER, "win2k3", "2k3", "", 0},
    {6, 0, 6002, WINDOWS_CLIENT, "winvista", "vista", "SP2", 107},
    {6, 0, 6003, WINDOWS_SERVER, "win2k8", "2k8", "", 107},
    {6, 1, 7601, WINDOWS_CLIENT, "win7", "w7", "SP1", 109},
    {6, 1, 7601, WINDOWS_SERVER, "win2k8r2", "2k8r2", "SP1", 109},
    {6, 2, 9200, WINDOWS_DOMAIN_CONTROLLER, "win2k12", "2k12", "", 111},
    {6, 3, 9600, WINDOWS_CLIENT, "win8.1", "w8.1", "", 113},
    {6, 3, 9600, WINDOWS_SERVER, "win2k12r2", "2k12r2", "", 113},
    {10, 0, 19045, WINDOWS_CLIENT, "win10", "w10", "22H2", 131},
    {10, 0, 14393, WINDOWS_CLIENT, "win10", "w10", "1607", 119},
    {10, 0, 14393, WINDOWS_SERVER, "win2k16", "2k16", "", 119},
    {10, 0, 16299, WINDOWS_SERVER, "win2k16", "2k16", "1709", 123},
    {10, 0, 17763, WINDOWS_SERVER, "win2k19", "2k19", "", 127},
    {10, 0, 20348, WINDOWS_SERVER, "win2k22", "2k22", "", 133},
    {10, 0, 25398, WINDOWS_SERVER, "win2k22", "2k22", "23H2", 133},
    {10, 0, 26100, WINDOWS_SERVER, "win2k25", "2k25", "", 133},
    {10, 0, 22631, WINDOWS_CLIENT, "win11", "w11", "23H2", 133},
    {10, 0, 99999, WINDOWS_CLIENT, "win11", "w11", "", 133},
    {10, 0, 0, WINDOWS_ROLE_UNKNOWN, "win10", "w10", "", 115},
};

static void test_releases(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct windows_version v = {rows[i].major, rows[i].minor, rows[i].build, rows[i].role, "x86_64"};
		const struct windows_release *r = windows_release_of(&v);

		assert_non_null(r);
		assert_string_equal(r->id, rows[i].id);
		assert_string_equal(r->folders[0], rows[i].folder);
		assert_string_equal(windows_build_name(&v), rows[i].build_name);
		assert_int_equal(windows_kmdf(&v), rows[i].kmdf);
	}
	assert_null(windows_release_of(&(struct windows_version){4, 0, 1381, WINDOWS_CLIENT, "i386"}));
	assert_int_equal(windows_kmdf(&(struct windows_version){4, 0, 1381, WINDOWS_CLIENT, "i386"}), 0);
}

/* Every build of the table is at or behind the first build of the release that it belongs to, rows are in order. */
static void test_order(void **state)
{
	size_t n;
	const struct windows_release *r = windows_releases(&n);

	for (size_t i = 1; i < n; i++) {
		const struct windows_version before = {r[i - 1].major, r[i - 1].minor};

		assert_true(windows_compare(r[i].major, r[i].minor, &before) >= 0);
		assert_true(r[i].build >= r[i - 1].build);
	}
	assert_int_equal(n, 17);
}

static void test_folders(void **state)
{
	assert_string_equal(windows_folder("w10"), "w10");
	assert_string_equal(windows_folder("Win10"), "w10");
	assert_string_equal(windows_folder("Win2k22"), "2k22");
	assert_string_equal(windows_folder("2k8R2"), "2k8r2");
	assert_string_equal(windows_folder("WinXP"), "xp");
	assert_string_equal(windows_folder("win8.1"), "w8.1");
	assert_null(windows_folder("amd64"));
	assert_null(windows_folder("windows"));
	assert_null(windows_folder("win"));
	assert_null(windows_folder("w100"));
}

static void test_text(void **state)
{
	char text[WINDOWS_TEXT_MAX];

	windows_text(&(struct windows_version){10, 0, 17763, WINDOWS_SERVER, "x86_64"}, text);
	assert_string_equal(text, "Windows Server 2019 (10.0.17763, x86_64)");
	windows_text(&(struct windows_version){7, 0, 1, WINDOWS_CLIENT, NULL}, text);
	assert_string_equal(text, "Windows (7.0.1, unknown)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_releases), cmocka_unit_test(test_order),
					   cmocka_unit_test(test_folders), cmocka_unit_test(test_text)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
