/* Frames over a socket pair: what comes through, and what ends a connection. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "net/frame.h"

struct pair {
	struct stream *a;
	int b;
};

static void pair_open(struct pair *p)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &p->a, NULL), 0);
	p->b = fds[1];
}

static void pair_close(struct pair *p)
{
	stream_close(p->a);
	if (p->b >= 0)
		close(p->b);
}

static void test_round_trip(void **state)
{
	struct json *j = frame_new("ping"), *back = NULL;
	struct pair p;
	struct stream *b;

	pair_open(&p);
	assert_int_equal(stream_of_fd(p.b, &b, NULL), 0);
	p.b = -1;
	js_set_u64(j, "n", 7);
	assert_int_equal(frame_send(p.a, j, NULL), 0);
	assert_int_equal(stream_wait(b, 1000), 1);
	assert_int_equal(frame_receive(b, FRAME_SHORT, &back, NULL), 0);
	assert_string_equal(frame_type(back), "ping");
	assert_int_equal(js_get_u64(back, "n", 0), 7);
	assert_int_equal(stream_wait(b, 0), 0);
	js_free(back);
	stream_close(b);
	pair_close(&p);
}

/* Bytes as they are, then the end. */
static void receive(const void *bytes, size_t len, enum err_code code, const char *text)
{
	struct err err = ERR_INIT;
	struct json *j = NULL;
	struct pair p;

	pair_open(&p);
	assert_int_equal(write(p.b, bytes, len), (ssize_t)len);
	close(p.b);
	p.b = -1;
	assert_int_equal(frame_receive(p.a, FRAME_MAX, &j, &err), -1);
	assert_null(j);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, text));
	pair_close(&p);
}

static void test_what_is_no_frame(void **state)
{
	receive("", 0, ERR_TEMPFAIL, "the connection was lost");
	receive("\0\0\0", 3, ERR_TEMPFAIL, "the connection was lost");
	receive("\0\0\0\12{\"type\"", 11, ERR_TEMPFAIL, "the connection was lost in a frame of 10 bytes");
	receive("\0\20\0\1", 4, ERR_CORRUPT, "a frame of 1048577 bytes: 1048576 are the most");
	receive("\377\377\377\377", 4, ERR_CORRUPT, "a frame of 4294967295 bytes");
	receive("\0\0\0\0", 4, ERR_CORRUPT, "a frame of 0 bytes");
	receive("\0\0\0\5hello", 9, ERR_CORRUPT, "a frame of 5 bytes");
	receive("\0\0\0\2{}", 6, ERR_CORRUPT, "has no type");
	receive("\0\0\0\2[]", 6, ERR_CORRUPT, "has no type");
	receive("\0\0\0\12{\"type\":1}", 14, ERR_CORRUPT, "has no type");
}

static void test_too_large_for_its_place(void **state)
{
	struct err err = ERR_INIT;
	struct json *j = NULL;
	struct pair p;

	pair_open(&p);
	assert_int_equal(write(p.b, "\0\0\20\1", 4), 4);
	assert_int_equal(frame_receive(p.a, FRAME_SHORT, &j, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, "a frame of 4097 bytes: 4096 are the most");
	pair_close(&p);
}

/* A byte now and then, until nobody listens any more. */
static void *trickle(void *opaque)
{
	int fd = *(int *)opaque;

	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	return NULL;
}

/* Without the deadline this would take an hour, and then more would be there. */
static void test_deadline(void **state)
{
	char buf[36000];
	pthread_t thread;
	struct pair p;

	pair_open(&p);
	stream_patience(p.a, 3600);
	stream_deadline(p.a, 1);
	assert_false(stream_take(p.a, buf, 1));
	assert_true(stream_late(p.a));
	stream_deadline(p.a, 1);
	assert_int_equal(pthread_create(&thread, NULL, trickle, &p.b), 0);
	assert_false(stream_take(p.a, buf, sizeof buf));
	assert_true(stream_late(p.a));
	stream_deadline(p.a, 0);
	assert_true(stream_take(p.a, buf, 1));
	stream_shut(p.a, SHUT_RDWR);
	pthread_join(thread, NULL);
	pair_close(&p);
}

static void test_too_large_to_send(void **state)
{
	struct json *j = frame_new("inventory"), *list = js_set(j, "x", js_array());
	struct err err = ERR_INIT;
	struct pair p;

	pair_open(&p);
	for (unsigned i = 0; i < 200000; i++)
		js_add_u64(list, 1000000);
	assert_int_equal(frame_send(p.a, j, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_what_is_no_frame),
	    cmocka_unit_test(test_too_large_for_its_place),
	    cmocka_unit_test(test_deadline),
	    cmocka_unit_test(test_too_large_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
