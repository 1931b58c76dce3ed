/* Tests of core/base/units.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/units.h"

static void test_sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *words;
	} rows[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {1536 * KIB, "1.5 MiB"},
	    {1543503872, "1.4 GiB"},
	    {2 * TIB, "2.0 TiB"},
	    {UINT64_MAX, "16.0 EiB"},
	};
	char words[SIZE_WORDS_MAX];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(size_in_words(rows[i].bytes, words), rows[i].words);
}

static void test_times(void **state)
{
	static const struct {
		double seconds;
		const char *words;
	} rows[] = {
	    {-1, "0.0 s"},	 {0.44, "0.4 s"},	  {59.94, "59.9 s"},	 {59.96, "1 min 00 s"},
	    {125, "2 min 05 s"}, {3599.4, "59 min 59 s"}, {12000, "3 h 20 min"}, {1e300, "277777777777 h 46 min"},
	};
	char words[SECONDS_WORDS_MAX];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(seconds_in_words(rows[i].seconds, words), rows[i].words);
}

static void test_parsing(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
	    {"0", 0},	       {"1", 1},	  {"4096", 4096},
	    {"64k", 64 * KIB}, {"64K", 64 * KIB}, {"20M", 20 * MIB},
	    {"3g", 3 * GIB},   {"2T", 2 * TIB},	  {"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {
	    "", "k", "-1", "+1", " 1", "1kb", "1.5M", "1x", "18446744073709551616", "16777216T"};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(size_parse(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(size_parse(bad[i], &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_times),
					   cmocka_unit_test(test_parsing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
