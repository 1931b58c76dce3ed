/* What the files of guest/hive.h share: hive.c opens and commits, hive_keys.c finds keys, hive_values.c reads values,
 * hive_edit.c changes them. */
#ifndef REHOST_GUEST_HIVE_PRIVATE_H
#define REHOST_GUEST_HIVE_PRIVATE_H

#include <hivex.h>

#include "guest/hive.h"
#include "guest/hive_record.h"

enum {
	INDEXES = 16, /* keys whose subkeys are sorted, at the same time: more than a path of Windows' has large ones */
};

struct named_key {
	char *name;
	hive_node_h node;
	size_t place; /* in the hive's order */
};

/* The subkeys of a key that has many, sorted: hivex lists them all anew for every search. */
struct key_index {
	struct arena arena;
	hive_node_h parent; /* 0: none */
	VEC(struct named_key) list;
};

/* A key that was made, whose place among its brothers hivex chooses by another order than Windows. */
struct made_key {
	hive_node_h parent, node;
};

/* The key whose values are being changed: hivex stores all values of a key anew for every change of one, in new cells,
 * so they are handed to it when another key's turn comes. */
struct open_key {
	struct arena arena;
	hive_node_h node; /* 0: none */
	char *key;
	struct reg_values values;
	bool changed;
};

struct hive {
	struct guest *guest;
	struct arena arena;
	const char *root;
	char *path;
	enum hive_mode mode;
	enum hive_state state;
	bool shared; /* cells with two owners */
	bool astray; /* a key's class is in no cell: no key can be removed */
	bool failed; /* a change was begun and not finished */
	hive_h *h;
	struct hive_edits edits;
	VEC(struct made_key) made;
	struct open_key open;
	struct key_index indexes[INDEXES];
	unsigned next_index; /* that is used next */
};

/* ---- hive_keys.c ---- */

/* Goes down from the root as far as there are keys; *ret_rest: what is left of the path, "" all is there. */
hive_node_h hive_walk(struct hive *h, const char *key, const char **ret_rest);
/* With CurrentControlSet replaced by what it stands for; key itself, or from the arena. */
const char *hive_real_key(struct hive *h, struct arena *a, const char *key);
/* 0: there is none. */
hive_node_h hive_find(struct hive *h, const char *key);
/* After a change of the keys. */
void hive_forget_indexes(struct hive *h);
/* ERR_CORRUPT with the key's name; what: a clause such as "cannot list the values". */
int hive_unreadable(struct hive *h, const char *what, const char *key, struct err *err);

/* ---- hive_values.c ---- */

void hive_take_value(struct hive *h, hive_value_h from, struct arena *a, struct reg_value *ret);

/* ---- hive_edit.c ---- */

/* ERR_INTERNAL: open for reading; ERR_CONVERT: a change failed before; ERR_UNSUPPORTED: cells have two owners. */
int hive_may_change(struct hive *h, struct err *err);
/* Hands the values of the open key to hivex when some changed. */
int hive_flush(struct hive *h, struct err *err);

#endif
