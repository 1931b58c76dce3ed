/* A manifest as it is written: texts, lists and keys with values, each with its place. YAML, JSON and CSV become this,
 * and what they mean is decided once (run/batch/manifest.c). */
#ifndef REHOST_RUN_BATCH_MANIFEST_NODE_H
#define REHOST_RUN_BATCH_MANIFEST_NODE_H

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/err.h"

enum {
	MANIFEST_DEPTH_MAX = 6, /* file, machines, machine, key, list: nothing lies deeper */
	/* 100000 machines of 40 values. A node takes 80 bytes, so a file made to be costly costs 320 MiB. */
	MANIFEST_NODES_MAX = 4000000,
};

enum manifest_node_kind {
	MANIFEST_NODE_UNKNOWN = 0,
	MANIFEST_PLAIN,	 /* without quotes: YAML's, which may be text, number or word */
	MANIFEST_QUOTED, /* text and nothing else */
	MANIFEST_BARE,	 /* JSON's numbers and words: no text */
	MANIFEST_CELL,	 /* CSV's: anything, and a list when a ';' separates items */
	MANIFEST_ITEMS,	 /* a list */
	MANIFEST_MAP,	 /* keys with values */
};

struct manifest_node {
	enum manifest_node_kind kind;
	unsigned line, column;	     /* 1-based, columns in characters */
	const char *text;	     /* of the first four kinds */
	struct manifest_node *first; /* of the other two */
	struct manifest_node *next;  /* in the same list or map */
	const char *key;	     /* in a map */
	unsigned key_line, key_column;
};

/* What is read, and what reading it takes. */
struct manifest_doc {
	const char *name; /* the file's, for messages */
	const char *text; /* without a byte order mark */
	size_t len;
	struct arena *arena; /* owns the nodes */
	size_t nodes;	     /* so far */
	struct err *err;
};

int manifest_read_yaml(struct manifest_doc *d, struct manifest_node **ret);
int manifest_read_json(struct manifest_doc *d, struct manifest_node **ret);
/* The header's words are keys, each row is one of the list under "machines"; an empty cell has no node. */
int manifest_read_csv(struct manifest_doc *d, struct manifest_node **ret);

/* A node at that place; NULL after the error that there are too many. */
struct manifest_node *manifest_node_new(struct manifest_doc *d, enum manifest_node_kind kind, unsigned line,
					unsigned column);

/* ERR_CORRUPT: "FILE:LINE:COLUMN: …"; returns -1. */
#define manifest_wrong(...) (manifest_wrong_at(__VA_ARGS__), err_failed())
void manifest_wrong_at(const struct manifest_doc *d, unsigned line, unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
