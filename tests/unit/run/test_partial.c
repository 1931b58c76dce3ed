/* The partial folder: locked, published by one rename, replaced only with force, cleaned only when nobody works on it.
 */
#include <errno.h>
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

#include "core/base/file.h"
#include "run/partial.h"

struct fixture {
	char dir[64], path[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/rehost-partial-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static bool there(struct fixture *f, const char *name)
{
	snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
	return access(f->path, F_OK) == 0;
}

static struct partial *opened(struct fixture *f, bool force)
{
	struct partial *p = NULL;
	struct err err = ERR_INIT;

	if (partial_open(f->dir, "web01", force, &p, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(file_replace(partial_dirfd(p), "web01.xml", "<domain/>", 9, 0644, NULL), 0);
	assert_int_equal(file_replace(partial_dirfd(p), "report.json", "{}", 2, 0644, NULL), 0);
	return p;
}

/* --force never removes what is being read: the old result, a folder in it, a link to it. */
static void the_source_is_spared(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false);
	struct err err = ERR_INIT;
	char link[128], text[400];

	assert_int_equal(partial_publish(p, NULL), 0);
	partial_close(p);
	p = opened(f, true);
	snprintf(link, sizeof link, "%s/link", f->dir);
	assert_int_equal(symlink("web01", link), 0);
	for (int i = 0; i < 3; i++) {
		const char *path = i == 0 ? link : there(f, i == 1 ? "web01" : "web01/web01.xml") ? f->path : "";

		assert_int_equal(partial_spares(p, path, &err), -1);
		snprintf(text, sizeof text,
			 "target '%s/web01', which --force replaces, holds the source '%s': choose another name with "
			 "-on, or another folder with -os",
			 f->dir, path);
		assert_string_equal(err.text, text);
		assert_int_equal(err.code, ERR_BLOCKED);
		err_clear(&err);
	}
	assert_int_equal(partial_spares(p, f->dir, &err), 0);
	assert_false(there(f, "gone"));
	assert_int_equal(partial_spares(p, f->path, &err), 0);
	/* parents may be read from the whole folder, the old result too */
	assert_int_equal(partial_spares_parents(p, f->path, &err), 0);
	assert_int_equal(partial_spares_parents(p, f->dir, &err), -1);
	snprintf(
	    text, sizeof text,
	    "target '%s/web01', which --force replaces, lies in '%s', from which parents may be read: choose another "
	    "name with -on, or another folder with -os",
	    f->dir, f->dir);
	assert_string_equal(err.text, text);
	partial_close(p);
}

/* Whatever a machine is called: somebody else's folder of that name stays. */
static void only_results_are_replaced(void **state)
{
	struct fixture *f = *state;
	struct partial *p = NULL;
	struct err err = ERR_INIT;
	char inside[140], text[256];

	there(f, "web01");
	assert_int_equal(mkdir(f->path, 0755), 0);
	p = opened(f, true); /* nothing is lost with an empty one */
	partial_close(p);
	p = NULL;
	assert_true(there(f, "web01"));
	snprintf(inside, sizeof inside, "%s/letters", f->path);
	assert_int_equal(mkdir(inside, 0755), 0);
	assert_int_equal(partial_open(f->dir, "web01", true, &p, &err), -1);
	snprintf(
	    text, sizeof text,
	    "target '%s/web01' is no result of a conversion, which is all that --force replaces: choose another name "
	    "with -on",
	    f->dir);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, ERR_BLOCKED);
	assert_true(there(f, "web01/letters"));
}

static void nothing_final_before_publish(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false);

	assert_false(partial_was_there(p));
	assert_true(there(f, ".web01.partial/web01.xml"));
	assert_false(there(f, "web01"));
	assert_int_equal(partial_publish(p, NULL), 0);
	partial_close(p);
	assert_true(there(f, "web01/web01.xml"));
	assert_false(there(f, ".web01.partial"));
}

static void an_existing_target_is_refused(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false);
	struct err err = ERR_INIT;
	char text[256];

