/* The grammar of .inf files, for inf.c alone: sections of lines, fields, strings. */
#ifndef REHOST_GUEST_FILES_INF_SYNTAX_H
#define REHOST_GUEST_FILES_INF_SYNTAX_H

#include "core/base/buf.h"
#include "guest/files/inf.h"

struct span_of {
	const char *at;
	size_t len;
};

/* A logical line: comments are gone, continued lines joined, blanks at both ends cut. */
struct inf_line {
	const char *text;
	size_t len;
};

/* One occurrence of "[name]"; those of one name are neighbours, in the order of the file. */
struct inf_section {
	const char *name;
	size_t first, n; /* of lines */
	size_t order;
};

struct inf_string {
	const char *key, *value;
	unsigned rank; /* of those with the same key the lowest is meant */
};

struct inf {
	struct arena arena;
	struct buf text; /* UTF-8; names, keys and lines point into it */
	VEC(struct inf_line) lines;
	VEC(struct inf_section) sections; /* sorted by name */
	VEC(struct inf_string) strings;	  /* sorted by key and rank */
	struct inf_version version;
};

/* Fills everything but the version. */
int inf_read(struct inf *f, const void *data, size_t len, struct err *err);

/* One question to a file, with what it may still cost. */
struct inf_question {
	const struct inf *f;
	struct arena *a;
	size_t left; /* bytes that may still be looked at or made */
	struct err *err;
};
#define INF_ASK(inf, arena, error)                                                                                     \
	{                                                                                                              \
		.f = (inf), .a = (arena), .left = INF_WALK_MAX, .err = (error)                                         \
	}

/* A line taken apart: "key = field, field". */
struct inf_fields {
	struct span_of key; /* at NULL: there is no '=' */
	struct span_of v[INF_FIELDS_MAX];
	size_t n;
};

bool inf_has(const struct inf *f, const char *section);

/* A walk over the lines of all sections of one name:
 *
 *     struct inf_walk w = inf_walk(q, "Manufacturer");
 *     while ((ret = inf_next(q, &w, &fields)) > 0)
 */
struct inf_walk {
	const struct inf_section *at, *end;
	size_t line;
};
struct inf_walk inf_walk(const struct inf_question *q, const char *section);
/* 1 with the next line, 0 at the end, -1 when the question costs too much. */
int inf_next(struct inf_question *q, struct inf_walk *w, struct inf_fields *ret);

/* The field without quotes and with its strings put in, cut at INF_TEXT_MAX; in the arena. NULL: too much was asked. */
char *inf_text(struct inf_question *q, struct span_of s);
/* The same of field i, "" when there are fewer. */
char *inf_field(struct inf_question *q, const struct inf_fields *f, size_t i);
/* Is the key of the line this one, in any case? */
bool inf_is(const struct inf_fields *f, const char *key);

#endif
