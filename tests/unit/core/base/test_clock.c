/* Time that passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"

static void units_agree_and_never_go_back(void **state)
{
	uint64_t ms = clock_ms(), ns = clock_ns();
	double seconds = clock_seconds();

	assert_in_range(ns / 1000000, ms, ms + 60000);
	assert_true(seconds * 1e9 >= (double)ns && seconds * 1e9 <= (double)ns + 60e9);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t next = clock_ns();

		assert_true(next >= ns);
		ns = next;
	}
	assert_true(clock_uptime() + 1 >= clock_ms() / 1000); /* what it slept is in the first only */
}

static void deadlines(void **state)
{
	struct timespec t = clock_at(12345678);

	assert_int_equal(t.tv_sec, 12345);
	assert_int_equal(t.tv_nsec, 678000000);
	t = clock_at(5000);
	assert_int_equal(t.tv_sec, 5);
	assert_int_equal(t.tv_nsec, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(units_agree_and_never_go_back),
	    cmocka_unit_test(deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
