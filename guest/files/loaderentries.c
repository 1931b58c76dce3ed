/* Boot Loader Specification entries and syslinux' files: what they boot, the device names on their command lines. */
#include "guest/files/loaderentries.h"

#include <string.h>
#include <strings.h>

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

/* The kernel takes no more than 4096 bytes. */
enum { CMDLINE_MAX = 64 << 10 };

static char *joined(struct arena *a, char *before, char *more)
{
	if (strlen(before) + strlen(more) > CMDLINE_MAX)
		return before;
	return *before ? arena_printf(a, "%s %s", before, more) : more;
}

void loader_entry_parse(const struct lines *l, struct grub_entry *ret)
{
	*ret = (struct grub_entry){.parent = -1, .cmdline = arena_strdup(l->arena, "")};
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		char *value;

		if ((value = keyword_value(l->arena, text, "title"))) {
			ret->title = value;
		} else if ((value = keyword_value(l->arena, text, "initrd"))) {
			value = last_path(l->arena, value);
			ret->initrd = value ? value : ret->initrd;
		} else if ((value = keyword_value(l->arena, text, "options"))) {
			ret->cmdline = joined(l->arena, ret->cmdline, value);
		} else if ((value = keyword_value(l->arena, text, "linux"))) {
			ret->kernel = value;
			ret->line = (unsigned)i + 1;
		}
	}
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

struct block {
	struct grub_menu *menu;
	struct grub_entry *e; /* of the label around the line, NULL before the first */
};

/* "MENU LABEL ^Arch Linux", "MENU DEFAULT" */
static void menu_line(struct block *b, struct arena *a, const char *value)
{
	char *label = keyword_value(a, value, "label");

	if (b->e && label)
		b->e->title = label;
	else if (b->e && strncasecmp(value, "default", 7) == 0)
		b->menu->default_entry = b->e->id;
}

static void block_line(struct block *b, struct arena *a, const char *text, unsigned line)
{
	char *value;

	if ((value = keyword_value(a, text, "label"))) {
		b->e = vec_push(a, &b->menu->entries);
		*b->e = (struct grub_entry){.parent = -1,
					    .position = (unsigned)b->menu->entries.n - 1,
					    .id = value,
					    .title = value,
					    .cmdline = arena_strdup(a, "")};
	} else if ((value = keyword_value(a, text, "menu"))) {
		menu_line(b, a, value);
	} else if ((value = keyword_value(a, text, "default")) || (value = keyword_value(a, text, "ontimeout"))) {
		b->menu->default_entry = value;
	} else if (b->e && ((value = keyword_value(a, text, "kernel")) || (value = keyword_value(a, text, "linux")))) {
		b->e->kernel = value;
		b->e->line = line;
	} else if (b->e && (value = keyword_value(a, text, "initrd"))) {
		b->e->initrd = arena_strdup(a, strrchr(value, ',') ? strrchr(value, ',') + 1 : value);
	} else if (b->e && (value = keyword_value(a, text, "append"))) {
		b->e->cmdline = value;
	}
}

void extlinux_parse(const struct lines *l, struct grub_menu *ret)
{
	struct block b = {.menu = ret};

	*ret = (struct grub_menu){0};
	for (size_t i = 0; i < l->v.n; i++)
		block_line(&b, l->arena, l->v.v[i].text, (unsigned)i + 1);
	VEC_FOR (e, &ret->entries) {
		if (!e->initrd)
			initrd_argument(l->arena, e);
		if (e->kernel && strchr(e->kernel, '.') && strcasecmp(strrchr(e->kernel, '.'), ".c32") == 0)
			e->kernel = NULL; /* a module of syslinux: chain.c32, reboot.c32 */
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
