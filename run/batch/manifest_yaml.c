/* A manifest in YAML, over libyaml's events; the only file that includes it. Of YAML's features only what a list of
 * machines needs is taken: an anchor would be a second way to say defaults, and its aliases are how a small file
 * becomes a huge one; a tag decides what the table of keys decides. */
#include <stdbool.h>
#include <string.h>

#include <yaml.h>

#include "run/batch/manifest_node.h"

struct yaml_reader {
	yaml_parser_t parser;
	struct manifest_doc *doc;
};

static unsigned line_of(yaml_mark_t mark)
{
	return (unsigned)mark.line + 1;
}

static unsigned column_of(yaml_mark_t mark)
{
	return (unsigned)mark.column + 1;
}

#define wrong_at(r, mark, ...) manifest_wrong((r)->doc, line_of(mark), column_of(mark), __VA_ARGS__)

/* libyaml tells where in the text bytes are no UTF-8 by their offset only. */
static int not_text(const struct yaml_reader *r)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < r->parser.problem_offset && i < r->doc->len; i++) {
		column = r->doc->text[i] == '\n' ? 1 : column + 1;
		line += r->doc->text[i] == '\n';
	}
	return manifest_wrong(r->doc, line, column, "not YAML: %s", r->parser.problem);
}

static int next(struct yaml_reader *r, yaml_event_t *ret)
{
	if (yaml_parser_parse(&r->parser, ret))
		return 0;
	switch (r->parser.error) {
	case YAML_READER_ERROR:
		return not_text(r);
	case YAML_MEMORY_ERROR:
		return err_nomem(r->doc->err);
	default:
		return wrong_at(r, r->parser.problem_mark, "not YAML: %s%s%s",
				r->parser.context ? r->parser.context : "", r->parser.context ? ", " : "",
				r->parser.problem);
	}
}

static int refuse_features(const struct yaml_reader *r, yaml_mark_t at, const yaml_char_t *anchor,
			   const yaml_char_t *tag)
{
	if (anchor)
		return wrong_at(r, at, "anchor '&%.80s': a manifest has defaults: and groups: instead", anchor);
	if (tag)
		return wrong_at(r, at, "tag '%.80s': a manifest has none, its keys know what their values are", tag);
	return 0;
}

static int build(struct yaml_reader *r, yaml_event_t *event, unsigned depth, struct manifest_node **ret);

static int build_scalar(struct yaml_reader *r, const yaml_event_t *event, struct manifest_node **ret)
{
	const char *text = (const char *)event->data.scalar.value;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct manifest_node *node;

	if (refuse_features(r, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag) < 0)
		return -1;
	if (strlen(text) != event->data.scalar.length)
		return wrong_at(r, event->start_mark, "'%.80s' has a NUL behind it", text);
	node = manifest_node_new(r->doc, plain ? MANIFEST_PLAIN : MANIFEST_QUOTED, line_of(event->start_mark),
				 column_of(event->start_mark));
	if (!node)
		return -1;
	node->text = arena_strdup(r->doc->arena, text);
	*ret = node;
	return 0;
}

/* The value of the key that `event` is. */
static int build_pair(struct yaml_reader *r, const yaml_event_t *event, unsigned depth, struct manifest_node **ret)
{
	struct manifest_node *key;
	yaml_event_t value;
	int built;

	if (event->type != YAML_SCALAR_EVENT)
		return wrong_at(r, event->start_mark, "a key is a word, not a list, other keys or an alias");
	if (build_scalar(r, event, &key) < 0 || next(r, &value) < 0)
		return -1;
	built = build(r, &value, depth, ret);
	yaml_event_delete(&value);
	if (built < 0)
		return -1;
	(*ret)->key = key->text;
	(*ret)->key_line = key->line;
	(*ret)->key_column = key->column;
	return 0;
}

static int build_members(struct yaml_reader *r, struct manifest_node *of, unsigned depth)
{
	yaml_event_type_t end = of->kind == MANIFEST_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	struct manifest_node **tail = &of->first;

	for (;;) {
		yaml_event_t event;
		bool ended;
		int ret = 0;

		if (next(r, &event) < 0)
			return -1;
		ended = event.type == end;
		if (!ended)
			ret = of->kind == MANIFEST_MAP ? build_pair(r, &event, depth, tail)
						       : build(r, &event, depth, tail);
		yaml_event_delete(&event);
		if (ended || ret < 0)
			return ret;
		tail = &(*tail)->next;
	}
}

static int build_collection(struct yaml_reader *r, const yaml_event_t *event, unsigned depth,
			    struct manifest_node **ret)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	struct manifest_node *node;

	if (refuse_features(r, event->start_mark,
			    map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
			    map ? event->data.mapping_start.tag : event->data.sequence_start.tag) < 0)
		return -1;
	if (depth == MANIFEST_DEPTH_MAX)
		return wrong_at(r, event->start_mark, "nested deeper than anything in a manifest");
	node = manifest_node_new(r->doc, map ? MANIFEST_MAP : MANIFEST_ITEMS, line_of(event->start_mark),
				 column_of(event->start_mark));
	if (!node)
		return -1;
	*ret = node;
	return build_members(r, node, depth + 1);
}

static int build(struct yaml_reader *r, yaml_event_t *event, unsigned depth, struct manifest_node **ret)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return build_scalar(r, event, ret);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return build_collection(r, event, depth, ret);
	case YAML_ALIAS_EVENT:
		return wrong_at(r, event->start_mark, "alias '*%.80s': a manifest has defaults: and groups: instead",
				event->data.alias.anchor);
	default:
		return wrong_at(r, event->start_mark, "nothing is there, a value is expected");
	}
}

/* The content of the first document. */
static int build_document(struct yaml_reader *r, const yaml_event_t *start, struct manifest_node **ret)
{
	yaml_event_t event;
	int built;

	if (start->type == YAML_STREAM_END_EVENT)
		return wrong_at(r, start->start_mark, "the manifest is empty");
	if (start->data.document_start.version_directive ||
	    start->data.document_start.tag_directives.start != start->data.document_start.tag_directives.end)
		return wrong_at(r, start->start_mark, "a line with '%%': a manifest has no directives");
	if (next(r, &event) < 0)
		return -1;
	built = build(r, &event, 0, ret);
	yaml_event_delete(&event);
	return built;
}

static int read_stream(struct yaml_reader *r, struct manifest_node **ret)
{
	yaml_event_t event;
	int built;

	if (next(r, &event) < 0) /* the stream's start */
		return -1;
	yaml_event_delete(&event);
	if (next(r, &event) < 0)
		return -1;
	built = build_document(r, &event, ret);
	yaml_event_delete(&event);
	if (built < 0 || next(r, &event) < 0) /* the document's end */
		return -1;
	yaml_event_delete(&event);
	if (next(r, &event) < 0)
		return -1;
	if (event.type != YAML_STREAM_END_EVENT)
		built = wrong_at(r, event.start_mark, "a second document: a manifest is one");
	yaml_event_delete(&event);
	return built;
}

int manifest_read_yaml(struct manifest_doc *d, struct manifest_node **ret)
{
	struct yaml_reader r = {.doc = d};
	int built;

	if (!yaml_parser_initialize(&r.parser))
		return err_nomem(d->err);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)d->text, d->len);
	built = read_stream(&r, ret);
	yaml_parser_delete(&r.parser);
	return built;
}
