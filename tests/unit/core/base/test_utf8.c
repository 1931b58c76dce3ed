/* UTF-8 as strict as XML wants it, and text from outside made harmless for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "core/base/utf8.h"

static void characters(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
	    {"a", 1},
	    {"\xc3\xa9", 2},
	    {"\xe2\x82\xac", 3},
	    {"\xf0\x9f\x98\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\x80", 0},	     /* a tail alone */
	    {"\xc3", 0},	     /* cut */
	    {"\xc3(", 0},	     /* no tail */
	    {"\xc0\xaf", 0},	     /* overlong '/' */
	    {"\xe0\x80\xaf", 0},     /* overlong '/' */
	    {"\xf0\x80\x80\xaf", 0}, /* overlong '/' */
	    {"\xed\xa0\x80", 0},     /* a surrogate */
	    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
	    {"\xff", 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(utf8_char(cases[i].text, strlen(cases[i].text)), cases[i].len);
		assert_int_equal(utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].len != 0);
	}
	assert_true(utf8_valid("", 0));
	assert_false(utf8_valid("ab\xff", 3));
}

static void control_characters_become_question_marks(void **state)
{
	char line[] = "a\x1b[2J\nb\tc\x7f\xc2\x9b"
		      "d\xc3\xa9\xc2\xa0",
	     lines[] = "a\x1b\nb\tc\r";

	utf8_defuse(line, true);
	assert_string_equal(line, "a?[2J?b?c???d\xc3\xa9\xc2\xa0");
	utf8_defuse(lines, false);
	assert_string_equal(lines, "a?\nb\tc?");
}

/* "annfdp.exe" shown as "annexe.pdf". */
static void directions_become_question_marks(void **state)
{
	char text[] = "ann\u202efdp.exe\u2069 \u061c\u200f \u2028\u2030\u05d0";

	utf8_defuse(text, false);
	assert_string_equal(text, "ann???fdp.exe??? ????? ???\u2030\u05d0");
}

static void errors_are_one_harmless_line(void **state)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_CORRUPT, "disk '%s'", "\x1b[31mred\nrehost: all is well");
	err_wrap(&err, "'%s'", "a\rb");
	assert_string_equal(err.text, "'a?b': disk '?[31mred?rehost: all is well'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(characters),
	    cmocka_unit_test(control_characters_become_question_marks),
	    cmocka_unit_test(directions_become_question_marks),
	    cmocka_unit_test(errors_are_one_harmless_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
