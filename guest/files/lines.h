/* Text as lines with their endings, so that an edit touches only what it means to: the rest goes back byte for byte.
 *
 *     struct lines l;
 *     lines_split(&l, &arena, text);
 *     line_splice(&l, 3, span.at, span.len, "UUID=…");
 *     guest_edit(g, log, path, lines_join(&l), reason, err);
 */
#ifndef REHOST_GUEST_FILES_LINES_H
#define REHOST_GUEST_FILES_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"

struct line {
	char *text;	 /* without its ending */
	const char *eol; /* "\n", "\r\n", or "" for a last line that has none */
};

struct lines {
	struct arena *arena; /* borrowed; owns all text */
	VEC(struct line) v;
	bool changed; /* some edit was made */
};

/* A part of one line: columns, 0-based. */
struct span {
	size_t at, len;
};

void lines_split(struct lines *l, struct arena *a, const char *text);
/* The whole text again, in the arena. */
char *lines_join(const struct lines *l);

struct splice {
	struct span at;
	const char *with;
};

/* Edits of one line, in order, that don't overlap: gathered, then made at once. Each edit for itself copies the whole
 * line, and a hostile line has as many places to edit as it has words. */
struct splices {
	VEC(struct splice) v;
};

void splices_add(struct lines *l, struct splices *s, struct span at, const char *with);
/* Puts each text in place of its span of line i; s is empty afterwards. */
void line_splice_all(struct lines *l, size_t i, struct splices *s);
/* Replaces len bytes at column at of line i: for the one edit of a line. */
void line_splice(struct lines *l, size_t i, size_t at, size_t len, const char *with);
/* Inserts a line before line i (i == v.n appends) with the file's own line ending. */
void lines_insert(struct lines *l, size_t i, const char *text);
void lines_remove(struct lines *l, size_t i);
/* Removes n lines from line i on. */
void lines_cut(struct lines *l, size_t i, size_t n);

/* The next word (no blanks in it) at or after *pos; *pos moves behind it. */
bool span_next(const char *text, size_t *pos, struct span *ret);
bool span_is(const char *text, struct span s, const char *word);
char *span_dup(struct arena *a, const char *text, struct span s);

/* Blanks that separate words on a line. */
static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Column of the first character that isn't blank. */
size_t line_indent(const char *text);

#endif
