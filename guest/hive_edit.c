/* Changes of a hive, in hivex' memory, and their records. */
#include "guest/hive_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "guest/hive_text.h"

enum {
	NAME_MAX_BYTES = 255,  /* of a key's name, in characters: Windows' limit */
	TREE_LINES_MAX = 2000, /* of a dropped key in a record */
};

int hive_may_change(struct hive *h, struct err *err)
{
	if (h->mode != HIVE_EDIT)
		return err_set(err, ERR_INTERNAL, "'%s' is open for reading", h->path);
	if (h->failed)
		return err_set(err, ERR_CONVERT, "'%s': a change before this one failed", h->path);
	if (h->shared)
		return err_set(
		    err, ERR_UNSUPPORTED,
		    "'%s': cells of the hive belong to two owners at once; it can be read, but not changed; on the "
		    "source, load and save it with 'reg load' and 'reg unload', or repair Windows",
		    h->path);
	return 0;
}

/* A change that broke off leaves the hive in memory half changed. */
static int broke(struct hive *h, const char *what, const char *key, struct err *err)
{
	h->failed = true;
	return err_sys(err, ERR_CONVERT, "'%s': cannot %s key '%s'", h->path, what, key);
}

static char *whole_key(struct hive *h, const char *key)
{
	return *key ? arena_printf(&h->arena, "%s\\%s", h->root, key) : arena_strdup(&h->arena, h->root);
}

static struct hive_edit *add_edit(struct hive *h, const char *key, const char *reason)
{
	struct hive_edit *e = vec_push(&h->arena, &h->edits.list);

	*e = (struct hive_edit){.key = whole_key(h, key),
				.before = true,
				.after = true,
				.lines_before = arena_strdup(&h->arena, ""),
				.lines_after = arena_strdup(&h->arena, ""),
				.reason = arena_strdup(&h->arena, reason)};
	return e;
}

static bool is_ascii_name(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~')
			return false;
	return n > 0 && n <= NAME_MAX_BYTES;
}

/* The key, made with all that is missing above it. 0: err is set. */
static hive_node_h make_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	const char *rest;
	hive_node_h node = hive_walk(h, key, &rest);

	while (*rest) {
		size_t n = strcspn(rest, "\\");
		AUTO_FREE char *name = strndup(rest, n);
		hive_node_h next;

		if (!name || !is_ascii_name(name, n)) {
			err_set(err, ERR_UNSUPPORTED,
				"'%s': a key can't be called '%s': only ASCII, 1 to %d characters", h->path,
				name ? name : "", NAME_MAX_BYTES);
			return 0;
		}
		hive_forget_indexes(h);
		next = hivex_node_add_child(h->h, node, name);
		if (!next) {
			broke(h, "make", key, err);
			return 0;
		}
		*vec_push(&h->arena, &h->made) = (struct made_key){node, next};
		rest += n;
		add_edit(h, arena_strndup(&h->arena, key, (size_t)(rest - key)), reason)->before = false;
		rest += *rest == '\\';
		node = next;
	}
	return node;
}

int hive_make_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	if (hive_may_change(h, err) < 0)
		return -1;
	return make_key(h, hive_real_key(h, &h->arena, key), reason, err) ? 0 : -1;
}

static int check_size(struct hive *h, const char *key, const char *name, size_t len, struct err *err)
{
	if (len <= HIVE_DATA_MAX)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "'%s': value '%s' of key '%s' has %zu bytes: keys with more than %d in a value can't be changed",
		       h->path, name, key, len, HIVE_DATA_MAX);
}

int hive_flush(struct hive *h, struct err *err)
{
	const struct reg_values *values = &h->open.values;
	AUTO_FREE hive_set_value *set = NULL;
	size_t n = 0;

	if (!h->open.changed)
		return 0;
	set = calloc(values->list.n + 1, sizeof *set);
	if (!set)
		return err_nomem(err);
	VEC_FOR (v, &values->list)
		set[n++] =
		    (hive_set_value){.key = v->name, .t = (hive_type)v->type, .len = v->len, .value = (char *)v->data};
	h->open.changed = false;
	return hivex_node_set_values(h->h, h->open.node, n, set, 0) < 0
		   ? broke(h, "change a value of", h->open.key, err)
		   : 0;
}

