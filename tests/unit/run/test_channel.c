/* Tests of run/channel.c: messages of any size arrive whole and in order, rubbish and ends are told apart. */
#include <pthread.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "run/channel.h"

struct pair {
	struct channel a, b;
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	int fds[2];

	if (!p || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	channel_init(&p->a, fds[0]);
	channel_init(&p->b, fds[1]);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	channel_done(&p->a);
	channel_done(&p->b);
	free(p);
	return 0;
}

static struct json *message(uint64_t number, const char *text)
{
	struct json *j = js_object();

	js_set_u64(j, "number", number);
	js_set_str(j, "text", text);
	return j;
}

static void expect(struct channel *c, uint64_t number, size_t length)
{
	AUTO(js_freep) struct json *j = NULL;
	struct err err;

	assert_int_equal(channel_receive(c, &j, &err), 1);
	assert_int_equal(js_get_u64(j, "number", 0), number);
	assert_int_equal(strlen(js_get_str(j, "text", "")), length);
}

static void test_messages_in_order(void **state)
{
	struct pair *p = *state;
	struct err err;

	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(channel_send(&p->a, message(i, "line\nwith newline"), &err), 0);
	for (uint64_t i = 1; i <= 3; i++)
		expect(&p->b, i, 17);
	assert_int_equal(channel_send(&p->b, message(9, ""), &err), 0);
	expect(&p->a, 9, 0);
}

enum { LARGE = 3 << 20 };

static void *send_large(void *opaque)
{
	struct channel *c = opaque;
	AUTO_FREE char *text = malloc(LARGE + 1);

	memset(text, 'x', LARGE);
	text[LARGE] = '\0';
	channel_send(c, message(1, text), NULL);
	channel_send(c, message(2, ""), NULL);
	return NULL;
}

/* More than the socket holds at once. */
static void test_large_message(void **state)
{
	struct pair *p = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, send_large, &p->a), 0);
	expect(&p->b, 1, LARGE);
	expect(&p->b, 2, 0);
	pthread_join(thread, NULL);
}

static void test_the_other_side_is_gone(void **state)
{
	struct pair *p = *state;
	struct json *j = NULL;
	struct err err;

	assert_int_equal(channel_send(&p->a, message(1, ""), &err), 0);
	close(p->a.fd);
	p->a.fd = -1;
	expect(&p->b, 1, 0);
	assert_int_equal(channel_receive(&p->b, &j, &err), 0);
	assert_null(j);
	assert_int_equal(channel_send(&p->b, message(1, ""), &err), -1);
	assert_non_null(strstr(err.text, "message: cannot send "));
	assert_int_equal(err.sys, EPIPE);
}

static void test_rubbish(void **state)
{
	struct pair *p = *state;
	struct json *j = NULL;
	struct err err;

	assert_int_equal(send(p->a.fd, "{\"x\":}\n", 7, 0), 7);
	assert_int_equal(channel_receive(&p->b, &j, &err), -1);
	assert_non_null(strstr(err.text, "message: JSON line 1 column 6: "));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(channel_send(&p->a, message(1, ""), &err), 0);
	expect(&p->b, 1, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_messages_in_order),
	    TEST(test_large_message),
	    TEST(test_the_other_side_is_gone),
	    TEST(test_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
