/* Plain terminals: the same lines on all of them, an answer from whichever speaks first. A terminal that takes nothing
 * (somebody pressed Ctrl-S) holds nobody up: it misses lines. */
#ifndef REHOST_BOOT_ISO_AGENT_CONSOLE_H
#define REHOST_BOOT_ISO_AGENT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "boot-iso/agent/tree.h"

enum {
	CONSOLES_MAX = 8,
	ANSWER_MAX = 256,
	CONSOLE_PATH_MAX = 64,
};

struct console_terminal {
	bool stuck;		     /* it took nothing the last time */
	int in, out;		     /* may be the same; in -1: nobody types there any more */
	char path[CONSOLE_PATH_MAX]; /* "": standard input and output */
};

struct console {
	struct console_terminal v[CONSOLES_MAX];
	size_t n;
	bool in_status;	 /* the last line is a status, without its newline */
	size_t answered; /* who typed last */
};

/* Opens a terminal's device, or with "" takes standard input and output. What is no terminal, or one too many, is left
 * out. */
void console_add(struct console *c, const char *path);
void console_close(struct console *c);

void console_say(struct console *c, const char *text);
/* A text of any length as it is, without a newline behind it. */
void console_print(struct console *c, const char *text);
/* A line that the next one overwrites. */
void console_status(struct console *c, const char *text);
/* A question; the answer is typed behind it. What was typed before is no answer to it. */
void console_prompt(struct console *c, const char *question);

/* Those that somebody may type at. */
size_t console_fds(const struct console *c, int fds[CONSOLES_MAX]);
/* The line that somebody typed since the last look, without white space at its ends; it never waits. False: none. */
bool console_typed(struct console *c, char answer[ANSWER_MAX]);

#endif
