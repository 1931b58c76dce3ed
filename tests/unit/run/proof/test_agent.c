/* Tests of run/proof/agent.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/proof/agent.h"

static bool take(struct agent *a, const char *text)
{
	return agent_take(a, text, strlen(text));
}

static void test_the_agent_is_asked_and_answers(void **state)
{
	static const char first[] = "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":7215001}}\n";
	struct agent a = {0};
	char text[512];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	a.fd = fds[0];
	assert_false(agent_poll(&a, 1000));
	assert_false(agent_poll(&a, 2000));
	assert_int_equal(recv(fds[1], text, sizeof text, MSG_DONTWAIT), strlen(first));
	assert_memory_equal(text, first, strlen(first));
	assert_false(agent_poll(&a, 6000));
	assert_true(recv(fds[1], text, sizeof text, MSG_DONTWAIT) > 0);
	assert_int_equal(write(fds[1], "{\"return\": 72", 13), 13);
	assert_false(agent_poll(&a, 6001));
	assert_int_equal(write(fds[1], "15001}\n", 7), 7);
	assert_true(agent_poll(&a, 6002));
	close(fds[0]);
	close(fds[1]);
}

static void test_other_words_are_no_answer(void **state)
{
	struct agent a = {.fd = -1, .asked = 2};
	char flood[1000];

	assert_false(
	    take(&a, "{\"return\": {}}\n{\"return\": 7215003}\n{\"return\": 7215000}\nnot json\n\n[7215001]\n"));
	memset(flood, '{', sizeof flood);
	assert_false(agent_take(&a, flood, sizeof flood));
	assert_int_equal(a.len, sizeof a.line);
	assert_false(take(&a, "\n"));
	assert_true(take(&a, "{\"return\": 7215002}\n"));
}

static void test_no_channel(void **state)
{
	struct agent a = {.fd = -1};

	assert_false(agent_poll(&a, 1000));
	assert_int_equal(a.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_agent_is_asked_and_answers),
	    cmocka_unit_test(test_other_words_are_no_answer),
	    cmocka_unit_test(test_no_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
