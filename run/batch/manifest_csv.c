/* A manifest as a table (CSV, RFC 4180): a header of keys, and a row for each machine. */
#include <string.h>

#include "core/base/utf8.h"
#include "run/batch/manifest_key.h"
#include "run/batch/manifest_node.h"

struct csv_cell {
	const char *text;
	unsigned line, column;
	bool ends_row;
};

struct csv_reader {
	struct manifest_doc *doc;
	size_t at;
	unsigned line, column; /* of `at` */
	struct csv_cell header[MANIFEST_KEYS_MAX];
	size_t columns;
};

static bool at_end(const struct csv_reader *r)
{
	return r->at == r->doc->len;
}

static char here(const struct csv_reader *r)
{
	return at_end(r) ? '\0' : r->doc->text[r->at];
}

/* Lines end in LF or CRLF. */
static bool at_newline(const struct csv_reader *r)
{
	return here(r) == '\n' || (here(r) == '\r' && r->at + 1 < r->doc->len && r->doc->text[r->at + 1] == '\n');
}

static void step(struct csv_reader *r)
{
	char c = r->doc->text[r->at++];

	if (c == '\n') {
		r->line++;
		r->column = 1;
	} else if ((c & 0xc0) != 0x80) { /* once a character */
		r->column++;
	}
}

/* From the opening quote to behind the closing one; a quote inside is written twice. */
static int quoted(struct csv_reader *r, struct csv_cell *cell)
{
	char *text, *to;
	size_t from, n = 0;

	step(r);
	from = r->at;
	for (;; n++) {
		if (at_end(r))
			return manifest_wrong(r->doc, cell->line, cell->column, "the quote is never closed");
		if (here(r) == '"') {
			step(r);
			if (here(r) != '"')
				break;
		}
		step(r);
	}
	text = to = arena_alloc(r->doc->arena, n + 1);
	for (size_t i = from; to < text + n; i++) {
		*to++ = r->doc->text[i];
		i += r->doc->text[i] == '"';
	}
	cell->text = text;
	return 0;
}

static int unquoted(struct csv_reader *r, struct csv_cell *cell)
{
	size_t from = r->at;

	for (; !at_end(r) && here(r) != ',' && !at_newline(r); step(r))
		if (here(r) == '"')
			return manifest_wrong(
			    r->doc, r->line, r->column,
			    "a quote inside a cell: the whole cell is quoted, and the quote in it twice");
	cell->text = arena_strndup(r->doc->arena, r->doc->text + from, r->at - from);
	return 0;
}

static int next_cell(struct csv_reader *r, struct csv_cell *cell)
{
	*cell = (struct csv_cell){.line = r->line, .column = r->column};
	if ((here(r) == '"' ? quoted(r, cell) : unquoted(r, cell)) < 0)
		return -1;
	cell->ends_row = at_end(r) || at_newline(r);
	if (!cell->ends_row && here(r) != ',')
		return manifest_wrong(r->doc, r->line, r->column,
				      "'%c' behind a closing quote: a comma or the line's end is expected", here(r));
	if (here(r) == '\r')
		step(r);
	if (!at_end(r))
		step(r);
	return 0;
}

static int read_header(struct csv_reader *r)
{
	struct csv_cell cell;

	do {
		if (next_cell(r, &cell) < 0)
			return -1;
		if (!*cell.text)
			return manifest_wrong(r->doc, cell.line, cell.column, "a column without a name");
		if (r->columns == MANIFEST_KEYS_MAX)
			return manifest_wrong(r->doc, cell.line, cell.column, "more columns than there are keys");
		r->header[r->columns++] = cell;
	} while (!cell.ends_row);
	if (r->columns == 1 && strchr(cell.text, ';'))
		return manifest_wrong(r->doc, cell.line, cell.column, "columns separated by ';': commas are expected");
	return 0;
}

static int add_cell(struct csv_reader *r, const struct csv_cell *cell, const struct csv_cell *column,
		    struct manifest_node ***tail)
{
	struct manifest_node *node;

	if (!*cell->text)
		return 0;
	node = manifest_node_new(r->doc, MANIFEST_CELL, cell->line, cell->column);
	if (!node)
		return -1;
	node->text = cell->text;
	node->key = column->text;
	node->key_line = column->line;
	node->key_column = column->column;
	**tail = node;
	*tail = &node->next;
	return 0;
}

/* One row into `row`; false in ret_there for a line without anything. */
static int read_row(struct csv_reader *r, struct manifest_node *row, bool *ret_there)
{
	struct manifest_node **tail = &row->first;
	struct csv_cell cell;
	size_t n = 0;

	do {
		if (next_cell(r, &cell) < 0)
			return -1;
		if (n < r->columns && add_cell(r, &cell, &r->header[n], &tail) < 0)
			return -1;
		n++;
	} while (!cell.ends_row);
	*ret_there = n > 1 || *cell.text;
	if (*ret_there && n != r->columns)
		return manifest_wrong(r->doc, row->line, row->column, "the row has %zu cells, the header %zu", n,
				      r->columns);
	return 0;
}

static int read_rows(struct csv_reader *r, struct manifest_node *list)
{
	struct manifest_node **tail = &list->first;

	while (!at_end(r)) {
		struct manifest_node *row = manifest_node_new(r->doc, MANIFEST_MAP, r->line, r->column);
		bool there;

		if (!row || read_row(r, row, &there) < 0)
			return -1;
		if (!there)
			continue;
		*tail = row;
		tail = &row->next;
	}
	return 0;
}

static int check_text(const struct csv_reader *r)
{
	struct csv_reader walk = *r;

	while (!at_end(&walk)) {
		size_t left = walk.doc->len - walk.at, n = utf8_char(walk.doc->text + walk.at, left);

		if (!n || !here(&walk))
			return manifest_wrong(r->doc, walk.line, walk.column, "byte 0x%02x isn't UTF-8 text",
					      (unsigned char)here(&walk));
		while (n--)
			step(&walk);
	}
	return 0;
}

int manifest_read_csv(struct manifest_doc *d, struct manifest_node **ret)
{
	struct csv_reader r = {.doc = d, .line = 1, .column = 1};
	struct manifest_node *root = manifest_node_new(d, MANIFEST_MAP, 1, 1);
	struct manifest_node *list = manifest_node_new(d, MANIFEST_ITEMS, 1, 1);

	if (!root || !list || check_text(&r) < 0 || read_header(&r) < 0 || read_rows(&r, list) < 0)
		return -1;
	list->key = "machines";
	list->key_line = list->key_column = 1;
	root->first = list;
	*ret = root;
	return 0;
}
