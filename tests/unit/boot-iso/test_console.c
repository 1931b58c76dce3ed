/* Tests of boot-iso/agent/console.c and text.c: two plain terminals show the same, either answers, and a screen is one
 * question after the other. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-iso/agent/ui.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

struct fixture {
	struct uis uis;
	struct console *c;
	struct screen s;
	int user[2]; /* the other ends: keyboard and screen */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->uis.v[f->uis.n++] = text_ui_new();
	f->c = text_ui_console(f->uis.v[0]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(openpty(&f->user[i], &f->c->v[i].in, NULL, NULL, NULL), 0);
		f->c->v[i].out = f->c->v[i].in;
	}
	strcpy(f->c->v[1].path, "/dev/ttyS1");
	f->c->n = 2;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	uis_close(&f->uis);
	screen_done(&f->s);
	for (int i = 0; i < 2; i++)
		if (f->user[i] >= 0)
			close(f->user[i]);
	free(f);
	return 0;
}

/* Reads a terminal until it has shown the text. */
static void assert_shows(int fd, const char *text)
{
	AUTO(buf_done) struct buf seen = BUF_INIT(65536);
	char byte;

	while (!strstr(buf_str(&seen), text)) {
		assert_int_equal(read(fd, &byte, 1), 1);
		assert_int_equal(buf_add(&seen, &byte, 1), 0);
	}
}