static void close_key(struct hive *h)
{
	arena_done(&h->open.arena);
	h->open = (struct open_key){0};
}

/* All values, each of which must be readable to be stored again. */
static int load_values(struct hive *h, hive_node_h node, const char *key, struct err *err)
{
	AUTO_FREE hive_value_h *values = hivex_node_values(h->h, node);

	if (!values)
		return hive_unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; *v; v++) {
		struct reg_value *value = vec_push(&h->open.arena, &h->open.values.list);
		size_t len = 0;

		hive_take_value(h, *v, &h->open.arena, value);
		if (!value->there || hivex_value_type(h->h, *v, NULL, &len) < 0 || value->len != len)
			return hive_unreadable(h, "cannot read a value", key, err);
		if (check_size(h, key, value->name, len, err) < 0)
			return -1;
	}
	return 0;
}

/* Makes it the open key. */
static int open_key(struct hive *h, hive_node_h node, const char *key, struct err *err)
{
	if (h->open.node == node)
		return 0;
	if (hive_flush(h, err) < 0)
		return -1;
	close_key(h);
	if (load_values(h, node, key, err) < 0) {
		close_key(h);
		return -1;
	}
	h->open.node = node;
	h->open.key = arena_strdup(&h->open.arena, key);
	return 0;
}

static struct reg_value *value_named(const struct reg_values *values, const char *name)
{
	VEC_FOR (v, &values->list)
		if (strcasecmp(v->name, name) == 0)
			return v;
	return NULL;
}

static char *line_of(struct hive *h, const struct reg_value *v)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	reg_line(&b, v);
	return arena_strdup(&h->arena, b.failed ? "…\n" : buf_str(&b));
}

static bool same_value(const struct reg_value *v, uint32_t type, const void *data, size_t len)
{
	return v->type == type && v->len == len && (!len || memcmp(v->data, data, len) == 0);
}

int hive_set(struct hive *h, const char *key, const char *name, uint32_t type, const void *data, size_t len,
	     const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = hive_real_key(h, &a, key);
	struct arena *values = &h->open.arena;
	struct reg_value *v;
	char *before = NULL;
	struct hive_edit *e;
	hive_node_h node;

	if (hive_may_change(h, err) < 0 || check_size(h, key, name, len, err) < 0)
		return -1;
	node = make_key(h, real, reason, err);
	if (!node || open_key(h, node, real, err) < 0)
		return -1;
	v = value_named(&h->open.values, name);
	if (v && same_value(v, type, data, len))
		return 0;
	if (v)
		before = line_of(h, v);
	else
		*(v = vec_push(values, &h->open.values.list)) =
		    (struct reg_value){.name = arena_strdup(values, name), .there = true};
	v->type = type;
	v->len = len;
	v->data = arena_alloc(values, len + 1);
	memcpy(v->data, data, len);
	h->open.changed = true;
	e = add_edit(h, real, reason);
	e->lines_before = before ? before : e->lines_before;
	e->lines_after = line_of(h, v);
	return 0;
}

static int set_text(struct hive *h, const char *key, const char *name, enum reg_type type, const char *text,
		    const char *reason, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_DATA_MAX);

	if (reg_text_encode(text, &b, err) < 0)
		return err_wrap(err, "value '%s' of key '%s'", name, key);
	return hive_set(h, key, name, type, b.data, b.len, reason, err);
}

int hive_set_string(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err)
{
	return set_text(h, key, name, REG_SZ, text, reason, err);
}

int hive_set_expand(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err)
{
	return set_text(h, key, name, REG_EXPAND_SZ, text, reason, err);
}

