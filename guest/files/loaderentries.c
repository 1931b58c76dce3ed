/* Boot Loader Specification entries and syslinux' files: what they boot, the device names on their command lines. */
#include "guest/files/loaderentries.h"

#include <string.h>
#include <strings.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "guest/files/devices.h"

/* The column of the value behind a keyword, 0 when the line has another one. */
static size_t keyword_at(const char *text, const char *keyword)
{
	struct span word;
	size_t pos = 0;

	if (!span_next(text, &pos, &word) || word.len != strlen(keyword) ||
	    strncasecmp(text + word.at, keyword, word.len) != 0)
		return 0;
	return pos + line_indent(text + pos);
}

/* The value without blanks at its end, NULL when the line has another keyword. */
static char *keyword_value(struct arena *a, const char *text, const char *keyword)
{
	size_t at = keyword_at(text, keyword), len;

	if (!at)
		return NULL;
	for (len = strlen(text + at); len && is_blank(text[at + len - 1]); len--)
		;
	return arena_strndup(a, text + at, len);
}

/* --- device names --- */

static bool has_keyword(const struct lines *l, const char *keyword)
{
	VEC_FOR (line, &l->v)
		if (keyword_at(line->text, keyword))
			return true;
	return false;
}

void loader_entry_devices(struct lines *l, const struct device_visitor *v)
{
	bool bare = !has_keyword(l, "initrd");

	for (size_t i = 0; i < l->v.n; i++) {
		size_t from = keyword_at(l->v.v[i].text, "options");

		if (from)
			cmdline_walk(l, i, from, bare, v);
	}
}

/* The line behind the block that begins at line i. */
static size_t block_end(const struct lines *l, size_t i)
{
	for (i++; i < l->v.n && !keyword_at(l->v.v[i].text, "label"); i++)
		;
	return i;
}

static bool block_has_initrd(const struct lines *l, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (keyword_at(l->v.v[i].text, "initrd") ||
		    (keyword_at(l->v.v[i].text, "append") && strcasestr(l->v.v[i].text, "initrd=")))
			return true;
	return false;
}

void extlinux_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t from = 0, to; from < l->v.n; from = to) {
		to = block_end(l, from);

		bool bare = !block_has_initrd(l, from, to);

		for (size_t i = from; i < to; i++) {
			size_t at = keyword_at(l->v.v[i].text, "append");

			if (at)
				cmdline_walk(l, i, at, bare, v);
		}
	}
}

/* --- menus --- */

/* The last of several words that isn't a variable ("$tuned_initrd"). */
static char *last_path(struct arena *a, const char *value)
{
	struct span word;
	size_t pos = 0;
	char *ret = NULL;

	while (span_next(value, &pos, &word))
		if (value[word.at] != '$')
			ret = span_dup(a, value, word);
	return ret;
}

/* The kernel takes no more than 4096 bytes; a line that doesn't fit is left out. */
#define CMDLINE_MAX (64 * KIB)

void loader_entry_parse(const struct lines *l, struct grub_entry *ret)
{
	AUTO(buf_done) struct buf cmdline = BUF_INIT(CMDLINE_MAX);

	*ret = (struct grub_entry){.parent = -1};
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		char *value;

		if ((value = keyword_value(l->arena, text, "title"))) {
			ret->title = value;
		} else if ((value = keyword_value(l->arena, text, "initrd"))) {
			value = last_path(l->arena, value);
			ret->initrd = value ? value : ret->initrd;
		} else if ((value = keyword_value(l->arena, text, "options"))) {
			buf_addf(&cmdline, "%s%s", cmdline.len ? " " : "", value);
		} else if ((value = keyword_value(l->arena, text, "linux"))) {
			ret->kernel = value;
			ret->line = (unsigned)i + 1;
		}
	}
	ret->cmdline = arena_strdup(l->arena, buf_str(&cmdline));
}

/* "initrd=a,b" on the command line: the last is the initramfs. */
static void initrd_argument(struct arena *a, struct grub_entry *e)
{
	const char *p = e->cmdline;

	for (p = strcasestr(p, "initrd="); p; p = strcasestr(p, "initrd=")) {
		size_t n = strcspn(p + 7, " \t"), from = n;

		if (p == e->cmdline || is_blank(p[-1])) {
			while (from && p[7 + from - 1] != ',')
				from--;
			e->initrd = arena_strndup(a, p + 7 + from, n - from);
		}
		p += 7;
	}
}

/* What names the default, and the index of its line. */
struct choice {
	char *label; /* NULL: there is no such line */
	size_t line;
};

struct block {
	struct grub_menu *menu;
	struct grub_entry *e; /* of the label around the line, NULL before the first */
	struct choice by_default, on_timeout, menu_default;
	bool in_menu; /* a module (menu.c32) shows the entries; without one nothing reads MENU lines */
};

