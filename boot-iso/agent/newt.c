/* The process that shows screens on one terminal, over newt. The only includer of newt. */
#include "boot-iso/agent/newt.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <newt.h>

#include "boot-iso/agent/screen.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/model/version.h"

enum {
	LOG_LINES = 10,
	LINE_BYTES = 512,
	WIDTH_MAX = 100,
	LABEL_MAX = 28, /* columns of a bar's or an entry's label */
	SCALE_WIDTH = 14,
	BESIDE = 4,	/* columns that a window leaves free */
	AROUND = 6,	/* rows: its frame and shadow, the first and the last line of the screen */
	BAR_TEXT = 3,	/* rows at least above bars, whose text changes */
	TEXT_KEEPS = 4, /* rows that fields leave to the text when there is too much of both */
};

#define HELP " Tab: next   Space: choose   Enter: press"

struct view {
	struct screen screen;
	bool asked; /* the screen is shown, and nobody has answered it here */
	bool utf8;
	char log[LOG_LINES][LINE_BYTES];
	size_t nlog;
	/* the window */
	int width, text_rows;
	newtComponent form, text;
	newtComponent fields[SCREEN_FIELDS_MAX], values[SCREEN_FIELDS_MAX], buttons[SCREEN_BUTTONS_MAX];
};

/* ---- text that a terminal can show ---- */

/* A character of UTF-8 in ASCII; returns its bytes in the source. */
static size_t to_ascii(const unsigned char *from, char ret[4])
{
	static const struct {
		const char *utf8, *ascii;
	} known[] = {{"…", "..."}, {"–", "-"}, {"—", "-"}, {"’", "'"}, {"‘", "'"}, {"“", "\""}, {"”", "\""}};
	size_t n = 1;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strncmp((const char *)from, known[i].utf8, strlen(known[i].utf8))) {
			snprintf(ret, 4, "%s", known[i].ascii);
			return strlen(known[i].utf8);
		}
	while ((from[n] & 0xc0) == 0x80)
		n++;
	snprintf(ret, 4, "?");
	return n;
}

/* Nothing in it moves a cursor; without UTF-8 there is ASCII only. */
static char *printable(const struct view *v, struct arena *a, const char *text)
{
	char *clean = clean_text(arena_strdup(a, text)), *ret, *to, ascii[4];

	if (v->utf8)
		return clean;
	ret = to = arena_alloc(a, 3 * strlen(clean) + 1);
	while (*clean) {
		if ((unsigned char)*clean < 0x80) {
			*to++ = *clean++;
			continue;
		}
		clean += to_ascii((const unsigned char *)clean, ascii);
		to = stpcpy(to, ascii);
	}
	return ret;
}

/* The same, cut to so many columns and filled up with spaces. */
static char *column(const struct view *v, struct arena *a, const char *text, int width)
{
	const char *clean = printable(v, a, text);
	int columns = 0;
	size_t len = 0;

	while (clean[len] && columns < width) {
		len++;
		while ((clean[len] & 0xc0) == 0x80)
			len++;
		columns++;
	}
	return arena_printf(a, "%.*s%*s", (int)len, clean, width - columns, "");
}

/* ---- the window ---- */

static int screen_rows(void)
{
	int columns, rows;

	newtGetScreenSize(&columns, &rows);
	return rows;
}

static int window_width(void)
{
	int columns, rows;

	newtGetScreenSize(&columns, &rows);
	return (int)min_u64(WIDTH_MAX, (uint64_t)(columns - BESIDE));
}

static int lines_of(char *text, int width)
{
	newtComponent box = newtTextbox(0, 0, width, 1, NEWT_FLAG_WRAP);
	int ret;

	newtTextboxSetText(box, text);
	ret = newtTextboxGetNumLines(box);
	newtComponentDestroy(box);
	return ret;
}

static newtComponent text_box(char *text, int top, int width, int rows)
{
	bool scrolls = lines_of(text, width) > rows;
	newtComponent box = newtTextbox(1, top, width, rows, NEWT_FLAG_WRAP | (scrolls ? NEWT_FLAG_SCROLL : 0));

	newtTextboxSetText(box, text);
	return box;
}

static void close_window(struct view *v)
{
	if (!v->form)
		return;
	newtFormDestroy(v->form);
	newtPopWindow();
	v->form = v->text = NULL;
}

