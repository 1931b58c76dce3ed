/* How the agent talks to people: each terminal of the machine has a way to show screens, and whoever answers first is
 * heard. */
#ifndef REHOST_BOOT_ISO_AGENT_UI_H
#define REHOST_BOOT_ISO_AGENT_UI_H

#include "boot-iso/agent/console.h"
#include "boot-iso/agent/screen.h"

enum {
	UI_NOTHING = -1, /* no button was pressed */
	UI_GONE = -2,	 /* and none will be */
	UIS_MAX = CONSOLES_MAX + 1,
	LINE_MAX_BYTES = 4096,
};

struct ui;

struct ui_ops {
	const char *name;
	/* A line about what happens, without its newline. */
	void (*say)(struct ui *u, const char *line);
	/* From now on this screen is shown (another serial than before) or brought up to date (the same one). NULL:
	 * none is, and what is typed means nothing. */
	void (*show)(struct ui *u, const struct screen *s);
	/* What is to be polled for input. */
	size_t (*fds)(const struct ui *u, int fds[CONSOLES_MAX]);
	/* Something was typed: the index of the button, the fields being filled in; UI_NOTHING, UI_GONE. */
	int (*input)(struct ui *u, struct screen *s);
	/* The device of the terminal where somebody answered last; "": standard input. */
	const char *(*speaker)(const struct ui *u);
	void (*close)(struct ui *u);
};

struct ui {
	const struct ui_ops *ops;
	/* The terminal that is to become a text one when this has gone: its device, "" for standard input and output,
	 * NULL for none. */
	char *terminal;
};

/* Plain terminals: questions one after the other. There is none yet. */
struct ui *text_ui_new(void);
/* Its terminals. */
struct console *text_ui_console(struct ui *u);

/* A full screen on the terminal (a device, or "" for standard input and output), in a process of its own. NULL: nobody
 * is there who could show one. */
struct ui *full_ui_new(const char *terminal);

/* All of them. */
struct uis {
	struct ui *v[UIS_MAX]; /* the first is the text one */
	size_t n;
	const struct screen *shown;
	unsigned serial;
	char speaker[CONSOLE_PATH_MAX]; /* the device of the terminal where a button was pressed last; "" none */
};

/* The kernel's consoles (its console= words), or standard input and output where there are none or own is set. full:
 * with full screens where a terminal answers. */
void uis_open(struct uis *u, const struct tree *t, bool own, bool full);
void uis_close(struct uis *u);

void uis_say(struct uis *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Shows the screen, or brings it up to date when it is the one that is shown; NULL: none. It must last until another
 * one, or none, is shown. */
void uis_show(struct uis *u, struct screen *s);
/* Waits for up to timeout milliseconds (-1: for ever) until a button of the screen that is shown is pressed: its index,
 * and no screen is shown any more; UI_NOTHING; UI_GONE: nobody is left who could. */
int uis_wait(struct uis *u, struct screen *s, int timeout);
/* Both. Never UI_NOTHING. */
int uis_ask(struct uis *u, struct screen *s);

#endif