	assert_int_equal(partial_publish(p, NULL), 0);
	partial_close(p);
	p = NULL;
	assert_int_equal(partial_open(f->dir, "web01", false, &p, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	snprintf(text, sizeof text,
		 "target '%s/web01' exists already: choose another name with -on, or --force to replace it", f->dir);
	assert_string_equal(err.text, text);
	p = opened(f, true);
	assert_int_equal(file_replace(partial_dirfd(p), "new", "", 0, 0644, NULL), 0);
	assert_int_equal(partial_publish(p, NULL), 0);
	partial_close(p);
	assert_true(there(f, "web01/new"));
	assert_false(there(f, ".web01.partial"));
}

static void a_target_that_appears_meanwhile_is_refused(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false);
	struct err err = ERR_INIT;

	assert_int_equal(partial_prepare(p, &err), 0);
	assert_true(there(f, "."));
	snprintf(f->path, sizeof f->path, "%s/web01", f->dir);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(partial_prepare(p, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	assert_non_null(strstr(err.text, "/web01' exists already: choose another name with -on"));
	assert_int_equal(partial_publish(p, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	partial_close(p);
	assert_true(there(f, ".web01.partial/web01.xml"));
}

static void a_second_run_is_told_to_wait(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false), *second = NULL;
	struct err err = ERR_INIT;
	struct cleaned cleaned;

	assert_int_equal(partial_open(f->dir, "web01", false, &second, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_non_null(strstr(err.text, "is locked: another run is working on it"));
	assert_int_equal(partial_clean(f->dir, "web01", &cleaned, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	/* of all, those that nobody works on */
	for (const char *c = "az"; *c; c++) {
		snprintf(f->path, sizeof f->path, "%s/.%c.partial", f->dir, *c);
		assert_int_equal(mkdir(f->path, 0755), 0);
	}
	assert_int_equal(partial_clean(f->dir, NULL, &cleaned, &err), 0);
	assert_int_equal(cleaned.removed, 2);
	assert_int_equal(cleaned.held, 1);
	assert_true(there(f, ".web01.partial"));
	partial_close(p);
	p = opened(f, false);
	assert_true(partial_was_there(p));
	partial_close(p);
	assert_int_equal(partial_clean(f->dir, "other", &cleaned, NULL), 0);
	assert_int_equal(cleaned.removed, 0);
	assert_int_equal(partial_clean(f->dir, "web01", &cleaned, NULL), 0);
	assert_int_equal(cleaned.removed, 1);
	assert_false(there(f, ".web01.partial"));
}

static void discarding_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct partial *p = opened(f, false);

	partial_discard(p);
	partial_close(p);
	assert_false(there(f, ".web01.partial"));
	assert_false(there(f, "web01"));
}

static void only_scaffold_is_removed(void **state)
{
	static const char *const names[] = {"journal.ndjson", "delta-0", "map-12", "spool-3", ".0123456789abcdef.new"};
	static const char *const others[] = {"delta-", "delta-0.xml", "map-0-sda.qcow2", "journal.ndjson.new",
					     "web01.xml"};
	struct fixture *f = *state;
	struct partial *p = opened(f, false);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_true(partial_is_scaffold(names[i]));
		assert_int_equal(file_replace(partial_dirfd(p), names[i], "x", 1, 0600, NULL), 0);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		assert_false(partial_is_scaffold(others[i]));
		assert_int_equal(file_replace(partial_dirfd(p), others[i], "x", 1, 0600, NULL), 0);
	}
	assert_int_equal(partial_remove_scaffold(p, NULL), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(faccessat(partial_dirfd(p), names[i], F_OK, 0), -1);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_int_equal(faccessat(partial_dirfd(p), others[i], F_OK, 0), 0);
	partial_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_final_before_publish, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_existing_target_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_target_that_appears_meanwhile_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_source_is_spared, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_results_are_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_second_run_is_told_to_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(discarding_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_scaffold_is_removed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
