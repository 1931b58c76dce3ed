/* Screens as lines on plain terminals: one question after the other. At each of them a button's name is an answer,
 * too. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "boot-iso/agent/ui.h"

enum { COLUMNS = 79 };

struct text_ui {
	struct ui ui;
	struct console console;
	unsigned serial; /* of the screen that is shown; 0: none */
	size_t at;	 /* the field that is asked for; behind the last one, the button */
};

static struct text_ui *text_of(struct ui *u)
{
	return (struct text_ui *)u;
}

static void print(struct text_ui *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void print(struct text_ui *t, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	console_print(&t->console, clean_text(text));
}

/* Lines of a terminal's width, broken between words. */
static void print_wrapped(struct text_ui *t, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), cut = len;

		if (len > COLUMNS) {
			cut = COLUMNS;
			while (cut && text[cut] != ' ')
				cut--;
			if (!cut)
				cut = COLUMNS;
		}
		print(t, "%.*s\n", (int)cut, text);
		text += cut;
		text += cut < len ? strspn(text, " ") : *text == '\n';
	}
}

static void text_say(struct ui *u, const char *line)
{
	char text[LINE_MAX_BYTES];

	snprintf(text, sizeof text, "%s", line);
	console_say(&text_of(u)->console, clean_text(text));
}

/* ---- choices: fields that stand together are one question ---- */

static size_t choices_end(const struct screen *s, size_t first)
{
	size_t end = first;

	while (end < s->fields.n && s->fields.v[end].kind == FIELD_CHOICE)
		end++;
	return end;
}

static size_t name_length(const struct field *f)
{
	return strcspn(f->label, " ");
}

static void list_choices(struct text_ui *t, const struct screen *s)
{
	VEC_FOR (f, &s->fields)
		if (f->kind == FIELD_CHOICE)
			print(t, "  %s %s\n", f->fixed ? "   " : f->on ? "[*]" : "[ ]", f->label);
}

static void ask_choices(struct text_ui *t, const struct screen *s)
{
	size_t end = choices_end(s, t->at);
	const char *comma = "";

	if (end == t->at + 1) {
		print(t, "%s [%s]: ", s->fields.v[t->at].label, s->fields.v[t->at].on ? "yes" : "no");
		return;
	}
	print(t, "Names, all or none [");
	for (size_t i = t->at; i < end; i++) {
		const struct field *f = &s->fields.v[i];

		if (!f->on)
			continue;
		print(t, "%s%.*s", comma, (int)name_length(f), f->label);
		comma = ",";
	}
	print(t, "]: ");
}

static struct field *choice_named(struct screen *s, size_t first, size_t end, const char *name)
{
	for (size_t i = first; i < end; i++) {
		struct field *f = &s->fields.v[i];

		if (!f->fixed && strlen(name) == name_length(f) && !strncasecmp(f->label, name, name_length(f)))
			return f;
	}
	return NULL;
}

static void take_all(struct screen *s, size_t first, size_t end, bool on)
{
	for (size_t i = first; i < end; i++)
		if (!s->fields.v[i].fixed)
			s->fields.v[i].on = on;
}

/* False, and a complaint: the answer names what isn't there. */
static bool take_names(struct text_ui *t, struct screen *s, size_t end, const char *answer)
{
	struct words names = split_words(&s->arena, answer, ", ");

	VEC_FOR (name, &names)
		if (!choice_named(s, t->at, end, *name)) {
			print(t, "'%s' can't be chosen here.\n", *name);
			return false;
		}
	take_all(s, t->at, end, false);
	VEC_FOR (name, &names)
		choice_named(s, t->at, end, *name)->on = true;
	return true;
}

static bool take_choices(struct text_ui *t, struct screen *s, const char *answer)
{
	size_t end = choices_end(s, t->at);
	bool yes = !strcasecmp(answer, "yes") || !strcasecmp(answer, "y");

	if (!*answer)
		return true;
	if (!strcasecmp(answer, "all") || !strcasecmp(answer, "none")) {
		take_all(s, t->at, end, !strcasecmp(answer, "all"));
		return true;
	}
	if (end == t->at + 1 && (yes || !strcasecmp(answer, "no") || !strcasecmp(answer, "n"))) {
		s->fields.v[t->at].on = yes;
		return true;
	}
	return take_names(t, s, end, answer);
}

/* ---- buttons ---- */

/* Without white space, in whatever case; part: the beginning is enough. */
static bool button_is(const char *button, const char *answer, bool part)
{
	for (;; button++, answer++) {
		button += strspn(button, " ");
		answer += strspn(answer, " ");
		if (!*answer)
			return part || !*button;
		if (tolower((unsigned char)*button) != tolower((unsigned char)*answer))
			return false;
	}
}