/* A module of syslinux: chain.c32, reboot.c32. */
static bool is_module(const char *value)
{
	size_t n = strcspn(value, " \t");

	return n > 4 && strncasecmp(value + n - 4, ".c32", 4) == 0;
}

/* "MENU LABEL ^Arch Linux", "MENU DEFAULT" */
static void menu_line(struct block *b, struct arena *a, const char *value, size_t i)
{
	char *label = keyword_value(a, value, "label");

	if (b->e && label)
		b->e->title = label;
	else if (b->e && strncasecmp(value, "default", 7) == 0)
		b->menu_default = (struct choice){b->e->id, i};
}

/* Lines that are about the menu; false for others. */
static bool choice_line(struct block *b, struct arena *a, const char *text, size_t i)
{
	char *value;

	if ((value = keyword_value(a, text, "menu")))
		menu_line(b, a, value, i);
	else if ((value = keyword_value(a, text, "default")) && !is_module(value))
		b->by_default = (struct choice){value, i};
	else if (value || (value = keyword_value(a, text, "ui")))
		b->in_menu |= is_module(value);
	else if ((value = keyword_value(a, text, "ontimeout")))
		b->on_timeout = (struct choice){value, i};
	return value;
}

static void block_line(struct block *b, struct arena *a, const char *text, size_t i)
{
	char *value;

	if (choice_line(b, a, text, i))
		return;
	if ((value = keyword_value(a, text, "label"))) {
		b->e = vec_push(a, &b->menu->entries);
		*b->e = (struct grub_entry){.parent = -1,
					    .position = (unsigned)b->menu->entries.n - 1,
					    .id = value,
					    .title = value,
					    .cmdline = arena_strdup(a, "")};
	} else if (b->e && ((value = keyword_value(a, text, "kernel")) || (value = keyword_value(a, text, "linux")))) {
		b->e->kernel = value;
		b->e->line = (unsigned)i + 1;
	} else if (b->e && (value = keyword_value(a, text, "initrd"))) {
		b->e->initrd = arena_strdup(a, strrchr(value, ',') ? strrchr(value, ',') + 1 : value);
	} else if (b->e && (value = keyword_value(a, text, "append"))) {
		b->e->cmdline = value;
	}
}

/* The line that decides. */
static struct choice *chosen(struct block *b)
{
	if (b->on_timeout.label)
		return &b->on_timeout;
	if (b->menu_default.label && (b->in_menu || !b->by_default.label))
		return &b->menu_default;
	return &b->by_default;
}

static void read_blocks(struct block *b, const struct lines *l, struct grub_menu *menu)
{
	*b = (struct block){.menu = menu};
	*menu = (struct grub_menu){0};
	for (size_t i = 0; i < l->v.n; i++)
		block_line(b, l->arena, l->v.v[i].text, i);
}

void extlinux_parse(const struct lines *l, struct grub_menu *ret)
{
	struct block b;

	read_blocks(&b, l, ret);
	ret->default_entry = chosen(&b)->label;
	VEC_FOR (e, &ret->entries) {
		if (!e->initrd)
			initrd_argument(l->arena, e);
		if (e->kernel && is_module(e->kernel))
			e->kernel = NULL;
	}
}

static bool is_menu_default(struct arena *a, const char *text)
{
	const char *value = keyword_value(a, text, "menu");

	return value && strncasecmp(value, "default", 7) == 0;
}

/* MENU DEFAULT stands in the block of its label: it goes from all others. */
static void move_menu_default(struct lines *l, const char *label)
{
	size_t n = 0;

	VEC_FOR (line, &l->v)
		if (!is_menu_default(l->arena, line->text))
			l->v.v[n++] = *line;
	l->changed |= n < l->v.n;
	l->v.n = n;
	for (size_t i = 0; i < l->v.n; i++) {
		const char *value = keyword_value(l->arena, l->v.v[i].text, "label");

		if (value && strcmp(value, label) == 0) {
			lines_insert(l, i + 1, "  MENU DEFAULT");
			return;
		}
	}
}

void extlinux_set_default(struct lines *l, const char *label)
{
	struct grub_menu menu;
	struct block b;
	const struct choice *now;

	read_blocks(&b, l, &menu);
	now = chosen(&b);
	if (now->label && strcmp(now->label, label) == 0)
		return;
	if (now == &b.menu_default || (!now->label && b.in_menu)) {
		move_menu_default(l, label);
	} else if (now->label) {
		const char *text = l->v.v[now->line].text;
		size_t at = keyword_at(text, now == &b.on_timeout ? "ontimeout" : "default");

		line_splice(l, now->line, at, strlen(text) - at, label);
	} else {
		lines_insert(l, 0, arena_printf(l->arena, "DEFAULT %s", label));
	}
}

char *loader_conf_default(const struct lines *l)
{
	char *ret = NULL;

	VEC_FOR (line, &l->v) {
		char *value = keyword_value(l->arena, line->text, "default");

		if (value)
			ret = *value && *value != '@' ? value : NULL;
	}
	return ret;
}
