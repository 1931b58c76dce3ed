/* Tests of core/base/charset.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/charset.h"

static void test_names_of_other_systems(void **state)
{
	static const struct {
		const char *set, *text, *utf8;
	} cases[] = {
	    {"windows-1252", "M\xfcller \x80", "Müller €"},
	    {"WINDOWS-1251", "\xc4\xe8\xf1\xea", "Диск"},
	    {"GBK", "\xb4\xc5\xc5\xcc", "磁盘"},
	    {"GB18030", "\xb4\xc5\xc5\xcc", "磁盘"},
	    {"Shift_JIS", "\x83\x5c\x83\x74\x83\x67", "ソフト"}, /* 0x5c inside a character is no backslash */
	    {"Big5", "\xba\xcf\xba\xd0", "磁碟"},
	    {"EUC-KR", "\xb5\xf0\xbd\xba\xc5\xa9", "디스크"},
	    {"ISO-8859-15", "\xa4", "€"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(charset_closep) struct charset *c = charset_open(cases[i].set);
		AUTO_FREE char *got = NULL;

		assert_non_null(c);
		assert_true(charset_is(c, cases[i].set));
		assert_false(charset_is(c, "UTF-8"));
		got = charset_to_utf8(c, cases[i].text);
		assert_non_null(got);
		assert_string_equal(got, cases[i].utf8);
	}
}

static void test_what_is_no_text_of_the_set(void **state)
{
	AUTO(charset_closep) struct charset *gbk = charset_open("gbk");
	AUTO_FREE char *good = NULL;

	assert_null(charset_to_utf8(gbk, "a\xff\xff"));
	assert_null(charset_to_utf8(gbk, "cut \xb4"));
	good = charset_to_utf8(gbk, "after an error");
	assert_string_equal(good, "after an error");
	assert_true(charset_is(gbk, "windows-936"));
	assert_false(charset_is(NULL, "GBK"));
}

/* Only names of the list reach the system: its own may name files and options. */
static void test_unknown_names(void **state)
{
	static const char *const unknown[] = {"",	 "UTF-8",      "UTF-16", "CP1252", "GBK//TRANSLIT",
					      "../../x", "ISO-2022-JP"};

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		assert_null(charset_open(unknown[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_of_other_systems),
	    cmocka_unit_test(test_what_is_no_text_of_the_set),
	    cmocka_unit_test(test_unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
