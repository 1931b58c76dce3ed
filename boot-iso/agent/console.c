/* Plain terminals. */
#include "boot-iso/agent/console.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { STUCK_MS = 2000 };

void console_add(struct console *c, const char *path)
{
	struct console_terminal t = {.in = -1, .out = -1};

	if (c->n == CONSOLES_MAX)
		return;
	if (!*path) {
		t.in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		t.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		t.in = t.out = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
		/* A serial port that the machine doesn't have opens, but isn't a terminal. */
		if (t.out >= 0 && !isatty(t.out)) {
			close(t.out);
			t.out = -1;
		}
	}
	snprintf(t.path, sizeof t.path, "%s", path);
	if (t.out >= 0)
		c->v[c->n++] = t;
}

/* Nobody types there any more. */
static void deafen(struct console_terminal *t)
{
	if (t->in >= 0 && t->in != t->out)
		close(t->in);
	t->in = -1;
}

void console_close(struct console *c)
{
	for (size_t i = 0; i < c->n; i++) {
		deafen(&c->v[i]);
		close(c->v[i].out);
	}
	c->n = 0;
}

static void put_at(struct console_terminal *t, const char *text)
{
	struct pollfd p = {.fd = t->out, .events = POLLOUT};
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(t->out, text, left);

		if (n > 0) {
			text += n;
			left -= (size_t)n;
			t->stuck = false;
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return;
		t->stuck = t->stuck || poll(&p, 1, STUCK_MS) == 0;
		if (t->stuck)
			return;
	}
}

static void put(struct console *c, const char *text)
{
	for (size_t i = 0; i < c->n; i++)
		put_at(&c->v[i], text);
}

void console_print(struct console *c, const char *text)
{
	if (c->in_status)
		put(c, "\r\033[K");
	put(c, text);
	c->in_status = false;
}

void console_say(struct console *c, const char *text)
{
	console_print(c, text);
	put(c, "\n");
}

void console_status(struct console *c, const char *text)
{
	console_print(c, text);
	c->in_status = true;
}

void console_prompt(struct console *c, const char *question)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].in >= 0)
			tcflush(c->v[i].in, TCIFLUSH);
	console_print(c, question);
}

size_t console_fds(const struct console *c, int fds[CONSOLES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].in >= 0)
			fds[n++] = c->v[i].in;
	return n;
}

/* One line of the terminal that has one; terminals give whole lines. False: that terminal is gone. */
static bool read_line(int fd, char answer[ANSWER_MAX])
{
	ssize_t n = read(fd, answer, ANSWER_MAX - 1);

	if (n <= 0)
		return false;
	while (n && isspace((unsigned char)answer[n - 1]))
		n--;
	answer[n] = '\0';
	memmove(answer, answer + strspn(answer, " \t"), strlen(answer + strspn(answer, " \t")) + 1);
	return true;
}

bool console_typed(struct console *c, char answer[ANSWER_MAX])
{
	for (size_t i = 0; i < c->n; i++) {
		struct pollfd p = {.fd = c->v[i].in, .events = POLLIN};

		if (p.fd < 0 || poll(&p, 1, 0) != 1)
			continue;
		c->answered = i;
		if (read_line(p.fd, answer))
			return true;
		deafen(&c->v[i]);
	}
	return false;
}
