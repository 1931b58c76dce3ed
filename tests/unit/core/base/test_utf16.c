/* UTF-16 names as UTF-8: every length of character, both byte orders, and what is no text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/utf16.h"

static void test_characters(void **state)
{
	/* a, e acute, euro sign, a smiling face, NUL, b */
	static const char little[] = "a\0\xe9\0\xac\x20\x3d\xd8\x00\xde\0\0b\0",
			  big[] = "\0a\0\xe9\x20\xac\xd8\x3d\xde\0";
	char out[32];

	assert_int_equal(utf16_to_utf8(little, 14, false, out, sizeof out), 10);
	assert_string_equal(out, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_int_equal(utf16_to_utf8(big, 10, true, out, sizeof out), 10);
	assert_string_equal(out, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_int_equal(utf16_to_utf8(little, 0, false, out, sizeof out), 0);
	assert_string_equal(out, "");
}

static void test_no_text(void **state)
{
	char out[4];

	assert_int_equal(utf16_to_utf8("a\0b", 3, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("\n\0", 2, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("\x7f\0", 2, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("\x3d\xd8", 2, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("\x3d\xd8\x3d\xd8", 4, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("\x00\xde", 2, false, out, sizeof out), -1);
}

static void test_room(void **state)
{
	char out[4];

	assert_int_equal(utf16_to_utf8("a\0b\0c\0", 6, false, out, sizeof out), 3);
	assert_int_equal(utf16_to_utf8("a\0b\0c\0d\0", 8, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("a\0\xac\x20", 4, false, out, sizeof out), -1);
	assert_int_equal(utf16_to_utf8("a\0", 2, false, out, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_characters),
	    cmocka_unit_test(test_no_text),
	    cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