static void type(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void both_terminals_show_it(void **state)
{
	struct fixture *f = *state;

	console_status(f->c, "half of it");
	uis_say(&f->uis, "%d disks\033[2J", 2);
	for (int i = 0; i < 2; i++)
		assert_shows(f->user[i], "half of it\r\033[K2 disks [2J\r\n");
	uis_say(&f->uis, "a\302\2332J b\2332J \303\204…"); /* C1's control characters, as UTF-8 and as they are */
	for (int i = 0; i < 2; i++)
		assert_shows(f->user[i], "a??2J b?2J Ä…\r\n");
}

static void a_look_does_not_wait(void **state)
{
	struct fixture *f = *state;
	char answer[ANSWER_MAX];

	assert_false(console_typed(f->c, answer));
	type(f->user[1], "  c d\t\n");
	assert_true(console_typed(f->c, answer));
	assert_string_equal(answer, "c d");
	assert_false(console_typed(f->c, answer));
}

/* Nobody reads the first terminal; the second shows what is said. */
static void a_stuck_terminal_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	char line[1024];

	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	assert_int_equal(fcntl(f->c->v[0].out, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 100; i++) {
		uis_say(&f->uis, "%s%d.", line, i);
		assert_shows(f->user[1], "x");
		tcflush(f->c->v[1].out, TCOFLUSH);
	}
	assert_true(f->c->v[0].stuck);
	tcflush(f->user[0], TCIFLUSH);
	uis_say(&f->uis, "again");
	assert_shows(f->user[0], "again");
}

static void terminals_that_go_away(void **state)
{
	struct fixture *f = *state;

	screen_begin(&f->s, "Name", "");
	screen_add_button(&f->s, "Next");
	uis_show(&f->uis, &f->s);
	close(f->user[0]);
	f->user[0] = -1;
	type(f->user[1], "next\n");
	assert_int_equal(uis_wait(&f->uis, &f->s, -1), 0);
	close(f->user[1]);
	f->user[1] = -1;
	assert_int_equal(uis_ask(&f->uis, &f->s), UI_GONE);
}

/* Shows the screen, and types what is to be typed as it is asked for: question, line, question, line, NULL. */
static int answer(struct fixture *f, int who, ...)
{
	const char *question;
	int button = UI_NOTHING;
	va_list ap;

	uis_show(&f->uis, &f->s);
	va_start(ap, who);
	while ((question = va_arg(ap, const char *))) {
		assert_int_equal(button, UI_NOTHING);
		assert_shows(f->user[who], question);
		type(f->user[who], va_arg(ap, const char *));
		button = uis_wait(&f->uis, &f->s, 100);
	}
	va_end(ap);
	return button;
}

static void entries(void **state)
{
	struct fixture *f = *state;

	screen_begin(&f->s, "The host", "Where?");
	screen_add_entry(&f->s, "Host", "");
	screen_add_entry(&f->s, "Token", "a-b");
	screen_add_button(&f->s, "Next");
	screen_add_button(&f->s, "Back");
	assert_int_equal(answer(f, 1, "The host\r\nWhere?\r\nHost: ", "10.0.0.5\n", "Token [a-b]: ", "\n", NULL), 0);
	assert_string_equal(f->s.fields.v[0].value, "10.0.0.5");
	assert_string_equal(f->s.fields.v[1].value, "a-b");
	assert_string_equal(f->uis.speaker, "/dev/ttyS1");
	/* A button's whole name is no host. */
	assert_int_equal(answer(f, 0, "Host [10.0.0.5]: ", "BACK\n", NULL), 1);
	assert_string_equal(f->s.fields.v[0].value, "10.0.0.5");
	assert_string_equal(f->uis.speaker, "");
}

static void long_text_is_broken_between_words(void **state)
{
	struct fixture *f = *state;

#define SIXTY "sixty characters are what this is, with a full stop at its end."
	screen_begin(&f->s, "Long", "\n" SIXTY " Seventeen is no more than that.\n\nEnd");
	screen_add_button(&f->s, "Next");
	uis_show(&f->uis, &f->s);
	assert_shows(f->user[0],
		     "Long\r\n\r\n" SIXTY " Seventeen is no\r\nmore than that.\r\n\r\nEnd\r\nNext? [Next]: ");
}

static void choices(void **state)
{
	struct fixture *f = *state;

	screen_begin(&f->s, "Disks", "");
	screen_add_choice(&f->s, "sda  1 GiB", true, false);
	screen_add_choice(&f->s, "sdb  2 GiB", false, false);
	screen_add_choice(&f->s, "sdc  the live medium", false, true);
	screen_add_button(&f->s, "Next");
	assert_int_equal(answer(f, 0,
				"[*] sda  1 GiB\r\n  [ ] sdb  2 GiB\r\n      sdc  the live medium\r\n"
				"Names, all or none [sda]: ",
				"sdc\n", "'sdc' can't be chosen here.\r\nNames, all or none [sda]: ", "sdb\n", NULL),
			 0);
	assert_false(f->s.fields.v[0].on);
	assert_true(f->s.fields.v[1].on);
	assert_int_equal(answer(f, 0, "[sdb]: ", "all\n", NULL), 0);
	assert_true(f->s.fields.v[0].on && f->s.fields.v[1].on);
	assert_false(f->s.fields.v[2].on);
}

static void one_choice_is_yes_or_no(void **state)
{
	struct fixture *f = *state;

	screen_begin(&f->s, "Begin?", "");
	screen_add_choice(&f->s, "Switch it off", false, false);
	screen_add_button(&f->s, "Begin");
	assert_int_equal(answer(f, 0, "Switch it off [no]: ", "yes\n", NULL), 0);
	assert_true(f->s.fields.v[0].on);
}

static void buttons_by_their_beginning(void **state)
{
	struct fixture *f = *state;

	screen_begin(&f->s, "Converted", "");
	screen_add_button(&f->s, "Power off");
	screen_add_button(&f->s, "Reboot");
	screen_add_button(&f->s, "Retry");
	assert_int_equal(
	    answer(f, 0, "Power off, Reboot or Retry? [Power off]: ", "re\n", "[Power off]: ", "reb\n", NULL), 1);
	assert_int_equal(answer(f, 0, "? [Power off]: ", "poweroff\n", NULL), 0);
	assert_int_equal(answer(f, 0, "? [Power off]: ", "\n", NULL), 0);
}

static void progress_is_a_line(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i <= 2; i++) {
		screen_begin(&f->s, "Imaging", "");
		screen_add_bar(&f->s, "Copy", 100, i == 1 ? "1 GiB" : "2 GiB");
		screen_add_button(&f->s, "Cancel");
		uis_show(&f->uis, &f->s);
	}
	assert_shows(f->user[0],
		     "Imaging\r\nEnter and a button's name press it: Cancel.\r\n 10 %  1 GiB\r\033[K 10 %  2 GiB");
	assert_int_equal(uis_wait(&f->uis, &f->s, 0), UI_NOTHING);
	type(f->user[0], "x\n");
	assert_int_equal(uis_wait(&f->uis, &f->s, 100), UI_NOTHING);
	type(f->user[0], "c\n");
	assert_int_equal(uis_wait(&f->uis, &f->s, 100), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(both_terminals_show_it),
	    TEST(a_look_does_not_wait),
	    TEST(a_stuck_terminal_holds_nobody_up),
	    TEST(terminals_that_go_away),
	    TEST(entries),
	    TEST(long_text_is_broken_between_words),
	    TEST(choices),
	    TEST(one_choice_is_yes_or_no),
	    TEST(buttons_by_their_beginning),
	    TEST(progress_is_a_line),
	};

	alarm(60); /* what is awaited may never be shown */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
