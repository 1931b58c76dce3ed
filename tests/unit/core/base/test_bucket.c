/* Tests of core/base/bucket.c: how long a rate makes its users wait; time is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/bucket.h"

static const uint64_t ms = UINT64_C(1000000), second = UINT64_C(1000000000), began = UINT64_C(5000000000);

static void test_burst_then_rate(void **state)
{
	struct bucket b;

	bucket_init(&b, 1000, began);
	assert_int_equal(bucket_take(&b, 100, began), 0); /* a tenth of a second's worth */
	assert_int_equal(bucket_take(&b, 10, began), 10 * ms);
	assert_int_equal(bucket_take(&b, 500, began), 510 * ms); /* behind those before */
	assert_int_equal(bucket_take(&b, 1, began + 510 * ms), ms);
}

/* Whoever waits as told has had exactly the rate in the end, however odd rate and pieces are. */
static void test_rate_in_the_long_run(void **state)
{
	static const uint64_t rates[] = {1, 7, 4096, 1000003, 123456789, UINT64_C(10) << 30};
	struct bucket b;

	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		uint64_t now = began, bytes = 0;

		bucket_init(&b, rates[i], now);
		for (unsigned k = 0; k < 1000; k++) {
			now += bucket_take(&b, 4095, now);
			bytes += 4095;
		}
		/* time that passed, with what was saved up before it */
		assert_in_range(now - began + 100 * ms, bytes * second / rates[i],
				bytes * second / rates[i] + 100 * ms + 1);
	}
}

static void test_rest_saves_up_a_tenth_of_a_second(void **state)
{
	struct bucket b;

	bucket_init(&b, 1000, began);
	assert_int_equal(bucket_take(&b, 1100, began), second);
	assert_int_equal(bucket_take(&b, 50, began + second + 50 * ms), 0); /* had 50 ms, so 50 bytes */
	assert_int_equal(bucket_take(&b, 101, began + 3600 * second), ms);  /* an hour is worth no more than 100 ms */
}

static void test_no_bytes_no_wait(void **state)
{
	struct bucket b;

	bucket_init(&b, 1, began);
	assert_int_equal(bucket_take(&b, 0, began), 0);
}

/* A clock that has just begun, and more bytes than there is time for. */
static void test_extremes(void **state)
{
	struct bucket b;

	bucket_init(&b, 1000, 0);
	assert_int_equal(bucket_take(&b, 1, 0), ms);
	assert_int_equal(bucket_take(&b, UINT64_MAX, 0), UINT64_MAX);
	assert_int_equal(bucket_take(&b, UINT64_MAX, second), UINT64_MAX - second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_burst_then_rate),
	    cmocka_unit_test(test_rate_in_the_long_run),
	    cmocka_unit_test(test_rest_saves_up_a_tenth_of_a_second),
	    cmocka_unit_test(test_no_bytes_no_wait),
	    cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
