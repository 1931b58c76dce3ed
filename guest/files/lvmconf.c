/* LVM's configuration (lvm.conf(5)): filter = [ "a|^/dev/sd[ab]|", "r|.*|" ], over one or several lines. */
#include "guest/files/lvmconf.h"

#include <ctype.h>
#include <string.h>

#include "guest/files/devnames.h"

/* So many patterns of a file are treated; a dozen is usual. */
enum { PATTERNS_MAX = 1024 };

static const char *const lettered_stems[] = {"sd", "hd", "xvd", "vd", NULL};
static const char *const numbered_stems[] = {"nvme", "cciss", "mmcblk", NULL};

static bool is_word(char c)
{
	return isalnum((unsigned char)c);
}

static bool begins_with_one(const char *text, const char *const *stems)
{
	for (; *stems; stems++)
		if (strncmp(text, *stems, strlen(*stems)) == 0)
			return true;
	return false;
}

static size_t word_length(const char *p)
{
	size_t n = 0;

	while (is_word(p[n]))
		n++;
	return n;
}

/* The word at p when it is the name of a disk, a partition, or the stem before a class of letters; 0 else. */
static size_t device_word(const char *pattern, const char *p)
{
	size_t n;

	if (p > pattern && (is_word(p[-1]) || p[-1] == '_' || p[-1] == '-'))
		return 0;
	if (!begins_with_one(p, lettered_stems) && !begins_with_one(p, numbered_stems))
		return 0;
	n = word_length(p);
	return n == strlen("cciss") && p[n] == '/' ? n + 1 + word_length(p + n + 1) : n;
}

/* One walk over a file's filters. */
struct extension {
	struct lines *l;
	const struct lvm_filters *f;
	struct splices pending; /* of the line */
	size_t patterns;
};

/* Accepts whatever the new disks are called. */
static const char *any_disk(const struct extension *x)
{
	return arena_printf(x->l->arena, "a|/dev/%s.*|", x->f->renamed("sd", true, x->f->opaque));
}

/* "nvme", "nvme0n1p" before a class, "nvme0n1" before "(p3)?": the letters that stand for a number have no place there.
 */
static bool is_numbered_class(const char *word, const char *rest)
{
	struct devname p;

	return begins_with_one(word, numbered_stems) &&
	       (!devname_parse(word, &p) || (!p.partition && *rest && strchr("([?", *rest)));
}

/* pattern with its first device word renamed, NULL when there is none or it keeps its name. */
static const char *renamed_pattern(const struct extension *x, const char *pattern, bool *ret_unknown)
{
	bool accepts = pattern[0] == 'a';
	const char *p = pattern + 2, *word, *with; /* action and delimiter stand before the expression */
	size_t n = 0;

	while (*p && !(n = device_word(pattern + 2, p)))
		p++;
	if (!n)
		return NULL;
	word = arena_strndup(x->l->arena, p, n);
	if (is_numbered_class(word, p + n))
		return accepts ? any_disk(x) : NULL;
	with = x->f->renamed(word, accepts, x->f->opaque);
	*ret_unknown = accepts && !with && strncmp(word, "vd", 2) != 0 && !strstr(pattern, "mapper/");
	if (!with || strcmp(with, word) == 0)
		return NULL;
	return arena_printf(x->l->arena, "%.*s%s%s", (int)(p - pattern), pattern, with, p + n);
}

static bool is_pattern(const char *p, size_t len)
{
	return len > 2 && (p[0] == 'a' || p[0] == 'r') && !is_word(p[1]);
}

/* True when the text, a pattern in quotes with what follows it, is pending, or in some list already. */
static bool is_listed(const struct extension *x, const char *pattern, const char *insert)
{
	const char *quoted = arena_printf(x->l->arena, "\"%s\"", pattern);

	VEC_FOR (s, &x->pending.v)
		if (strcmp(s->with, insert) == 0)
			return true;
	VEC_FOR (line, &x->l->v)
		if (strstr(line->text, quoted) && line->text[line_indent(line->text)] != '#')
			return true;
	return false;
}

/* The pattern accepts multipath's maps. */
static bool names_maps(const char *pattern, const struct lvm_filters *f)
{
	return f->multipath && pattern[0] == 'a' && (strstr(pattern, "mapper/") || strstr(pattern, "mpath"));
}

/* The pattern accepts devices by links that the new hardware hasn't; those by content last. */
static bool names_identity(const char *pattern)
{
	static const char *const lasting[] = {"by-id/lvm-", "by-id/md-", "by-id/dm-", "by-id/raid-"};
	const char *id = strstr(pattern, "by-id/");

	if (pattern[0] != 'a' || (!id && !strstr(pattern, "by-path/")))
		return false;
	for (size_t k = 0; id && !strstr(id, "mpath") && k < sizeof lasting / sizeof *lasting; k++)
		if (strncmp(id, lasting[k], strlen(lasting[k])) == 0)
			return false;
	return true;
}

/* What to put before a pattern, NULL. */
static const char *extended(const struct extension *x, const char *pattern, bool *ret_unknown)
{
	if (names_maps(pattern, x->f))
		return any_disk(x);
	*ret_unknown = names_identity(pattern);
	return strstr(pattern, "by-id/") || *ret_unknown ? NULL : renamed_pattern(x, pattern, ret_unknown);
}

/* One quoted string of a filter at column at (its quote); returns the column behind it. */
static size_t filter_string(struct extension *x, size_t i, size_t at)
{
	const struct lvm_filters *f = x->f;
	const char *text = x->l->v.v[i].text, *with, *insert;
	size_t len = strcspn(text + at + 1, "\"");
	char *pattern = arena_strndup(x->l->arena, text + at + 1, len);
	size_t end = at + 1 + len + (text[at + 1 + len] == '"');
	bool unknown = false;

	if (!is_pattern(pattern, len) || (f->multipath && pattern[0] == 'r') || ++x->patterns > PATTERNS_MAX)
		return end;
	with = extended(x, pattern, &unknown);
	if (unknown && f->unknown)
		f->unknown(pattern, (unsigned)i + 1, f->opaque);
	insert = with ? arena_printf(x->l->arena, "\"%s\", ", with) : NULL;
	if (with && !is_listed(x, with, insert))
		splices_add(x->l, &x->pending, (struct span){at, 0}, insert);
	return end;
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

/* The strings of a list from column at of a line on; false when the list ends there. */
static bool filter_line(struct extension *x, size_t i, size_t at)
{
	const char *text = x->l->v.v[i].text;
	bool inside = true;

	while (inside && text[at] && text[at] != '#') {
		if (text[at] == '"')
			at = filter_string(x, i, at);
		else if (text[at] == ']' || (text[at] != '[' && text[at] != ',' && !is_blank(text[at])))
			inside = false;
		else
			at++;
	}
	line_splice_all(x->l, i, &x->pending);
	return inside;
}

void lvmconf_extend_filters(struct lines *l, const struct lvm_filters *f)
{
	struct extension x = {.l = l, .f = f};
	bool inside = false;

	for (size_t i = 0; i < l->v.n; i++) {
		size_t at = inside ? 0 : filter_list(l->v.v[i].text);

		if (inside || at)
			inside = filter_line(&x, i, at);
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