static void open_window(struct view *v, const char *title, int rows)
{
	newtCenteredWindow((unsigned)v->width, (unsigned)rows, title);
	v->form = newtForm(NULL, NULL, NEWT_FLAG_NOF12);
	newtFormWatchFd(v->form, NEWT_FD, NEWT_FD_READ);
}

/* Nothing is asked: what was said last. */
static void show_log(struct view *v)
{
	AUTO(arena_done) struct arena a = {0};
	char *text = arena_strdup(&a, "");

	for (size_t i = 0; i < v->nlog; i++)
		text = arena_printf(&a, "%s%s\n", text, v->log[i]);
	v->width = window_width();
	open_window(v, "Please wait", LOG_LINES + 1);
	v->text = text_box(printable(v, &a, text), 0, v->width - 2, LOG_LINES);
	newtFormAddComponent(v->form, v->text);
}

static int label_width(const struct view *v, enum field_kind kind)
{
	size_t ret = 0;

	VEC_FOR (f, &v->screen.fields)
		if (f->kind == kind && strlen(f->label) > ret)
			ret = strlen(f->label);
	return (int)min_u64(ret, LABEL_MAX);
}

static void add_entry(struct view *v, struct arena *a, newtComponent to, size_t i, int top)
{
	const struct field *f = &v->screen.fields.v[i];
	int label = label_width(v, FIELD_ENTRY);

	newtFormAddComponent(to, newtLabel(1, top, column(v, a, f->label, label)));
	v->fields[i] = newtEntry(label + 2, top, f->value, v->width - label - 3, NULL, NEWT_FLAG_SCROLL);
	newtFormAddComponent(to, v->fields[i]);
}

static void add_choice(struct view *v, struct arena *a, newtComponent to, size_t i, int top)
{
	const struct field *f = &v->screen.fields.v[i];
	char *label = column(v, a, f->label, v->width - 7);

	v->fields[i] = f->fixed ? newtLabel(5, top, label) : newtCheckbox(1, top, label, f->on ? '*' : ' ', " *", NULL);
	newtFormAddComponent(to, v->fields[i]);
}

static int value_width(const struct view *v)
{
	return v->width - label_width(v, FIELD_BAR) - SCALE_WIDTH - 4;
}

static void add_bar(struct view *v, struct arena *a, newtComponent to, size_t i, int top)
{
	const struct field *f = &v->screen.fields.v[i];
	int label = label_width(v, FIELD_BAR);

	newtFormAddComponent(to, newtLabel(1, top, column(v, a, f->label, label)));
	v->fields[i] = newtScale(label + 2, top, SCALE_WIDTH, 1000);
	newtScaleSet(v->fields[i], f->filled);
	v->values[i] = newtLabel(label + SCALE_WIDTH + 3, top, column(v, a, f->value, value_width(v)));
	newtFormAddComponents(to, v->fields[i], v->values[i], NULL);
}

static void add_fields(struct view *v, struct arena *a, newtComponent to, int top)
{
	for (size_t i = 0; i < v->screen.fields.n; i++, top++) {
		switch (v->screen.fields.v[i].kind) {
		case FIELD_ENTRY:
			add_entry(v, a, to, i, top);
			break;
		case FIELD_CHOICE:
			add_choice(v, a, to, i, top);
			break;
		case FIELD_BAR:
			add_bar(v, a, to, i, top);
			break;
		case FIELD_UNKNOWN:
			break;
		}
	}
}

/* More fields than rows: they scroll. */
static void add_scrolled(struct view *v, struct arena *a, int top, int rows)
{
	newtComponent bar =
	    newtVerticalScrollbar(v->width - 1, top, rows, NEWT_COLORSET_WINDOW, NEWT_COLORSET_ACTCHECKBOX);
	newtComponent list = newtForm(bar, NULL, 0);

	add_fields(v, a, list, top);
	newtFormSetHeight(list, rows);
	newtFormSetWidth(list, v->width - 2);
	newtFormAddComponents(v->form, bar, list, NULL);
}

static void add_buttons(struct view *v, struct arena *a, int top)
{
	int left, total = 0, gap;
	size_t n = v->screen.buttons.n;

	VEC_FOR (b, &v->screen.buttons)
		total += (int)strlen(*b) + 3;
	gap = (v->width - total) / ((int)n + 1);
	left = gap;
	for (size_t i = 0; i < n; i++) {
		v->buttons[i] = newtCompactButton(left, top, printable(v, a, v->screen.buttons.v[i]));
		newtFormAddComponent(v->form, v->buttons[i]);
		left += (int)strlen(v->screen.buttons.v[i]) + 3 + gap;
	}
}

