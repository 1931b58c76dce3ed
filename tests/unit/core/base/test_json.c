/* JSON: what is built is what is printed and read again; strange input has an error with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"

static void printed_as_built(void **state)
{
	AUTO(js_freep) struct json *o = js_object();
	AUTO(buf_done) struct buf b = BUF_INIT(10000);
	struct json *list = js_set(o, "list", js_array());

	js_set_str(o, "name", "web \"01\"");
	js_set_str(o, "none", NULL);
	js_set_u64(o, "size", INT64_MAX);
	js_set_real(o, "ratio", 0.25);
	js_set_bool(o, "yes", true);
	js_add_str(list, "a");
	js_add_u64(list, 7);
	js_set_str(js_add(list, js_object()), "k", "v");
	assert_int_equal(js_print(o, false, &b), 0);
	assert_string_equal(buf_str(&b), "{\"list\":[\"a\",7,{\"k\":\"v\"}],\"name\":\"web \\\"01\\\"\",\"none\":null,"
					 "\"size\":9223372036854775807,\"ratio\":0.25,\"yes\":true}");
}

static void pretty_ends_in_a_newline(void **state)
{
	AUTO(js_freep) struct json *o = js_object();
	AUTO(buf_done) struct buf b = BUF_INIT(10000);

	js_set_u64(o, "a", 1);
	assert_int_equal(js_print(o, true, &b), 0);
	assert_string_equal(buf_str(&b), "{\n  \"a\": 1\n}\n");
}

static void a_text_beyond_the_limit_fails(void **state)
{
	AUTO(js_freep) struct json *o = js_object();
	AUTO(buf_done) struct buf b = BUF_INIT(20);

	js_set_str(o, "key", "a value longer than that");
	assert_int_equal(js_print(o, false, &b), -1);
}

static void text_that_is_not_utf8_is_kept_readable(void **state)
{
	AUTO(js_freep) struct json *o = js_object();

	js_set_str(o, "name", "caf\xe9 x");
	assert_string_equal(js_get_str(o, "name", ""), "caf\xef\xbf\xbd x");
	js_set_str(o, "name", "caf\xc3\xa9");
	assert_string_equal(js_get_str(o, "name", ""), "caf\xc3\xa9");
}

static void getters_fall_back_on_missing_and_on_other_types(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":5,\"neg\":-5,\"r\":1.5,\"b\":true,\"a\":[1,\"two\"],\"o\":{}}";
	AUTO(js_freep) struct json *o = js_parse(text, sizeof text - 1, NULL);

	assert_non_null(o);
	assert_string_equal(js_get_str(o, "s", "-"), "x");
	assert_string_equal(js_get_str(o, "n", "-"), "-");
	assert_string_equal(js_get_str(o, "absent", "-"), "-");
	assert_null(js_get_str(o, "absent", NULL));
	assert_int_equal(js_get_u64(o, "n", 9), 5);
	assert_int_equal(js_get_u64(o, "neg", 9), 9);
	assert_int_equal(js_get_u64(o, "r", 9), 9);
	assert_true(js_get_real(o, "r", 0) == 1.5);
	assert_true(js_get_real(o, "n", 0) == 5);
	assert_true(js_get_real(o, "s", 2) == 2);
	assert_true(js_get_bool(o, "b", false));
	assert_true(js_get_bool(o, "n", true));
	assert_int_equal(js_count(js_get(o, "a")), 2);
	assert_int_equal(js_count(js_get(o, "o")), 0);
	assert_int_equal(js_u64(js_at(js_get(o, "a"), 0), 9), 1);
	assert_string_equal(js_str(js_at(js_get(o, "a"), 1), ""), "two");
	assert_null(js_at(js_get(o, "a"), 2));
	assert_null(js_get(o, "absent"));
}

static void kinds(void **state)
{
	static const char text[] = "[{}, [], \"\", 1, 1.5, true, false, null]";
	static const enum js_kind expected[] = {JS_OBJECT, JS_ARRAY, JS_TEXT, JS_NUMBER, JS_NUMBER,
						JS_BOOL,   JS_BOOL,  JS_NULL, JS_NONE};
	AUTO(js_freep) struct json *j = js_parse(text, sizeof text - 1, NULL);

	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(js_kind(js_at(j, i)), expected[i]);
	assert_ptr_equal(js_held_at(j, 1), js_at(j, 1));
	assert_null(js_held_at(j, 2));
	assert_true(js_real(js_at(j, 4), 0) == 1.5);
	assert_true(js_bool(js_at(j, 5), false));
	assert_true(js_bool(js_at(j, 4), true));
}

static void copies_are_deep_and_equal(void **state)
{
	AUTO(js_freep) struct json *o = js_parse("{\"a\":{\"n\":1},\"s\":\"uefi\"}", 24, NULL);
	AUTO(js_freep) struct json *other = js_parse("{\"s\":\"uefi\",\"a\":{\"n\":1}}", 24, NULL);
	AUTO(js_freep) struct json *text = js_copy(js_get(o, "s"));
	AUTO(js_freep) struct json *deep = js_copy(o);

	assert_string_equal(js_str(text, ""), "uefi");
	assert_true(js_equal(deep, o));
	assert_true(js_equal(other, o));
	js_set_u64(o, "more", 1);
	assert_false(js_equal(deep, o));
	assert_null(js_copy(NULL));
	assert_false(js_equal(NULL, NULL));
}

static void errors_name_line_and_column(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"", "JSON line 1 column 0: '[' or '{' expected near end of file"},
	    {"{\"a\":1,\n \"b\":}", "JSON line 2 column 6: unexpected token near '}'"},
	    {"{\"a\":1,\"a\":2}", "JSON line 1 column 10: duplicate object key near '\"a\"'"},
	    {"{} x", "JSON line 1 column 4: end of file expected near 'x'"},
	};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_null(js_parse(cases[i].text, strlen(cases[i].text), &err));
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.code, ERR_CORRUPT);
	}
}

/* "no" is lost, "bad" becomes what is no text, the rest is told with its key. */
static char *edit(const char *key, const char *value, void *opaque)
{
	char *ret = NULL;

	++*(unsigned *)opaque;
	if (!strcmp(value, "no"))
		return NULL;
	if (!strcmp(value, "bad"))
		return strdup("\xff");
	assert_true(asprintf(&ret, "%s of %s", value, key ? key : "none") > 0);
	return ret;
}

