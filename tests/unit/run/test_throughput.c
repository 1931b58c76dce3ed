/* Bytes over time: steps, and how they grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/throughput.h"

static void says(const struct throughput *t, const char *expected)
{
	AUTO(js_freep) struct json *j = throughput_json(t);
	AUTO(buf_done) struct buf text = BUF_INIT(8192);

	assert_int_equal(js_print(j, false, &text), 0);
	assert_string_equal(buf_str(&text), expected);
}

static void steps_of_a_quarter_of_a_second(void **state)
{
	struct throughput t = {0};

	assert_null(throughput_json(&t));
	throughput_add(&t, 0.1, 10);
	throughput_add(&t, 0.2, 30);
	throughput_add(&t, 0.3, 35);
	throughput_add(&t, 1.1, 100);
	throughput_add(&t, 1.2, 100);
	says(&t, "{\"interval\":0.25,\"bytes\":[30,5,0,0,65]}");
}

static void they_double_when_there_are_too_many(void **state)
{
	struct throughput t = {0};
	uint64_t sum = 0;

	for (unsigned i = 0; i < 4000; i++)
		throughput_add(&t, i / 10.0, (uint64_t)i * 7);
	assert_true(t.interval == 2);
	assert_int_equal(t.n, 200);
	for (size_t i = 0; i < t.n; i++)
		sum += t.bytes[i];
	assert_int_equal(sum, 3999 * 7);
	assert_int_equal(t.bytes[0], 19 * 7);
	assert_int_equal(t.bytes[100], 20 * 7);
}

static void a_clock_or_a_count_that_goes_back(void **state)
{
	struct throughput t = {0};

	throughput_add(&t, 0.6, 50);
	throughput_add(&t, -1, 40);
	throughput_add(&t, 0.6, 60);
	says(&t, "{\"interval\":0.25,\"bytes\":[0,0,70]}");
	throughput_add(&t, 1e12, 61);
	assert_int_equal(t.bytes[0], 70);
	assert_true(t.n <= THROUGHPUT_STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps_of_a_quarter_of_a_second),
	    cmocka_unit_test(they_double_when_there_are_too_many),
	    cmocka_unit_test(a_clock_or_a_count_that_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