static void show_screen(struct view *v)
{
	const struct screen *s = &v->screen;
	AUTO(arena_done) struct arena a = {0};
	char *text = printable(v, &a, s->text);
	int room = screen_rows() - AROUND - 2, fields = (int)s->fields.n, top;

	v->width = window_width();
	v->text_rows = lines_of(text, v->width - 2);
	if (fields && s->fields.v->kind == FIELD_BAR && v->text_rows < BAR_TEXT)
		v->text_rows = BAR_TEXT;
	if (v->text_rows + fields + 1 > room)
		fields = (int)min_u64((uint64_t)fields, (uint64_t)(room - TEXT_KEEPS - 1));
	v->text_rows = (int)min_u64((uint64_t)v->text_rows, (uint64_t)(room - fields - 1));
	top = v->text_rows + 1;
	open_window(v, column(v, &a, s->title, (int)min_u64(strlen(s->title), (uint64_t)v->width - 4)),
		    top + fields + (fields > 0) + 1);
	v->text = text_box(text, 0, v->width - 2, v->text_rows);
	newtFormAddComponent(v->form, v->text);
	if (fields < (int)s->fields.n)
		add_scrolled(v, &a, top, fields);
	else
		add_fields(v, &a, v->form, top);
	add_buttons(v, &a, top + fields + (fields > 0));
	if (fields)
		return;
	newtFormSetCurrent(v->form, v->buttons[0]);
}

static void redraw(struct view *v)
{
	close_window(v);
	if (v->asked)
		show_screen(v);
	else
		show_log(v);
}

/* The same screen with other values; what was typed or chosen stays. */
static void refresh(struct view *v)
{
	AUTO(arena_done) struct arena a = {0};

	newtTextboxSetText(v->text, printable(v, &a, v->screen.text));
	for (size_t i = 0; i < v->screen.fields.n; i++) {
		const struct field *f = &v->screen.fields.v[i];

		if (f->kind != FIELD_BAR)
			continue;
		newtScaleSet(v->fields[i], f->filled);
		newtLabelSetText(v->values[i], column(v, &a, f->value, value_width(v)));
	}
}

/* ---- the other process ---- */

static void say(struct view *v, const char *line)
{
	if (v->nlog == LOG_LINES)
		memmove(v->log, v->log + 1, sizeof v->log[0] * --v->nlog);
	snprintf(v->log[v->nlog++], LINE_BYTES, "%s", line);
	if (!v->asked)
		redraw(v);
}

static int on_screen(struct view *v, const struct json *j)
{
	unsigned serial = v->screen.serial;
	size_t fields = v->screen.fields.n;
	bool was_asked = v->asked;

	v->asked = js_get(j, "title") != NULL;
	if (v->asked && screen_from_json(&v->screen, j, NULL) < 0)
		return -1;
	if (v->asked && was_asked && serial == v->screen.serial && fields == v->screen.fields.n)
		refresh(v);
	else
		redraw(v);
	return 0;
}

static int receive(struct view *v)
{
	AUTO_FREE char *packet = malloc(NEWT_PACKET_MAX);
	ssize_t n = packet ? recv(NEWT_FD, packet, NEWT_PACKET_MAX, 0) : -1;
	AUTO(js_freep) struct json *j = n > 0 ? js_parse(packet, (size_t)n, NULL) : NULL;

	if (!j)
		return -1;
	if (js_get(j, "say"))
		say(v, js_get_str(j, "say", ""));
	return js_get(j, "screen") ? on_screen(v, js_get(j, "screen")) : 0;
}

