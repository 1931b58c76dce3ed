/* Tests of guest/files/lines.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "guest/files/lines.h"

static void test_round_trip(void **state)
{
	static const char *const texts[] = {"",		  "\n",	      "a",	    "a\n",   "a\nb",
					    "a\r\nb\r\n", "a\rb\n\n", "\r\n\n\r\n", "\ta  ", "x\r\ny\nz\r"};
	AUTO(arena_done) struct arena a = {0};

	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		struct lines l;

		lines_split(&l, &a, texts[k]);
		assert_string_equal(lines_join(&l), texts[k]);
		assert_false(l.changed);
	}
}

static void test_edits(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "one two\r\nthree");
	assert_int_equal(l.v.n, 2);
	line_splice(&l, 0, 4, 3, "2");
	assert_true(l.changed);
	assert_string_equal(lines_join(&l), "one 2\r\nthree");
	lines_insert(&l, 2, "four");
	assert_string_equal(lines_join(&l), "one 2\r\nthree\r\nfour\r\n");
	lines_insert(&l, 0, "zero");
	assert_string_equal(lines_join(&l), "zero\r\none 2\r\nthree\r\nfour\r\n");
	lines_remove(&l, 1);
	lines_remove(&l, 2);
	assert_string_equal(lines_join(&l), "zero\r\nthree\r\n");
}

static void test_several_edits(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct splices edits = {0};
	struct lines l;

	lines_split(&l, &a, "one two drei!\n");
	splices_add(&l, &edits, (struct span){0, 3}, "1");
	splices_add(&l, &edits, (struct span){4, 0}, "and ");
	splices_add(&l, &edits, (struct span){8, 5}, "three");
	line_splice_all(&l, 0, &edits);
	assert_string_equal(lines_join(&l), "1 and two three\n");
	line_splice_all(&l, 0, &edits);
	assert_string_equal(lines_join(&l), "1 and two three\n");
}

static void test_insert_into_nothing(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "");
	lines_insert(&l, 0, "first");
	assert_string_equal(lines_join(&l), "first\n");
}

static void test_words(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = " \tab  c\t";
	struct span s;
	size_t pos = 0;

	assert_true(span_next(text, &pos, &s));
	assert_string_equal(span_dup(&a, text, s), "ab");
	assert_true(span_is(text, s, "ab"));
	assert_false(span_is(text, s, "abc"));
	assert_false(span_is(text, s, "a"));
	assert_true(span_next(text, &pos, &s));
	assert_int_equal(s.at, 6);
	assert_int_equal(s.len, 1);
	assert_false(span_next(text, &pos, &s));
	assert_int_equal(line_indent(text), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),	  cmocka_unit_test(test_edits),
	    cmocka_unit_test(test_several_edits), cmocka_unit_test(test_insert_into_nothing),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
