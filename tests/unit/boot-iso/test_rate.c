/* Tests of boot-iso/agent/rate.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot-iso/agent/rate.h"

static void nothing_is_known_at_first(void **state)
{
	struct rate r = {0};

	assert_true(rate_now(&r) == 0);
	rate_add(&r, 5, 1000);
	assert_true(rate_now(&r) == 0);
}

static void a_steady_flow(void **state)
{
	struct rate r = {0};

	for (unsigned i = 0; i < 10; i++)
		rate_add(&r, 100 + i, UINT64_C(1000) * i);
	assert_true(rate_now(&r) == 1000);
}

/* A flow that has become faster counts as it is now, and samples within a second are one. */
static void only_the_last_samples_count(void **state)
{
	struct rate r = {0};
	uint64_t bytes = 0;

	for (unsigned i = 0; i < 100; i++)
		rate_add(&r, i, bytes += i < 50 ? 10 : 5000);
	rate_add(&r, 99.5, bytes + 1000000);
	assert_true(rate_now(&r) == 5000);
}

static void what_is_left_in_words(void **state)
{
	static const struct {
		double rate;
		uint64_t left;
		const char *words;
	} cases[] = {
	    {1000, 5000, "5 s"}, {1000, 180000, "3 min"}, {1000, 7500000, "2 h 05 min"},
	    {0, 5000, ""},	 {1, UINT64_MAX, ""},
	};
	char text[32];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(rate_left(cases[i].rate, cases[i].left, text, sizeof text), cases[i].words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_known_at_first),
	    cmocka_unit_test(a_steady_flow),
	    cmocka_unit_test(only_the_last_samples_count),
	    cmocka_unit_test(what_is_left_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
