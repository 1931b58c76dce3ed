/* A tolerant reader of hand-written YAML: every scalar with its place. */
#include "guest/files/yaml.h"

#include <stdint.h>
#include <string.h>

struct frame {
	size_t indent;
	char *key;
};

struct scanner {
	const struct lines *lines;
	struct yaml *out;
	struct frame stack[YAML_DEPTH];
	unsigned depth;
	size_t line, col; /* cursor */
	/* The pair around the values of a sequence in brackets. */
	struct span pair;
	size_t pair_line;
};

static const char *text_of(const struct scanner *s)
{
	return s->lines->v.v[s->line].text;
}

static struct yaml_node *emit(struct scanner *s, char *value, struct span at, bool flow)
{
	struct yaml_node *n = vec_push(s->lines->arena, &s->out->nodes);

	*n = (struct yaml_node){.depth = s->depth, .value = value, .line = s->line, .value_at = at, .flow = flow};
	for (unsigned d = 0; d < s->depth; d++)
		n->path[d] = s->stack[d].key;
	return n;
}

static bool push(struct scanner *s, size_t indent, char *key)
{
	if (s->depth == YAML_DEPTH)
		return false;
	s->stack[s->depth++] = (struct frame){indent, key};
	return true;
}

/* Length of the quoted scalar at text[at] (a quote), both quotes included; 0 when it isn't closed on this line. */
static size_t quoted_len(const char *text, size_t at)
{
	char quote = text[at];

	for (size_t i = at + 1; text[i]; i++) {
		if (quote == '"' && text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == quote)
			return i + 1 - at;
	}
	return 0;
}

/* Where a plain scalar ends: at " #", ": " (or ":" at the end), in flow also at a separator. */
static size_t plain_len(const char *text, size_t at, bool flow)
{
	size_t i = at;

	for (; text[i]; i++) {
		if (text[i] == '#' && i > at && is_blank(text[i - 1]))
			break;
		if (text[i] == ':' && (!text[i + 1] || is_blank(text[i + 1]) || (flow && strchr(",]}", text[i + 1]))))
			break;
		if (flow && strchr(",[]{}", text[i]))
			break;
	}
	while (i > at && is_blank(text[i - 1]))
		i--;
	return i - at;
}

/* The scalar at the cursor: its place inside quotes and the column behind it. False when there is none. */
static bool scalar_at(const struct scanner *s, size_t at, bool flow, struct span *ret, size_t *ret_end)
{
	const char *text = text_of(s);
	bool quoted = text[at] == '"' || text[at] == '\'';
	size_t len = quoted ? quoted_len(text, at) : plain_len(text, at, flow);

	if (!len)
		return false;
	*ret = quoted ? (struct span){at + 1, len - 2} : (struct span){at, len};
	*ret_end = at + len;
	return true;
}

static bool is_key_end(const char *text, size_t at)
{
	return text[at] == ':' && (!text[at + 1] || is_blank(text[at + 1]) || strchr("{[\"'", text[at + 1]));
}

/* Skips blanks, comments and line ends inside a flow collection; false at the end of the text. */
static bool flow_skip(struct scanner *s)
{
	for (;;) {
		const char *text = text_of(s);

		s->col += line_indent(text + s->col);
		if (text[s->col] && text[s->col] != '#')
			return true;
		if (s->line + 1 >= s->lines->v.n)
			return false;
		s->line++;
		s->col = 0;
	}
}

static bool flow_collection(struct scanner *s, unsigned nesting);

/* The value at the cursor inside a flow collection; pair_from is the key's column on pair_line. */
static bool flow_value(struct scanner *s, size_t pair_line, size_t pair_from, unsigned nesting)
{
	struct span at;
	size_t end;

	if (!flow_skip(s))
		return false;
	if (text_of(s)[s->col] == '{' || text_of(s)[s->col] == '[') {
		emit(s, NULL, (struct span){0}, true);
		return flow_collection(s, nesting);
	}
	if (!scalar_at(s, s->col, true, &at, &end))
		return strchr(",]}", text_of(s)[s->col]) != NULL; /* empty */

	struct yaml_node *n = emit(s, span_dup(s->lines->arena, text_of(s), at), at, true);

	if (s->line == pair_line)
		n->pair_at = (struct span){pair_from, end - pair_from};
	s->col = end;
	return true;
}