static void strings_are_replaced_or_gone(void **state)
{
	static const char text[] = "{\"a\":[\"x\",{\"b\":\"no\",\"c\":\"bad\"},1],\"d\":\"y\"}";
	AUTO(buf_done) struct buf out = BUF_INIT(1024);
	AUTO(js_freep) struct json *j = js_parse(text, sizeof text - 1, NULL);
	unsigned calls = 0;

	js_edit_strings(j, edit, &calls);
	assert_int_equal(calls, 4);
	assert_int_equal(js_print(j, false, &out), 0);
	assert_string_equal(buf_str(&out), "{\"a\":[\"x of a\",{\"b\":\"\",\"c\":\"\"},1],\"d\":\"y of d\"}");
}

static void nesting_without_end_is_refused(void **state)
{
	char text[100000];
	struct err err = ERR_INIT;

	memset(text, '[', sizeof text);
	assert_null(js_parse(text, sizeof text, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.text, "maximum parsing depth reached"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(printed_as_built),
	    cmocka_unit_test(pretty_ends_in_a_newline),
	    cmocka_unit_test(a_text_beyond_the_limit_fails),
	    cmocka_unit_test(text_that_is_not_utf8_is_kept_readable),
	    cmocka_unit_test(getters_fall_back_on_missing_and_on_other_types),
	    cmocka_unit_test(kinds),
	    cmocka_unit_test(copies_are_deep_and_equal),
	    cmocka_unit_test(errors_name_line_and_column),
	    cmocka_unit_test(strings_are_replaced_or_gone),
	    cmocka_unit_test(nesting_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
