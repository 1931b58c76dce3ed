/* The plain text screen. */
#include "boot-iso/agent/console.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

enum { LINE_MAX_BYTES = 4096 };

/* "ttyS0 tty0" */
static void open_named(struct console *c, const char *names)
{
	char path[64];

	for (const char *p = names; *p && c->n < CONSOLES_MAX;) {
		size_t len = strcspn(p, " \n");

		snprintf(path, sizeof path, "/dev/%.*s", (int)len, p);
		c->fds[c->n] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
		/* A serial port that the machine doesn't have opens, but isn't a terminal. */
		if (c->fds[c->n] >= 0 && isatty(c->fds[c->n]))
			c->n++;
		else if (c->fds[c->n] >= 0)
			close(c->fds[c->n]);
		p += len + strspn(p + len, " \n");
	}
}

void console_open(struct console *c, const struct tree *t)
{
	AUTO(arena_done) struct arena a = {0};
	const char *names = tree_text(t, &a, "sys/class/tty/console/active");

	*c = (struct console){0};
	if (names)
		open_named(c, names);
	if (!c->n)
		c->fds[c->n++] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

void console_close(struct console *c)
{
	for (size_t i = 0; i < c->n; i++)
		close(c->fds[i]);
	c->n = 0;
}

static void put(struct console *c, const char *text, size_t len)
{
	for (size_t i = 0; i < c->n; i++)
		file_write(c->fds[i], text, len, NULL);
}

void console_print(struct console *c, const char *text)
{
	if (c->in_status)
		put(c, "\r\033[K", 4);
	put(c, text, strlen(text));
	c->in_status = false;
}

#define PUT_FORMATTED(c, fmt, end)                                                                                     \
	do {                                                                                                           \
		char text_[LINE_MAX_BYTES];                                                                            \
		va_list ap_;                                                                                           \
                                                                                                                       \
		va_start(ap_, fmt);                                                                                    \
		vsnprintf(text_, sizeof text_, fmt, ap_);                                                              \
		va_end(ap_);                                                                                           \
		if ((c)->in_status)                                                                                    \
			put(c, "\r\033[K", 4);                                                                         \
		put(c, text_, strlen(text_));                                                                          \
		put(c, end, strlen(end));                                                                              \
	} while (0)

void console_say(struct console *c, const char *fmt, ...)
{
	PUT_FORMATTED(c, fmt, "\n");
	c->in_status = false;
}

void console_status(struct console *c, const char *fmt, ...)
{
	PUT_FORMATTED(c, fmt, "");
	c->in_status = true;
}

/* What was typed before the question was asked is no answer to it. */
static void forget_input(struct console *c)
{
	for (size_t i = 0; i < c->n; i++)
		tcflush(c->fds[i], TCIFLUSH);
}

/* One line of the console that has one; terminals give whole lines. -1: that console is gone. */
static int read_line(int fd, char answer[ANSWER_MAX])
{
	ssize_t n = read(fd, answer, ANSWER_MAX - 1);

	if (n <= 0)
		return -1;
	while (n && isspace((unsigned char)answer[n - 1]))
		n--;
	answer[n] = '\0';
	memmove(answer, answer + strspn(answer, " \t"), strlen(answer + strspn(answer, " \t")) + 1);
	return 0;
}

static void drop(struct console *c, size_t i)
{
	close(c->fds[i]);
	c->fds[i] = c->fds[--c->n];
}

/* Waits up to timeout milliseconds (-1: for ever) for a line from any console. 1: there is one, 0: none, -1: nobody is
 * left to give one. */
static int wait_line(struct console *c, int timeout, char answer[ANSWER_MAX])
{
	struct pollfd p[CONSOLES_MAX];

	while (c->n) {
		int ready;

		for (size_t i = 0; i < c->n; i++)
			p[i] = (struct pollfd){.fd = c->fds[i], .events = POLLIN};
		ready = poll(p, c->n, timeout);
		if (ready == 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -1;
		for (size_t i = c->n; ready > 0 && i-- > 0;) {
			if (!p[i].revents)
				continue;
			if (read_line(c->fds[i], answer) == 0)
				return 1;
			drop(c, i);
		}
	}
	return -1;
}

bool console_typed(struct console *c, char answer[ANSWER_MAX])
{
	return wait_line(c, 0, answer) == 1;
}

int console_ask(struct console *c, const char *question, const char *preset, char answer[ANSWER_MAX])
{
	forget_input(c);
	console_status(c, *preset ? "%s [%s]: " : "%s%s: ", question, preset);
	c->in_status = false;
	if (wait_line(c, -1, answer) != 1)
		return -1;
	if (!*answer)
		snprintf(answer, ANSWER_MAX, "%s", preset);
	return 0;
}
