/* LVM's configuration (lvm.conf(5)): filter = [ "a|^/dev/sd[ab]|", "r|.*|" ], over one or several lines. */
#include "guest/files/lvmconf.h"

#include <ctype.h>
#include <string.h>

static const char *const name_stems[] = {"sd", "hd", "xvd", "vd", "nvme", "cciss"};

static bool is_word(char c)
{
	return isalnum((unsigned char)c);
}

/* The word at p when it is the name of a disk, a partition, or the stem before a class of letters; 0 else. */
static size_t device_word(const char *pattern, const char *p)
{
	size_t n = 0;

	if (p > pattern && is_word(p[-1]))
		return 0;
	while (is_word(p[n]))
		n++;
	for (size_t k = 0; k < sizeof name_stems / sizeof *name_stems; k++)
		if (strncmp(p, name_stems[k], strlen(name_stems[k])) == 0)
			return n;
	return 0;
}

/* pattern with its first device word renamed, NULL when there is none or it keeps its name. */
static char *renamed_pattern(struct arena *a, const char *pattern, const struct lvm_filters *f)
{
	/* Action and delimiter stand before the expression. */
	for (const char *p = pattern + 2; *p; p++) {
		size_t n = device_word(pattern + 2, p);

		if (!n)
			continue;

		const char *word = arena_strndup(a, p, n), *with = f->renamed(word, f->opaque);

		if (!with || strcmp(with, word) == 0)
			return NULL;
		return arena_printf(a, "%.*s%s%s", (int)(p - pattern), pattern, with, p + n);
	}
	return NULL;
}

static bool is_pattern(const char *p, size_t len)
{
	return len > 2 && (p[0] == 'a' || p[0] == 'r') && !is_word(p[1]);
}

/* True when the pattern is in some list already. */
static bool is_listed(const struct lines *l, const char *pattern)
{
	const char *quoted = arena_printf(l->arena, "\"%s\"", pattern);

	VEC_FOR (line, &l->v)
		if (strstr(line->text, quoted) && line->text[line_indent(line->text)] != '#')
			return true;
	return false;
}

/* The pattern accepts multipath's maps. */
static bool names_maps(const char *pattern, const struct lvm_filters *f)
{
	return f->multipath && pattern[0] == 'a' && (strstr(pattern, "mapper/") || strstr(pattern, "mpath"));
}

/* One quoted string of a filter at column at (its quote); returns the column behind it. */
static size_t filter_string(struct lines *l, size_t i, size_t at, const struct lvm_filters *f)
{
	const char *text = l->v.v[i].text;
	size_t len = strcspn(text + at + 1, "\"");
	char *pattern = arena_strndup(l->arena, text + at + 1, len);
	size_t end = at + 1 + len + (text[at + 1 + len] == '"');

	if (!is_pattern(pattern, len) || (f->multipath && pattern[0] == 'r'))
		return end;
	if (pattern[0] == 'a' && !names_maps(pattern, f) &&
	    (strstr(pattern, "by-id/") || strstr(pattern, "by-path/"))) {
		if (f->unknown)
			f->unknown(pattern, (unsigned)i + 1, f->opaque);
		return end;
	}

	const char *with = names_maps(pattern, f) ? arena_printf(l->arena, "a|/dev/%s.*|", f->renamed("sd", f->opaque))
						  : renamed_pattern(l->arena, pattern, f);

	if (!with || is_listed(l, with))
		return end;

	const char *insert = arena_printf(l->arena, "\"%s\", ", with);

	line_splice(l, i, at, 0, insert);
	return end + strlen(insert);
}

/* Where the list of a filter assignment begins on a line, 0 when it isn't one. */
static size_t filter_list(const char *text)
{
	size_t at = line_indent(text);

	if (text[at] == '#')
		return 0;

	/* "filter", "global_filter", "devices/filter", "devices { filter = … }" */
	const char *word = strstr(text, "filter");
	size_t behind = word ? (size_t)(word - text) + strlen("filter") : 0;

	if (!word)
		return 0;
	behind += line_indent(text + behind);
	return text[behind] == '=' ? behind + 1 : 0;
}

void lvmconf_extend_filters(struct lines *l, const struct lvm_filters *f)
{
	bool inside = false;

	for (size_t i = 0; i < l->v.n; i++) {
		size_t at = inside ? 0 : filter_list(l->v.v[i].text);

		if (!inside && !at)
			continue;
		inside = true;
		while (inside && l->v.v[i].text[at] && l->v.v[i].text[at] != '#') {
			char c = l->v.v[i].text[at];

			if (c == '"')
				at = filter_string(l, i, at, f);
			else if (c == ']' || (c != '[' && c != ',' && !is_blank(c)))
				inside = false;
			else
				at++;
		}
	}
}

/* An assignment of a filter: its lines, and whether it is global_filter. */
struct assignment {
	size_t first, behind;
	bool global;
};

/* The next one at or after line i; false at the end. */
static bool next_assignment(const struct lines *l, size_t i, struct assignment *ret)
{
	while (i < l->v.n && !filter_list(l->v.v[i].text))
		i++;
	if (i == l->v.n)
		return false;
	*ret = (struct assignment){.first = i, .global = strstr(l->v.v[i].text, "global_filter")};
	while (i + 1 < l->v.n && !strchr(l->v.v[i].text, ']'))
		i++;
	ret->behind = i + 1;
	return true;
}

static bool find_assignment(const struct lines *l, bool global, struct assignment *ret)
{
	for (size_t i = 0; next_assignment(l, i, ret); i = ret->behind)
		if (ret->global == global)
			return true;
	return false;
}

void lvmconf_take_filters(struct lines *l, const struct lines *from)
{
	struct assignment here, there;

	for (size_t i = 0; next_assignment(l, i, &here); i = here.behind) {
		if (!find_assignment(from, here.global, &there))
			continue;
		for (size_t k = here.first; k < here.behind; k++)
			lines_remove(l, here.first);
		for (size_t k = there.first; k < there.behind; k++)
			lines_insert(l, here.first + (k - there.first), from->v.v[k].text);
		here.behind = here.first + (there.behind - there.first);
	}
}