/* The one that is meant, or UI_NOTHING. */
static int find_button(const struct screen *s, const char *answer, bool part)
{
	int found = UI_NOTHING;

	for (size_t i = 0; *answer && i < s->buttons.n; i++) {
		if (button_is(s->buttons.v[i], answer, false))
			return (int)i;
		if (!part || !button_is(s->buttons.v[i], answer, true))
			continue;
		if (found != UI_NOTHING)
			return UI_NOTHING;
		found = (int)i;
	}
	return found;
}

static void ask_button(struct text_ui *t, const struct screen *s)
{
	for (size_t i = 0; i < s->buttons.n; i++)
		print(t, "%s%s", i == 0 ? "" : i + 1 == s->buttons.n ? " or " : ", ", s->buttons.v[i]);
	print(t, "? [%s]: ", s->buttons.v[0]);
}

/* ---- the screen ---- */

static const struct field *first_bar(const struct screen *s)
{
	VEC_FOR (f, &s->fields)
		if (f->kind == FIELD_BAR)
			return f;
	return NULL;
}

static void ask(struct text_ui *t, const struct screen *s)
{
	const struct field *f = t->at < s->fields.n ? &s->fields.v[t->at] : NULL;

	console_prompt(&t->console, "");
	if (!f)
		ask_button(t, s);
	else if (f->kind == FIELD_CHOICE)
		ask_choices(t, s);
	else
		print(t, *f->value ? "%s [%s]: " : "%s%s: ", f->label, f->value);
}

static void begin(struct text_ui *t, const struct screen *s)
{
	t->serial = s->serial;
	t->at = 0;
	print(t, "\n%s\n", s->title);
	if (first_bar(s)) {
		print(t, "Enter and a button's name press it: %s.\n", s->buttons.v[0]);
		return;
	}
	print_wrapped(t, s->text);
	list_choices(t, s);
	ask(t, s);
}

static void text_show(struct ui *u, const struct screen *s)
{
	struct text_ui *t = text_of(u);
	char line[LINE_MAX_BYTES];

	if (!s) {
		t->serial = 0;
		return;
	}
	if (t->serial != s->serial)
		begin(t, s);
	if (first_bar(s)) {
		snprintf(line, sizeof line, "%3u %%  %s", first_bar(s)->filled / 10, first_bar(s)->value);
		console_status(&t->console, clean_text(first_bar(s)->filled ? line : line + strlen("  0 %  ")));
	}
}

static size_t text_fds(const struct ui *u, int fds[CONSOLES_MAX])
{
	return console_fds(&((const struct text_ui *)u)->console, fds);
}

/* Whether it is one; then the next is asked for. */
static bool take_field(struct text_ui *t, struct screen *s, const char *answer)
{
	struct field *f = &s->fields.v[t->at];

	if (f->kind == FIELD_CHOICE) {
		if (!take_choices(t, s, answer))
			return false;
		t->at = choices_end(s, t->at);
		return true;
	}
	if (*answer)
		f->value = arena_strdup(&s->arena, answer);
	t->at++;
	return true;
}

/* Behind the last field of a screen that has some, the first button is what was meant. */
static int take_line(struct text_ui *t, struct screen *s, const char *answer)
{
	bool in_fields = t->at < s->fields.n && !first_bar(s);
	int button = find_button(s, answer, !in_fields);

	if (button != UI_NOTHING || first_bar(s))
		return button;
	if (!in_fields && !*answer)
		return 0;
	if (in_fields && take_field(t, s, answer) && t->at == s->fields.n)
		return 0;
	ask(t, s);
	return UI_NOTHING;
}

static int text_input(struct ui *u, struct screen *s)
{
	struct text_ui *t = text_of(u);
	char answer[ANSWER_MAX];
	int fds[CONSOLES_MAX];

	if (!console_typed(&t->console, answer))
		return console_fds(&t->console, fds) ? UI_NOTHING : UI_GONE;
	return s && t->serial == s->serial ? take_line(t, s, answer) : UI_NOTHING;
}

static const char *text_speaker(const struct ui *u)
{
	const struct console *c = &((const struct text_ui *)u)->console;

	return c->answered < c->n ? c->v[c->answered].path : "";
}

static void text_close(struct ui *u)
{
	console_close(&text_of(u)->console);
	free(u);
}

static const struct ui_ops text_ops = {
    .name = "text",
    .say = text_say,
    .show = text_show,
    .fds = text_fds,
    .input = text_input,
    .speaker = text_speaker,
    .close = text_close,
};

struct ui *text_ui_new(void)
{
	struct text_ui *t = calloc(1, sizeof *t);

	if (t)
		t->ui.ops = &text_ops;
	return &t->ui;
}

struct console *text_ui_console(struct ui *u)
{
	return &text_of(u)->console;
}
