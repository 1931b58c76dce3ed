/* Tests of core/base/work.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/work.h"

struct count {
	_Atomic unsigned calls;
	unsigned fail_at; /* this call fails; 0: none */
};

static int call(void *opaque, struct err *err)
{
	struct count *c = opaque;
	unsigned number = ++c->calls;

	/* stays a little, so that the threads do run at once */
	nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return number == c->fail_at ? err_set(err, ERR_TEMPFAIL, "call %u failed", number) : 0;
}

static void test_each_thread_calls_once(void **state)
{
	struct count c = {0};
	struct err err;

	assert_int_equal(work_run(5, call, &c, &err), 0);
	assert_int_equal(c.calls, 5);
	c.calls = 0;
	assert_int_equal(work_run(0, call, &c, &err), 0);
	assert_int_equal(c.calls, 1);
}

static void test_the_error_comes_out(void **state)
{
	struct count c = {.fail_at = 2};
	struct err err;

	assert_int_equal(work_run(3, call, &c, &err), -1);
	assert_int_equal(c.calls, 3);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_string_equal(err.text, "call 2 failed");
	c.calls = 0;
	assert_int_equal(work_run(3, call, &c, NULL), -1);
}

static void test_threads_are_bounded(void **state)
{
	assert_int_equal(work_threads(3), 3);
	assert_int_equal(work_threads(1000), 64);
	assert_in_range(work_threads(0), 1, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_thread_calls_once),
	    cmocka_unit_test(test_the_error_comes_out),
	    cmocka_unit_test(test_threads_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