/* Takes j. */
static int post(struct json *j)
{
	AUTO(js_freep) struct json *own = j;
	AUTO(buf_done) struct buf b = BUF_INIT(NEWT_PACKET_MAX);

	return js_print(own, false, &b) == 0 && send(NEWT_FD, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len ? 0 : -1;
}

static void collect(struct view *v)
{
	for (size_t i = 0; i < v->screen.fields.n; i++) {
		struct field *f = &v->screen.fields.v[i];

		if (f->kind == FIELD_ENTRY)
			f->value = arena_strdup(&v->screen.arena, newtEntryGetValue(v->fields[i]));
		if (f->kind == FIELD_CHOICE && !f->fixed)
			f->on = newtCheckboxGetValue(v->fields[i]) == '*';
	}
}

static int press(struct view *v, newtComponent what)
{
	for (size_t i = 0; v->asked && i < v->screen.buttons.n; i++) {
		if (what != v->buttons[i])
			continue;
		collect(v);
		v->asked = false;
		redraw(v);
		return post(screen_answer(&v->screen, i));
	}
	return 0;
}

/* ---- the terminal ---- */

/* In a session of its own, the device is what the process is ruled by. */
static bool take_terminal(const char *path)
{
	int fd;

	if (!*path) {
		dup2(STDIN_FILENO, STDOUT_FILENO);
		return isatty(STDIN_FILENO);
	}
	setsid();
	fd = open(path, O_RDWR);
	if (fd < 0 || !isatty(fd))
		return false;
	ioctl(fd, TIOCSCTTY, 1);
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		dup2(fd, i);
	if (fd > STDERR_FILENO && fd != NEWT_FD)
		close(fd);
	return true;
}

/* "ESC [ rows ; columns R" within the time. */
static bool read_position(unsigned *rows, unsigned *columns)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char text[64], *escape;
	size_t n = 0;

	while (n + 1 < sizeof text && poll(&p, 1, NEWT_PROBE_MS) == 1 && read(STDIN_FILENO, text + n, 1) == 1) {
		text[++n] = '\0';
		escape = strrchr(text, '\033');
		if (text[n - 1] == 'R' && escape && sscanf(escape, "\033[%u;%uR", rows, columns) == 2)
			return *rows && *columns && *rows < 1000 && *columns < 1000;
	}
	return false;
}

/* The cursor is sent far down, and asked where it is: so whoever has no size tells it, and that he is there. */
static bool ask_size(void)
{
	static const char question[] = "\0337\033[999;999H\033[6n\0338";
	struct winsize size = {0};
	struct termios before, raw;
	unsigned rows = 0, columns = 0;
	bool ret;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	ret = write(STDOUT_FILENO, question, sizeof question - 1) == (ssize_t)sizeof question - 1 &&
	      read_position(&rows, &columns);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	size.ws_row = (unsigned short)rows;
	size.ws_col = (unsigned short)columns;
	return ret && ioctl(STDIN_FILENO, TIOCSWINSZ, &size) == 0;
}

enum { ROWS_MIN = 20, COLUMNS_MIN = 60 };

static bool can_show(void)
{
	const char *term = getenv("TERM");
	struct winsize size = {0};

	if (!term || !strcmp(term, "dumb") || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	if ((!size.ws_row || !size.ws_col) && (!ask_size() || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0))
		return false;
	return size.ws_row >= ROWS_MIN && size.ws_col >= COLUMNS_MIN;
}

/* The kernel's own terminal draws lines only outside of UTF-8. */
static void use_utf8(const struct view *v, bool on)
{
	const char *term = getenv("TERM");

	if (!v->utf8 && term && !strcmp(term, "linux") && write(STDOUT_FILENO, on ? "\033%G" : "\033%@", 3) != 3)
		return;
}

static int converse(struct view *v)
{
	struct json *ready = js_object();

	js_set_bool(ready, "ready", true);
	if (post(ready) < 0)
		return 0;
	redraw(v);
	for (;;) {
		struct newtExitStruct got;

		newtFormRun(v->form, &got);
		if (got.reason == NEWT_EXIT_ERROR)
			return 1;
		if (got.reason == NEWT_EXIT_FDREADY && receive(v) < 0)
			return 0;
		if (got.reason == NEWT_EXIT_COMPONENT && press(v, got.u.co) < 0)
			return 0;
	}
}

int newt_main(const char *terminal)
{
	struct view v = {0};
	int ret;

	if (!take_terminal(terminal) || !can_show())
		return 1;
	setlocale(LC_ALL, "");
	v.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	use_utf8(&v, false);
	if (newtInit() != 0)
		return 1;
	newtCls();
	newtDrawRootText(1, 0, "rehost P2V " REHOST_VERSION " - this machine's disks are only read");
	newtPushHelpLine(HELP);
	ret = converse(&v);
	newtFinished();
	use_utf8(&v, true);
	screen_done(&v.screen);
	return ret;
}
