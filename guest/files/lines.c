/* Text as lines with their endings, edited in place. */
#include "guest/files/lines.h"

#include <string.h>

#include "core/base/buf.h"

void lines_split(struct lines *l, struct arena *a, const char *text)
{
	*l = (struct lines){.arena = a};
	while (*text) {
		size_t len = strcspn(text, "\n"), body = len;
		const char *eol = text[len] ? "\n" : "";

		if (text[len] && len && text[len - 1] == '\r') {
			body--;
			eol = "\r\n";
		}
		*vec_push(a, &l->v) = (struct line){arena_strndup(a, text, body), eol};
		text += len + (text[len] != 0);
	}
}

char *lines_join(const struct lines *l)
{
	size_t total = 1;

	for (size_t i = 0; i < l->v.n; i++)
		total += strlen(l->v.v[i].text) + strlen(l->v.v[i].eol);

	char *text = arena_alloc(l->arena, total), *p = text;

	for (size_t i = 0; i < l->v.n; i++)
		p = stpcpy(stpcpy(p, l->v.v[i].text), l->v.v[i].eol);
	*p = 0;
	return text;
}

static void replace_spans(struct lines *l, size_t i, const struct splice *splices, size_t n)
{
	struct line *line = &l->v.v[i];
	const char *from = line->text;
	size_t size = strlen(from) + 1;

	for (size_t k = 0; k < n; k++)
		size += strlen(splices[k].with);

	char *text = arena_alloc(l->arena, size), *p = text;

	for (size_t k = 0; k < n; k++) {
		const char *at = line->text + splices[k].at.at;

		p = stpcpy(mempcpy(p, from, (size_t)(at - from)), splices[k].with);
		from = at + splices[k].at.len;
	}
	stpcpy(p, from);
	line->text = text;
	l->changed = true;
}

void splices_add(struct lines *l, struct splices *s, struct span at, const char *with)
{
	*vec_push(l->arena, &s->v) = (struct splice){at, with};
}

void line_splice_all(struct lines *l, size_t i, struct splices *s)
{
	if (s->v.n)
		replace_spans(l, i, s->v.v, s->v.n);
	s->v.n = 0;
}

void line_splice(struct lines *l, size_t i, size_t at, size_t len, const char *with)
{
	replace_spans(l, i, &(struct splice){{at, len}, with}, 1);
}

/* The ending that the file uses: its first line's. */
static const char *common_eol(const struct lines *l)
{
	return l->v.n && l->v.v[0].eol[0] ? l->v.v[0].eol : "\n";
}

void lines_insert(struct lines *l, size_t i, const char *text)
{
	const char *eol = common_eol(l);

	if (i == l->v.n && i > 0 && !l->v.v[i - 1].eol[0])
		l->v.v[i - 1].eol = eol;
	vec_push(l->arena, &l->v);
	memmove(&l->v.v[i + 1], &l->v.v[i], (l->v.n - 1 - i) * sizeof *l->v.v);
	l->v.v[i] = (struct line){arena_strdup(l->arena, text), eol};
	l->changed = true;
}

void lines_remove(struct lines *l, size_t i)
{
	lines_cut(l, i, 1);
}

void lines_cut(struct lines *l, size_t i, size_t n)
{
	if (!n)
		return;
	memmove(&l->v.v[i], &l->v.v[i + n], (l->v.n - n - i) * sizeof *l->v.v);
	l->v.n -= n;
	l->changed = true;
}

bool span_next(const char *text, size_t *pos, struct span *ret)
{
	size_t i = *pos;

	while (is_blank(text[i]))
		i++;
	ret->at = i;
	while (text[i] && !is_blank(text[i]))
		i++;
	ret->len = i - ret->at;
	*pos = i;
	return ret->len > 0;
}

bool span_is(const char *text, struct span s, const char *word)
{
	return strlen(word) == s.len && strncmp(text + s.at, word, s.len) == 0;
}

char *span_dup(struct arena *a, const char *text, struct span s)
{
	return arena_strndup(a, text + s.at, s.len);
}

size_t line_indent(const char *text)
{
	size_t i = 0;

	while (is_blank(text[i]))
		i++;
	return i;
}