/* "key: value" or a lone item at the cursor. */
static bool flow_entry(struct scanner *s, bool mapping, unsigned nesting)
{
	size_t line = s->line, from = s->col, end;
	struct span key;

	if (mapping && scalar_at(s, s->col, true, &key, &end) && text_of(s)[end] == ':') {
		bool pushed = push(s, SIZE_MAX, span_dup(s->lines->arena, text_of(s), key));

		s->col = end + 1;

		bool ok = flow_value(s, line, from, nesting);

		if (pushed)
			s->depth--;
		return ok;
	}
	return flow_value(s, s->pair_line, s->pair.at, nesting);
}

/* The collection whose opening bracket is at the cursor; the cursor ends behind the closing one. */
static bool flow_collection(struct scanner *s, unsigned nesting)
{
	char open = text_of(s)[s->col++], close = open == '{' ? '}' : ']';

	if (nesting > YAML_DEPTH)
		return false;
	while (s->out->nodes.n < YAML_NODES_MAX && flow_skip(s)) {
		char c = text_of(s)[s->col];

		if (c == close) {
			s->col++;
			return true;
		}
		if (c == ',') {
			s->col++;
			continue;
		}

		size_t line = s->line, col = s->col;

		if (!flow_entry(s, open == '{', nesting + 1) || (s->line == line && s->col == col))
			return false;
	}
	return false;
}

/* The values of "driver: [a, b]" share one pair when it stands on one line. */
static void share_pair(struct scanner *s, size_t first, size_t line, size_t from, bool ok)
{
	for (size_t i = first; i < s->out->nodes.n; i++) {
		struct yaml_node *n = &s->out->nodes.v[i];

		if (n->depth == s->depth && n->value)
			n->pair_at = ok && s->line == line ? (struct span){from, s->col - from} : (struct span){0};
	}
}

/* What stands behind "key:" on a block line; from is the key's column. */
static void block_value(struct scanner *s, size_t from)
{
	const char *text = text_of(s);
	struct span at;
	size_t end;

	s->col += line_indent(text + s->col);
	if (!text[s->col] || text[s->col] == '#') {
		emit(s, NULL, (struct span){0}, false);
	} else if (text[s->col] == '{' || text[s->col] == '[') {
		bool sequence = text[s->col] == '[';
		size_t line = s->line, first;

		emit(s, NULL, (struct span){0}, false);
		first = s->out->nodes.n;

		bool ok = flow_collection(s, 0);

		if (sequence)
			share_pair(s, first, line, from, ok);
	} else if (scalar_at(s, s->col, false, &at, &end)) {
		struct yaml_node *n = emit(s, span_dup(s->lines->arena, text, at), at, false);

		n->pair_at = (struct span){from, end - from};
	}
}

static void pop_to(struct scanner *s, size_t indent, bool sequence)
{
	/* A sequence may stand at its key's own indentation. */
	while (s->depth &&
	       (sequence ? s->stack[s->depth - 1].indent > indent : s->stack[s->depth - 1].indent >= indent))
		s->depth--;
}

static void block_line(struct scanner *s)
{
	const char *text = text_of(s);
	size_t at = line_indent(text), end;
	struct span key;
	bool item = false;

	while (text[at] == '-' && is_blank(text[at + 1])) {
		if (!item)
			pop_to(s, at, true);
		item = true;
		at += 2;
		at += line_indent(text + at);
	}
	if (!text[at] || text[at] == '#' || strncmp(text, "---", 3) == 0 || text[at] == '%')
		return;
	s->col = at;
	if (text[at] == '{' || text[at] == '[') {
		if (!item)
			s->depth = 0;
		flow_collection(s, 0);
		return;
	}
	if (!scalar_at(s, at, false, &key, &end))
		return;
	if (is_key_end(text, end)) {
		pop_to(s, at, false);
		s->col = end + 1;
		if (push(s, at, span_dup(s->lines->arena, text, key)))
			block_value(s, at);
	} else if (item) {
		emit(s, span_dup(s->lines->arena, text, key), key, false);
	}
}

void yaml_scan(const struct lines *l, struct yaml *ret)
{
	struct scanner s = {.lines = l, .out = ret};

	*ret = (struct yaml){0};
	for (s.line = 0; s.line < l->v.n && ret->nodes.n < YAML_NODES_MAX; s.line++) {
		s.col = 0;
		block_line(&s);
	}
}