int hive_set_strings(struct hive *h, const char *key, const char *name, const char *const *texts, const char *reason,
		     struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_DATA_MAX);

	for (; *texts; texts++)
		if (!**texts)
			return err_set(err, ERR_INTERNAL, "value '%s' of key '%s': an empty text can't be in a list",
				       name, key);
		else if (reg_text_encode(*texts, &b, err) < 0)
			return err_wrap(err, "value '%s' of key '%s'", name, key);
	if (reg_text_encode("", &b, err) < 0)
		return err_wrap(err, "value '%s' of key '%s'", name, key);
	return hive_set(h, key, name, REG_MULTI_SZ, b.data, b.len, reason, err);
}

int hive_set_dword(struct hive *h, const char *key, const char *name, uint32_t v, const char *reason, struct err *err)
{
	uint8_t data[4];

	put_le32(data, v);
	return hive_set(h, key, name, REG_DWORD, data, sizeof data, reason, err);
}

int hive_set_qword(struct hive *h, const char *key, const char *name, uint64_t v, const char *reason, struct err *err)
{
	uint8_t data[8];

	put_le64(data, v);
	return hive_set(h, key, name, REG_QWORD, data, sizeof data, reason, err);
}

int hive_unset(struct hive *h, const char *key, const char *name, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = hive_real_key(h, &a, key);
	hive_node_h node = hive_find(h, real);
	struct reg_values *values = &h->open.values;
	struct reg_value *v;

	if (hive_may_change(h, err) < 0)
		return -1;
	if (!node)
		return 0;
	if (open_key(h, node, real, err) < 0)
		return -1;
	v = value_named(values, name);
	if (!v)
		return 0;
	add_edit(h, real, reason)->lines_before = line_of(h, v);
	memmove(v, v + 1, (size_t)(values->list.v + values->list.n - (v + 1)) * sizeof *v);
	values->list.n--;
	h->open.changed = true;
	return 0;
}

/* Records a key and what is below it as gone; *room: lines that may still be added. */
static int record_gone(struct hive *h, hive_node_h node, const char *key, const char *reason, unsigned *room,
		       struct err *err)
{
	AUTO(buf_done) struct buf lines = BUF_INIT(1 << 20);
	AUTO(arena_done) struct arena a = {0};
	AUTO_FREE hive_node_h *children = hivex_node_children(h->h, node);
	AUTO_FREE hive_value_h *values = hivex_node_values(h->h, node);
	struct hive_edit *e;

	if (!*room)
		return 0;
	--*room;
	for (hive_value_h *v = values; v && *v && *room; v++, --*room) {
		struct reg_value value;

		hive_take_value(h, *v, &a, &value);
		reg_line(&lines, &value);
	}
	e = add_edit(h, key, reason);
	e->after = false;
	e->lines_before = arena_strdup(&h->arena, buf_str(&lines));
	for (hive_node_h *c = children; c && *c; c++) {
		AUTO_FREE char *name = hivex_node_name(h->h, *c);

		if (record_gone(h, *c, arena_printf(&a, "%s\\%s", key, name ? name : "?"), reason, room, err) < 0)
			return -1;
	}
	return 0;
}

int hive_drop_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = hive_real_key(h, &a, key);
	hive_node_h node = hive_find(h, real);
	unsigned room = TREE_LINES_MAX;

	if (hive_may_change(h, err) < 0)
		return -1;
	if (!node)
		return 0;
	if (!*real)
		return err_set(err, ERR_INTERNAL, "'%s': the root key can't be removed", h->path);
	if (h->astray)
		return err_set(
		    err, ERR_UNSUPPORTED,
		    "'%s': the class of some key is in no cell, so that '%s' can't be removed; on the source, "
		    "load and save the hive with 'reg load' and 'reg unload', or repair Windows",
		    h->path, key);
	if (hive_flush(h, err) < 0)
		return -1;
	close_key(h);
	if (record_gone(h, node, real, reason, &room, err) < 0)
		return -1;
	hive_forget_indexes(h);
	return hivex_node_delete_child(h->h, node) < 0 ? broke(h, "remove", key, err) : 0;
}
