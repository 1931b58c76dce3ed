/* Tests of guest/libguestfs_watch.c: what counts as a sign of life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "guest/libguestfs.h"

static struct appliance a;

static int setup(void **state)
{
	memset(&a, 0, sizeof a);
	return pthread_mutex_init(&a.lock, NULL);
}

static void hear(bool trace, const char *text)
{
	appliance_heard(&a, trace, text, strlen(text));
}

static void test_a_call_lasts_from_its_trace_to_its_value(void **state)
{
	hear(true, "mount_options \"ro,x = y\" \"/dev/sda1\" \"/\"");
	assert_true(a.in_call);
	assert_string_equal(a.call, "mount_options");
	hear(false, "guestfsd: = said in between");
	assert_true(a.in_call);
	hear(true, "mount_options = 0");
	assert_false(a.in_call);
	hear(true, "launch");
	assert_true(a.in_call);
	assert_string_equal(a.call, "launch");
}

static void test_complaints_of_a_lost_kernel_are_no_sign_of_life(void **state)
{
	const char *const complaints[] = {
	    "[  84.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
	    "[  84.1] watchdog: BUG: soft lockup - CPU#1 stuck for 22s!",
	    "[ 242.7] INFO: task udevd:89 blocked for more than 120 seconds.",
	};
	unsigned before;

	hear(false, "[    1.2] Run /init as init process");
	before = a.messages;
	assert_int_equal(before, 1);
	for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
		hear(false, complaints[i]);
	assert_int_equal(a.messages, before);
	hear(true, "ls \"/srv/rcu_data\"");
	assert_int_equal(a.messages, before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_a_call_lasts_from_its_trace_to_its_value, setup),
	    cmocka_unit_test_setup(test_complaints_of_a_lost_kernel_are_no_sign_of_life, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
