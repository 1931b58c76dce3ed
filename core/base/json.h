/* JSON over jansson: building, reading, one line or pretty. Reference counting stays inside: a value put into another
 * belongs to it. The prefix is js_ because jansson owns json_. */
#ifndef REHOST_CORE_BASE_JSON_H
#define REHOST_CORE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"

struct json; /* an object, array, string, number, boolean or null */

struct json *js_object(void);
struct json *js_array(void);
struct json *js_null(void);
void js_free(struct json *j);
DEFINE_CLEANUP(struct json *, js_free)

/* A deep copy; of NULL, NULL. */
struct json *js_copy(const struct json *j);
/* Same values, whatever the order of keys; two NULLs aren't equal. */
bool js_equal(const struct json *a, const struct json *b);

/* Setters on an object. A NULL string sets null; text that isn't UTF-8 has its bad bytes replaced by U+FFFD.
 * Numbers are JSON integers of 63 bits: larger ones, such as hashes, go as text. */
void js_set_str(struct json *obj, const char *key, const char *value);
void js_set_u64(struct json *obj, const char *key, uint64_t value);
void js_set_real(struct json *obj, const char *key, double value);
void js_set_bool(struct json *obj, const char *key, bool value);
/* value now belongs to obj; returns it, so that `struct json *a = js_set(o, "x", js_array())` reads well. */
struct json *js_set(struct json *obj, const char *key, struct json *value);

/* Appenders on an array. */
void js_add_str(struct json *arr, const char *value);
void js_add_u64(struct json *arr, uint64_t value);
struct json *js_add(struct json *arr, struct json *value);

/* Getters: borrowed; the default when the key is missing or of another type. */
const char *js_get_str(const struct json *obj, const char *key, const char *missing);
uint64_t js_get_u64(const struct json *obj, const char *key, uint64_t missing);
double js_get_real(const struct json *obj, const char *key, double missing);
bool js_get_bool(const struct json *obj, const char *key, bool missing);
const struct json *js_get(const struct json *obj, const char *key);
/* The object or array under key, to be changed where it is; NULL when it is something else. */
struct json *js_held(struct json *obj, const char *key);
struct json *js_held_at(struct json *arr, size_t i);
size_t js_count(const struct json *arr); /* 0 when it isn't an array */
const struct json *js_at(const struct json *arr, size_t i);
/* What it is; JS_NONE for NULL, as for a key that is missing. */
enum js_kind { JS_NONE = 0, JS_NULL, JS_BOOL, JS_NUMBER, JS_TEXT, JS_ARRAY, JS_OBJECT };
enum js_kind js_kind(const struct json *j);
const char *js_str(const struct json *j, const char *missing);
uint64_t js_u64(const struct json *j, uint64_t missing);
double js_real(const struct json *j, double missing);
bool js_bool(const struct json *j, bool missing);

/* Replaces every string inside j by what edit returns for it, malloc'ed; by "" when that is NULL or no UTF-8. key: the
 * one it stands under, in an array the array's; NULL none. */
void js_edit_strings(struct json *j, char *(*edit)(const char *key, const char *value, void *opaque), void *opaque);

/* Parses len bytes; errors name line and column. Depth and size are bounded by the parser and len. */
struct json *js_parse(const char *text, size_t len, struct err *err);

/* Appends the text to b: one line without newline, or indented with a final newline. */
int js_print(const struct json *j, bool pretty, struct buf *b);

#endif
