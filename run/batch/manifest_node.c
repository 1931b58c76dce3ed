/* Nodes of a manifest, and the form of all its errors. */
#include "run/batch/manifest_node.h"

#include <stdarg.h>
#include <stdio.h>

struct manifest_node *manifest_node_new(struct manifest_doc *d, enum manifest_node_kind kind, unsigned line,
					unsigned column)
{
	struct manifest_node *node;

	if (++d->nodes > MANIFEST_NODES_MAX) {
		manifest_wrong_at(d, line, column, "more than %d values", MANIFEST_NODES_MAX);
		return NULL;
	}
	node = arena_alloc(d->arena, sizeof *node);
	node->kind = kind;
	node->line = line;
	node->column = column;
	return node;
}

void manifest_wrong_at(const struct manifest_doc *d, unsigned line, unsigned column, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_record(d->err, ERR_CORRUPT, "%s:%u:%u: %s", d->name, line, column, text);
}
