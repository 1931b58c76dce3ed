/* A manifest in JSON. The parser that all JSON here goes through judges the text; this finds where each value stands,
 * which that parser forgets. */
#include <string.h>

#include "core/base/json.h"
#include "run/batch/manifest_node.h"

/* A walk over a text that is known to be JSON; whatever else it were, it ends at the NUL behind it. */
struct json_walk {
	struct manifest_doc *doc;
	const char *at;
	unsigned line, column; /* of `at` */
};

static void step(struct json_walk *w)
{
	if (!*w->at)
		return;
	if (*w->at == '\n') {
		w->line++;
		w->column = 1;
	} else if ((*w->at & 0xc0) != 0x80) {
		w->column++;
	}
	w->at++;
}

static int ends_early(const struct json_walk *w)
{
	return manifest_wrong(w->doc, w->line, w->column, "the text ends inside a value");
}

static void skip(struct json_walk *w, const char *any_of)
{
	while (*w->at && strchr(any_of, *w->at))
		step(w);
}

#define BETWEEN " \t\r\n,:"

/* The text between the quotes at `at`, unescaped. */
static int string(struct json_walk *w, const char **ret)
{
	const char *from = w->at;
	bool escapes = false;

	for (step(w); *w->at && *w->at != '"'; step(w))
		if (*w->at == '\\') {
			escapes = true;
			step(w);
		}
	if (!*w->at)
		return ends_early(w);
	step(w);
	if (escapes) {
		const char *list = arena_printf(w->doc->arena, "[%.*s]", (int)(w->at - from), from);
		AUTO(js_freep) struct json *j = js_parse(list, strlen(list), w->doc->err);

		if (!j)
			return -1;
		*ret = arena_strdup(w->doc->arena, js_str(js_at(j, 0), ""));
		return 0;
	}
	*ret = arena_strndup(w->doc->arena, from + 1, (size_t)(w->at - from) - 2);
	return 0;
}

static int value(struct json_walk *w, unsigned depth, struct manifest_node **ret);

static int members(struct json_walk *w, struct manifest_node *of, unsigned depth)
{
	struct manifest_node **tail = &of->first, key = {0};

	for (step(w);; tail = &(*tail)->next) {
		skip(w, BETWEEN);
		if (*w->at == '}' || *w->at == ']')
			break;
		if (!*w->at)
			return ends_early(w);
		key.line = w->line;
		key.column = w->column;
		if (of->kind == MANIFEST_MAP && string(w, &key.text) < 0)
			return -1;
		skip(w, BETWEEN);
		if (value(w, depth, tail) < 0)
			return -1;
		(*tail)->key = key.text;
		(*tail)->key_line = key.line;
		(*tail)->key_column = key.column;
	}
	step(w);
	return 0;
}

static int bare(struct json_walk *w, struct manifest_node *node)
{
	const char *from = w->at;

	while (*w->at && !strchr(BETWEEN "]}", *w->at))
		step(w);
	node->text = arena_strndup(w->doc->arena, from, (size_t)(w->at - from));
	return 0;
}

static enum manifest_node_kind kind_at(char c)
{
	switch (c) {
	case '{':
		return MANIFEST_MAP;
	case '[':
		return MANIFEST_ITEMS;
	case '"':
		return MANIFEST_QUOTED;
	default:
		return MANIFEST_BARE;
	}
}

static int value(struct json_walk *w, unsigned depth, struct manifest_node **ret)
{
	struct manifest_node *node = manifest_node_new(w->doc, kind_at(*w->at), w->line, w->column);

	if (!node)
		return -1;
	*ret = node;
	if (node->kind == MANIFEST_QUOTED)
		return string(w, &node->text);
	if (node->kind == MANIFEST_BARE)
		return bare(w, node);
	if (depth == MANIFEST_DEPTH_MAX)
		return manifest_wrong(w->doc, node->line, node->column, "nested deeper than anything in a manifest");
	return members(w, node, depth + 1);
}

/* Before a parser that makes a value of each takes them all, and passes over a NUL behind a number. */
static int look_over(const struct manifest_doc *d)
{
	size_t n = 0;
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < d->len; i++) {
		if (!d->text[i])
			return manifest_wrong(d, line, column, "byte 0x00 isn't JSON");
		n += d->text[i] == ',' || d->text[i] == '[' || d->text[i] == '{';
		column = d->text[i] == '\n' ? 1 : column + 1;
		line += d->text[i] == '\n';
	}
	if (n > MANIFEST_NODES_MAX)
		return manifest_wrong(d, 1, 1, "more than %d values", MANIFEST_NODES_MAX);
	return 0;
}

int manifest_read_json(struct manifest_doc *d, struct manifest_node **ret)
{
	AUTO(js_freep) struct json *judged = NULL;
	struct json_walk w = {.doc = d, .at = d->text, .line = 1, .column = 1};

	if (look_over(d) < 0)
		return -1;
	judged = js_parse(d->text, d->len, d->err);
	if (!judged)
		return err_wrap(d->err, "%s", d->name);
	skip(&w, BETWEEN);
	return value(&w, 0, ret);
}
