/* Tests of boot-iso/agent/console.c: two terminals show the same, and either answers. */
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-iso/agent/console.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

struct fixture {
	struct console c;
	int user[2]; /* the other ends: keyboard and screen */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	for (int i = 0; i < 2; i++)
		assert_int_equal(openpty(&f->user[i], &f->c.fds[i], NULL, NULL, NULL), 0);
	f->c.n = 2;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	console_close(&f->c);
	for (int i = 0; i < 2; i++)
		if (f->user[i] >= 0)
			close(f->user[i]);
	free(f);
	return 0;
}

/* Reads a screen until it has shown the text. */
static void assert_shows(int fd, const char *text)
{
	AUTO(buf_done) struct buf seen = BUF_INIT(4096);
	char byte;

	while (!strstr(buf_str(&seen), text)) {
		assert_int_equal(read(fd, &byte, 1), 1);
		assert_int_equal(buf_add(&seen, &byte, 1), 0);
	}
}

static void both_screens_show_it(void **state)
{
	struct fixture *f = *state;

	console_status(&f->c, "half of it");
	console_say(&f->c, "%d disks", 2);
	for (int i = 0; i < 2; i++)
		assert_shows(f->user[i], "half of it\r\033[K2 disks\r\n");
}

static void type(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* The question forgets what was typed before, so the answer is typed when a line is awaited already. */
static void *answer_later(void *opaque)
{
	struct fixture *f = opaque;

	assert_shows(f->user[1], "Name [web01]: ");
	type(f->user[1], "  db 7 \n");
	return NULL;
}

static void either_answers(void **state)
{
	struct fixture *f = *state;
	char answer[ANSWER_MAX];
	pthread_t user;

	assert_int_equal(pthread_create(&user, NULL, answer_later, f), 0);
	assert_int_equal(console_ask(&f->c, "Name", "web01", answer), 0);
	pthread_join(user, NULL);
	assert_string_equal(answer, "db 7");
}

static void *press_enter(void *opaque)
{
	struct fixture *f = opaque;

	assert_shows(f->user[0], "Name [web01]: ");
	type(f->user[0], "\n");
	return NULL;
}

static void enter_takes_the_preset(void **state)
{
	struct fixture *f = *state;
	char answer[ANSWER_MAX];
	pthread_t user;

	assert_int_equal(pthread_create(&user, NULL, press_enter, f), 0);
	assert_int_equal(console_ask(&f->c, "Name", "web01", answer), 0);
	pthread_join(user, NULL);
	assert_string_equal(answer, "web01");
}

static void a_look_does_not_wait(void **state)
{
	struct fixture *f = *state;
	char answer[ANSWER_MAX];

	assert_false(console_typed(&f->c, answer));
	type(f->user[1], "c\n");
	assert_true(console_typed(&f->c, answer));
	assert_string_equal(answer, "c");
	assert_false(console_typed(&f->c, answer));
}

static void consoles_that_go_away(void **state)
{
	struct fixture *f = *state;
	char answer[ANSWER_MAX];

	close(f->user[0]);
	f->user[0] = -1;
	type(f->user[1], "c\n");
	assert_true(console_typed(&f->c, answer));
	close(f->user[1]);
	f->user[1] = -1;
	assert_int_equal(console_ask(&f->c, "Name", "", answer), -1);
	assert_int_equal(f->c.n, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(both_screens_show_it), TEST(either_answers),	     TEST(enter_takes_the_preset),
	    TEST(a_look_does_not_wait), TEST(consoles_that_go_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
