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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
