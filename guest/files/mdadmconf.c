/* mdadm's configuration (mdadm.conf(5)): a keyword, shortened to three letters if one likes, and its words; a line that
 * begins with a blank goes on with the words of the keyword above. */
#include "guest/files/mdadmconf.h"

#include <string.h>

/* The lines of one keyword, with the comments between them. */
struct entry {
	size_t first, behind;
	struct span keyword;
};

static bool says_nothing(const char *text)
{
	char c = text[line_indent(text)];

	return !c || c == '#';
}

/* The next one at or after line i; false at the end. */
static bool next_entry(const struct lines *l, size_t i, struct entry *ret)
{
	size_t pos = 0;

	while (i < l->v.n && says_nothing(l->v.v[i].text))
		i++;
	if (i == l->v.n)
		return false;
	ret->first = i;
	span_next(l->v.v[i].text, &pos, &ret->keyword);
	for (i++; i < l->v.n && (is_blank(l->v.v[i].text[0]) || says_nothing(l->v.v[i].text)); i++)
		;
	ret->behind = i;
	return true;
}

static bool is_keyword(const struct lines *l, const struct entry *e, const char *keyword)
{
	return e->keyword.len >= 3 && strncasecmp(l->v.v[e->first].text + e->keyword.at, keyword, e->keyword.len) == 0;
}

static bool mentions(const struct lines *l, const struct entry *e, const char *word)
{
	for (size_t i = e->first; i < e->behind; i++)
		if (!says_nothing(l->v.v[i].text) && strcasestr(l->v.v[i].text, word))
			return true;
	return false;
}

/* Until the end of the walk it is a line without text. */
static void drop_line(struct lines *l, size_t i)
{
	l->v.v[i].text = NULL;
	l->changed = true;
}

static void forget_dropped(struct lines *l)
{
	size_t kept = 0;

	VEC_FOR (line, &l->v)
		if (line->text)
			l->v.v[kept++] = *line;
	l->v.n = kept;
}

/* "devices=/dev/sda1,/dev/sdb1" with the blanks before it; false at the end. */
static bool next_devices(const char *text, size_t *pos, struct span *ret)
{
	for (size_t from = *pos; span_next(text, pos, ret); from = *pos)
		if (ret->at > from && strncasecmp(text + ret->at, "devices=", strlen("devices=")) == 0) {
			*ret = (struct span){from, *pos - from};
			return true;
		}
	return false;
}

/* A line that has nothing else goes. */
static void drop_devices(struct lines *l, size_t i, bool first)
{
	struct splices gone = {0};
	struct span at;

	for (size_t pos = 0; next_devices(l->v.v[i].text, &pos, &at);)
		splices_add(l, &gone, at, "");
	if (!gone.v.n)
		return;
	line_splice_all(l, i, &gone);
	if (!first && !l->v.v[i].text[line_indent(l->v.v[i].text)])
		drop_line(l, i);
}

static void open_array(struct lines *l, const struct entry *e)
{
	if (!mentions(l, e, "uuid="))
		return;
	for (size_t i = e->first; i < e->behind; i++)
		if (!says_nothing(l->v.v[i].text))
			drop_devices(l, i, i == e->first);
}

static void open_device(struct lines *l, const struct entry *e)
{
	const char *text = l->v.v[e->first].text;
	size_t end = e->keyword.at + e->keyword.len, at = end + line_indent(text + end);

	if (!mentions(l, e, "/dev/"))
		return;
	line_splice(l, e->first, at, strlen(text) - at, at == end ? " partitions" : "partitions");
	for (size_t i = e->first + 1; i < e->behind; i++)
		if (!says_nothing(l->v.v[i].text))
			drop_line(l, i);
}

void mdadmconf_open(struct lines *l)
{
	struct entry e;

	for (size_t i = 0; next_entry(l, i, &e); i = e.behind) {
		if (is_keyword(l, &e, "ARRAY"))
			open_array(l, &e);
		else if (is_keyword(l, &e, "DEVICE"))
			open_device(l, &e);
	}
	forget_dropped(l);
}
