/* JSON over jansson; the only file that includes it. */
#include "core/base/json.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static json_t *in(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct json *out(json_t *j)
{
	if (!j)
		abort();
	return (struct json *)(void *)j;
}

/* Text that isn't UTF-8 (a guest's file name, say) must not lose the whole report. */
static json_t *string_lossy(const char *s)
{
	json_t *ret;
	char *fixed, *to;

	if (!s)
		return json_null();
	ret = json_string(s);
	if (ret)
		return ret;
	fixed = malloc(3 * strlen(s) + 1);
	if (!fixed)
		abort();
	for (to = fixed; *s; s++) {
		if ((unsigned char)*s < 0x80) {
			*to++ = *s;
		} else {
			memcpy(to, "\xef\xbf\xbd", 3);
			to += 3;
		}
	}
	*to = '\0';
	ret = json_string(fixed);
	free(fixed);
	return ret;
}

struct json *js_object(void)
{
	return out(json_object());
}

struct json *js_array(void)
{
	return out(json_array());
}

struct json *js_null(void)
{
	return out(json_null());
}

void js_free(struct json *j)
{
	json_decref(in(j));
}

struct json *js_copy(const struct json *j)
{
	return j ? out(json_deep_copy(in(j))) : NULL;
}

bool js_equal(const struct json *a, const struct json *b)
{
	return json_equal(in(a), in(b));
}

static void set(struct json *obj, const char *key, json_t *value)
{
	if (json_object_set_new(in(obj), key, value) < 0)
		abort();
}

void js_set_str(struct json *obj, const char *key, const char *value)
{
	set(obj, key, string_lossy(value));
}

/* JSON's numbers are signed here: what is more than their largest is that. */
static json_t *whole(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

void js_set_u64(struct json *obj, const char *key, uint64_t value)
{
	set(obj, key, whole(value));
}

void js_set_real(struct json *obj, const char *key, double value)
{
	set(obj, key, json_real(value));
}

void js_set_bool(struct json *obj, const char *key, bool value)
{
	set(obj, key, json_boolean(value));
}

struct json *js_set(struct json *obj, const char *key, struct json *value)
{
	set(obj, key, in(value));
	return value;
}

static void add(struct json *arr, json_t *value)
{
	if (json_array_append_new(in(arr), value) < 0)
		abort();
}

void js_add_str(struct json *arr, const char *value)
{
	add(arr, string_lossy(value));
}

void js_add_u64(struct json *arr, uint64_t value)
{
	add(arr, whole(value));
}

struct json *js_add(struct json *arr, struct json *value)
{
	add(arr, in(value));
	return value;
}

const struct json *js_get(const struct json *obj, const char *key)
{
	return (const struct json *)(void *)json_object_get(in(obj), key);
}

static struct json *held(json_t *value)
{
	return json_is_object(value) || json_is_array(value) ? (struct json *)(void *)value : NULL;
}

struct json *js_held(struct json *obj, const char *key)
{
	return held(json_object_get(in(obj), key));
}

struct json *js_held_at(struct json *arr, size_t i)
{
	return held(json_array_get(in(arr), i));
}

enum js_kind js_kind(const struct json *j)
{
	if (!j)
		return JS_NONE;
	switch (json_typeof(in(j))) {
	case JSON_OBJECT:
		return JS_OBJECT;
	case JSON_ARRAY:
		return JS_ARRAY;
	case JSON_STRING:
		return JS_TEXT;
	case JSON_INTEGER:
	case JSON_REAL:
		return JS_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return JS_BOOL;
	case JSON_NULL:
		break;
	}
	return JS_NULL;
}

const char *js_str(const struct json *j, const char *missing)
{
	const char *s = json_string_value(in(j));

	return s ? s : missing;
}

uint64_t js_u64(const struct json *j, uint64_t missing)
{
	return json_is_integer(in(j)) && json_integer_value(in(j)) >= 0 ? (uint64_t)json_integer_value(in(j)) : missing;
}

double js_real(const struct json *j, double missing)
{
	return json_is_number(in(j)) ? json_number_value(in(j)) : missing;
}

bool js_bool(const struct json *j, bool missing)
{
	return json_is_boolean(in(j)) ? json_is_true(in(j)) : missing;
}

const char *js_get_str(const struct json *obj, const char *key, const char *missing)
{
	return js_str(js_get(obj, key), missing);
}

uint64_t js_get_u64(const struct json *obj, const char *key, uint64_t missing)
{
	return js_u64(js_get(obj, key), missing);
}

double js_get_real(const struct json *obj, const char *key, double missing)
{
	return js_real(js_get(obj, key), missing);
}

bool js_get_bool(const struct json *obj, const char *key, bool missing)
{
	return js_bool(js_get(obj, key), missing);
}

size_t js_count(const struct json *arr)
{
	return json_array_size(in(arr));
}

const struct json *js_at(const struct json *arr, size_t i)
{
	return (const struct json *)(void *)json_array_get(in(arr), i);
}

static void edit_inside(json_t *j, const char *key, char *(*edit)(const char *, const char *, void *), void *opaque)
{
	const char *name;
	json_t *value;
	void *next;
	size_t i;

	if (json_is_string(j)) {
		char *text = edit(key, json_string_value(j), opaque);

		if (!text || json_string_set(j, text) < 0) /* rather nothing than what should have been replaced */
			json_string_set(j, "");
		free(text);
	}
	json_array_foreach(j, i, value) edit_inside(value, key, edit, opaque);
	json_object_foreach_safe(j, next, name, value) edit_inside(value, name, edit, opaque);
}

void js_edit_strings(struct json *j, char *(*edit)(const char *key, const char *value, void *opaque), void *opaque)
{
	edit_inside(in(j), NULL, edit, opaque);
}

struct json *js_parse(const char *text, size_t len, struct err *err)
{
	json_error_t why;
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (!j)
		return err_null(err, ERR_CORRUPT, "JSON line %d column %d: %s", why.line, why.column, why.text);
	return out(j);
}

static int dump_to_buf(const char *data, size_t len, void *opaque)
{
	return buf_add(opaque, data, len);
}

int js_print(const struct json *j, bool pretty, struct buf *b)
{
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(9) | (pretty ? JSON_INDENT(2) : JSON_COMPACT);

	if (json_dump_callback(in(j), dump_to_buf, b, flags) < 0)
		return -1;
	return pretty ? buf_adds(b, "\n") : 0;
}
