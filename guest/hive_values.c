/* The values of a hive's keys, read. */
#include "guest/hive_private.h"

#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "guest/hive_text.h"

void hive_take_value(struct hive *h, hive_value_h from, struct arena *a, struct reg_value *ret)
{
	AUTO_FREE char *name = hivex_value_key(h->h, from);
	hive_type type = 0;
	size_t len = 0;
	AUTO_FREE char *data = hivex_value_value(h->h, from, &type, &len);

	if (!data) /* of data that can't be read, len is what the value says */
		len = 0;
	*ret = (struct reg_value){
	    .name = arena_strdup(a, name ? name : ""), .type = (uint32_t)type, .len = len, .there = name};
	ret->data = arena_alloc(a, len + 1);
	if (data)
		memcpy(ret->data, data, len);
}

/* The values of a key as hivex has them, with all that is changed. */
static hive_value_h *values_of(struct hive *h, hive_node_h node, struct err *err)
{
	return node && (node != h->open.node || hive_flush(h, err) == 0) ? hivex_node_values(h->h, node) : NULL;
}

int hive_values(struct hive *h, const char *key, struct arena *a, struct reg_values *ret, struct err *err)
{
	hive_node_h node = hive_find(h, key);
	AUTO_FREE hive_value_h *values = values_of(h, node, err);
	size_t total = 0;

	*ret = (struct reg_values){0};
	if (node && !values)
		return hive_unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; v && *v; v++) {
		struct reg_value *value = vec_push(a, &ret->list);

		hive_take_value(h, *v, a, value);
		total += value->len;
		if (total > HIVE_FILE_MAX) /* many values may share their data */
			return err_set(err, ERR_CORRUPT, "'%s': the values of key '%s' are larger than a hive may be",
				       h->path, key);
	}
	return 0;
}

int hive_value(struct hive *h, const char *key, const char *name, struct arena *a, struct reg_value *ret,
	       struct err *err)
{
	hive_node_h node = hive_find(h, key);
	AUTO_FREE hive_value_h *values = values_of(h, node, err);

	*ret = (struct reg_value){0};
	if (node && !values)
		return hive_unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; v && *v && !ret->there; v++) {
		AUTO_FREE char *is = hivex_value_key(h->h, *v);

		if (is && strcasecmp(is, name) == 0)
			hive_take_value(h, *v, a, ret);
	}
	return 0;
}

static bool is_text(const struct reg_value *v)
{
	return v->there && (v->type == REG_SZ || v->type == REG_EXPAND_SZ || v->type == REG_LINK);
}

int hive_string(struct hive *h, const char *key, const char *name, struct arena *a, char **ret, struct err *err)
{
	struct reg_value v;

	*ret = NULL;
	if (hive_value(h, key, name, a, &v, err) < 0)
		return -1;
	if (is_text(&v))
		*ret = reg_text(a, v.data, v.len);
	return 0;
}

int hive_strings(struct hive *h, const char *key, const char *name, struct arena *a, struct names *ret, struct err *err)
{
	struct reg_value v;
	size_t used;

	*ret = (struct names){0};
	if (hive_value(h, key, name, a, &v, err) < 0)
		return -1;
	if (is_text(&v))
		return names_add(ret, a, reg_text(a, v.data, v.len), err);
	if (!v.there || v.type != REG_MULTI_SZ)
		return 0;
	for (size_t at = 0; at + 1 < v.len && get_le16(v.data + at); at += used)
		if (names_add(ret, a, reg_text_next(a, v.data + at, v.len - at, &used), err) < 0)
			return -1;
	return 0;
}

/* The number of a value of that type and size, or missing. */
static int number(struct hive *h, const char *key, const char *name, enum reg_type type, size_t size,
		  uint64_t missing_is, uint64_t *ret, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct reg_value v;

	*ret = missing_is;
	if (hive_value(h, key, name, &a, &v, err) < 0)
		return -1;
	if (v.there && v.type == type && v.len >= size)
		*ret = size == 4 ? get_le32(v.data) : get_le64(v.data);
	return 0;
}

int hive_dword(struct hive *h, const char *key, const char *name, uint32_t missing_is, uint32_t *ret, struct err *err)
{
	uint64_t v;

	if (number(h, key, name, REG_DWORD, 4, missing_is, &v, err) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

int hive_qword(struct hive *h, const char *key, const char *name, uint64_t missing_is, uint64_t *ret, struct err *err)
{
	return number(h, key, name, REG_QWORD, 8, missing_is, ret, err);
}
