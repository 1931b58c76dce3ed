/* Tests of dpkg's database: versions, dependencies, new paragraphs. */
#include <sys/wait.h>

#include "guest/files/dpkg.h"
#include "tests/unit/guest/folder_fixture.h"

static const char status[] =
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9+deb12u9\n\n"
    "Package: libglib2.0-0t64\nStatus: install ok installed\nProvides: libglib2.0-0 (= 2.80.0-6), glib\n"
    "Version: 2.80.0-6\n\n"
    "Package: old-mail\nStatus: deinstall ok config-files\nProvides: mail\nVersion: 1\n\n"
    "Package: agent\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 0.9\n\n"
    "Package: last\nStatus: install ok installed\nVersion: 3\n";

static struct dpkg *database(struct fixture *f, const char *text)
{
	struct dpkg *d;

	plant(f, "/var/lib/dpkg/status", text);
	assert_int_equal(dpkg_open(f->g, &d, &f->err), 0);
	return d;
}

/* In dpkg's order; neighbours with '=' between are equal. */
static void test_versions(void **state)
{
	static const char *const rising[] = {
	    "0~~",   "0~",	  "0",	       "0.9",	"0.9a",		 "0.9a1",	   "0.9+b1",
	    "0.10",  "1.0~rc1-1", "1.0-1~bpo", "1.0-1", "1.0-1+deb12u2", "1.0-1+deb12u10", "1.0-2",
	    "1:0.1", "2:0",	  "10:0"};
	size_t n = sizeof rising / sizeof *rising;

	for (size_t x = 0; x < n; x++)
		for (size_t y = 0; y < n; y++) {
			int c = dpkg_compare(rising[x], rising[y]);

			assert_int_equal((c > 0) - (c < 0), (x > y) - (x < y));
		}
	assert_int_equal(dpkg_compare("1.0", "1.0-0"), 0);
	assert_int_equal(dpkg_compare("1.01", "1.1"), 0);
	assert_int_equal(dpkg_compare("0:1.0-1", "1.0-1"), 0);
}

/* dpkg itself is the judge, where it is. */
static void test_versions_as_dpkg(void **state)
{
	static const char *const all[] = {
	    "1:7.2+dfsg-7+deb12u18", "1:7.2+dfsg-7+deb12u2", "2.34",   "2.36-9", "7~", "7", "7-0", "7a", "7a~",
	    "1.2.3-rc1-1",	     "1.2.3~rc1-1",	     "1.2.3-1"};
	struct fixture *f = *state;

	if (system("dpkg --version >/dev/null 2>&1") != 0)
		skip();
	for (size_t x = 0; x < sizeof all / sizeof *all; x++)
		for (size_t y = 0; y < sizeof all / sizeof *all; y++) {
			int rc = system(arena_printf(&f->arena, "dpkg --compare-versions '%s' lt '%s' 2>/dev/null",
						     all[x], all[y]));

			assert_int_equal(WEXITSTATUS(rc) == 0, dpkg_compare(all[x], all[y]) < 0);
		}
}

static void test_dependencies(void **state)
{
	static const struct {
		const char *depends, *missing;
	} cases[] = {
	    {"libc6 (>= 2.34), libc6 (<< 2.37)", NULL},
	    {"libc6:any (>= 2.34)", NULL},
	    {"libc6 (>= 2.38)", "libc6 (>= 2.38)"},
	    {"nothing | libc6", NULL},
	    {"libc6, nothing (>= 1) | neither", "nothing (>= 1) | neither"},
	    {"libglib2.0-0 (>= 2.66)", NULL},
	    {"libglib2.0-0 (>= 2.90)", "libglib2.0-0 (>= 2.90)"},
	    {"glib", NULL},
	    {"glib (>= 1)", "glib (>= 1)"},
	    {"mail", "mail"},
	    {"agent", "agent"},
	    {"liburing2 (>= 2.3)", NULL},
	    {"liburing2 (>= 2.4)", "liburing2 (>= 2.4)"},
	    {"libc6,\n last (= 3),", NULL},
	    {"", NULL},
	};
	static const struct dpkg_further further[] = {{"liburing2", "2.3-3"}};
	struct fixture *f = *state;
	AUTO(dpkg_closep) struct dpkg *d = database(f, status);

	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		const char *missing = NULL;
		bool ok = dpkg_satisfied(d, cases[k].depends, further, 1, &f->arena, &missing);

		assert_int_equal(ok, cases[k].missing == NULL);
		if (cases[k].missing)
			assert_string_equal(missing, cases[k].missing);
	}
}

