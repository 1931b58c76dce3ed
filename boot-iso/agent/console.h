/* The plain text screen: the same lines on every console of the kernel, an answer from whichever speaks first. */
#ifndef REHOST_BOOT_ISO_AGENT_CONSOLE_H
#define REHOST_BOOT_ISO_AGENT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "boot-iso/agent/tree.h"

enum {
	CONSOLES_MAX = 8,
	ANSWER_MAX = 256,
};

struct console {
	int fds[CONSOLES_MAX];
	size_t n;
	bool in_status; /* the last line is a status, without its newline */
};

/* Those of the kernel's console= words that can be opened; standard input and output when there is none. */
void console_open(struct console *c, const struct tree *t);
void console_close(struct console *c);

void console_say(struct console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A text of any length as it is, without a newline behind it. */
void console_print(struct console *c, const char *text);
/* A line that the next one overwrites. */
void console_status(struct console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Asks; answer gets the line without white space at its ends, or preset (may be "") when that is empty. -1: no console
 * can answer. */
int console_ask(struct console *c, const char *question, const char *preset, char answer[ANSWER_MAX]);

/* Whether somebody typed a line since the last look; it never waits. */
bool console_typed(struct console *c, char answer[ANSWER_MAX]);

#endif
