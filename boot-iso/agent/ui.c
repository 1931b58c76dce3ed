/* All terminals together. */
#include "boot-iso/agent/ui.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/cleanup.h"

static void add(struct uis *u, struct ui *one)
{
	if (one && u->n < UIS_MAX)
		u->v[u->n++] = one;
}

/* A full screen there, else text. */
static void open_terminal(struct uis *u, const char *terminal, bool full)
{
	struct ui *screen = full && u->n < UIS_MAX ? full_ui_new(terminal) : NULL;

	if (screen)
		add(u, screen);
	else
		console_add(text_ui_console(u->v[0]), terminal);
}

void uis_open(struct uis *u, const struct tree *t, bool own, bool full)
{
	AUTO(arena_done) struct arena a = {0};
	const char *names = own ? NULL : tree_text(t, &a, "sys/class/tty/console/active");
	struct words consoles = split_words(&a, names ? names : "", " \n");

	*u = (struct uis){0};
	add(u, text_ui_new());
	VEC_FOR (name, &consoles)
		open_terminal(u, arena_printf(&a, "/dev/%s", *name), full);
	if (u->n == 1 && !text_ui_console(u->v[0])->n)
		open_terminal(u, "", full);
}

void uis_close(struct uis *u)
{
	for (size_t i = 0; i < u->n; i++)
		u->v[i]->ops->close(u->v[i]);
	u->n = 0;
}

void uis_say(struct uis *u, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < u->n; i++)
		u->v[i]->ops->say(u->v[i], line);
}

void uis_show(struct uis *u, struct screen *s)
{
	if (s && s != u->shown)
		s->serial = ++u->serial;
	u->shown = s;
	for (size_t i = 0; i < u->n; i++)
		u->v[i]->ops->show(u->v[i], s);
}

/* The terminal is plain text from now on. */
static void fall_back(struct uis *u, size_t i, const struct screen *s)
{
	struct ui *gone = u->v[i];

	u->v[i] = u->v[--u->n];
	console_add(text_ui_console(u->v[0]), gone->terminal);
	gone->ops->close(gone);
	u->v[0]->ops->show(u->v[0], NULL);
	u->v[0]->ops->show(u->v[0], s);
}

/* What ui i does with its input. */
static int hear(struct uis *u, size_t i, struct screen *s)
{
	int button = u->v[i]->ops->input(u->v[i], s);

	if (button >= 0)
		snprintf(u->speaker, sizeof u->speaker, "%s", u->v[i]->ops->speaker(u->v[i]));
	if (button == UI_GONE && u->v[i]->terminal)
		fall_back(u, i, s);
	return button >= 0 ? button : UI_NOTHING;
}

enum { AGAIN_MS = 1000 /* a terminal that was stuck may have missed the screen */ };

struct polled {
	struct pollfd fds[UIS_MAX * CONSOLES_MAX];
	size_t owner[UIS_MAX * CONSOLES_MAX], n;
};

static void collect(const struct uis *u, struct polled *p)
{
	p->n = 0;
	for (size_t i = 0; i < u->n; i++) {
		int fds[CONSOLES_MAX];
		size_t n = u->v[i]->ops->fds(u->v[i], fds);

		for (size_t k = 0; k < n; k++) {
			p->owner[p->n] = i;
			p->fds[p->n++] = (struct pollfd){.fd = fds[k], .events = POLLIN};
		}
	}
}

int uis_wait(struct uis *u, struct screen *s, int timeout)
{
	for (;;) {
		struct polled p;
		int ready, button = UI_NOTHING;

		collect(u, &p);
		if (!p.n)
			return UI_GONE;
		ready = poll(p.fds, p.n, timeout < 0 ? AGAIN_MS : timeout);
		if (ready == 0 && timeout >= 0)
			return UI_NOTHING;
		if (ready == 0)
			uis_show(u, s);
		if (ready < 0 && errno != EINTR)
			return UI_GONE;
		/* One at a time: the others may be other uis' after it. */
		for (size_t k = 0; ready > 0 && k < p.n; k++)
			if (p.fds[k].revents) {
				button = hear(u, p.owner[k], s);
				break;
			}
		if (button == UI_NOTHING)
			continue;
		uis_show(u, NULL);
		return button;
	}
}

int uis_ask(struct uis *u, struct screen *s)
{
	uis_show(u, s);
	return uis_wait(u, s, -1);
}