/* One paragraph with the same field again and again is walked once. */
static void test_endless_paragraph(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(16 << 20);

	while (b.len < 8 << 20)
		buf_adds(&b, "Provides: needle\nPackage: needle\n");
	buf_adds(&b, "\n\nPackage: other\nStatus: install ok installed\nVersion: 1\nProvides: a, needle (= 3)\n");

	AUTO(dpkg_closep) struct dpkg *d = database(f, buf_str(&b));

	assert_true(dpkg_satisfied(d, "other, needle (>= 2)", NULL, 0, &f->arena, NULL));
	assert_false(dpkg_satisfied(d, "needle (>= 4)", NULL, 0, &f->arena, NULL));
	assert_string_equal(dpkg_version(d, "other"), "1");
}

static void test_conflicts(void **state)
{
	static const struct {
		const char *field, *with;
	} cases[] = {
	    {NULL, NULL},
	    {"", NULL},
	    {"nothing, libc6 (<< 2.36)", NULL},
	    {"nothing, libc6 (<< 2.37), last", "libc6 (<< 2.37)"},
	    {"glib", "glib"},
	    {"mail, agent,", NULL},
	};
	static const char more[] =
	    "Package: mono\nStatus: install ok installed\nBreaks: x (<< 1), liburing2 (<< 2.3)\n"
	    "Conflicts: libnuma1\nVersion: 1\n\n"
	    "Package: gone\nStatus: deinstall ok config-files\nConflicts: liburing2\nVersion: 1\n\n"
	    "Package: half\nStatus: install ok half-configured\nVersion: 1\n";
	struct fixture *f = *state;
	AUTO(dpkg_closep) struct dpkg *d = database(f, arena_printf(&f->arena, "%s\n%s", status, more));
	struct dpkg_further older = {"liburing2", "2.2"}, newer = {"liburing2", "2.3"}, any = {"libnuma1", "9"};

	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		const char *with = dpkg_conflict(d, cases[k].field, &f->arena);

		assert_string_equal(with ? with : "none", cases[k].with ? cases[k].with : "none");
	}
	assert_string_equal(dpkg_objector(d, &older, &f->arena), "mono");
	assert_null(dpkg_objector(d, &newer, &f->arena));
	assert_string_equal(dpkg_objector(d, &any, &f->arena), "mono");
	assert_true(dpkg_has_files(d, "libc6"));
	assert_true(dpkg_has_files(d, "half"));
	assert_false(dpkg_has_files(d, "gone"));
	assert_false(dpkg_has_files(d, "absent"));
}

static void test_new_paragraph(void **state)
{
	struct fixture *f = *state;
	AUTO(dpkg_closep) struct dpkg *d = database(f, status);
	const char *now = dpkg_with(d, "agent", "amd64", "Package: agent\nVersion: 1\n", &f->arena);

	assert_null(strstr(now, "Version: 0.9"));
	assert_non_null(strstr(now, "Version: 1\n\nPackage: last\n"));
	assert_non_null(strstr(now, "Version: 3\n\nPackage: agent\nVersion: 1\n"));
	assert_string_equal(dpkg_with(d, "agent", "i386", "", &f->arena) + strlen(status), "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_versions),  FIXTURE_TEST(test_versions_as_dpkg), FIXTURE_TEST(test_dependencies),
	    FIXTURE_TEST(test_conflicts), FIXTURE_TEST(test_new_paragraph),    FIXTURE_TEST(test_endless_paragraph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
