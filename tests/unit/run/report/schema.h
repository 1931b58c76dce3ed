/* The part of JSON Schema (2020-12) that docs/report.schema.json uses, so that reports are checked everywhere. */
#ifndef REHOST_TESTS_UNIT_RUN_REPORT_SCHEMA_H
#define REHOST_TESTS_UNIT_RUN_REPORT_SCHEMA_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

struct schema {
	json_t *root;
	char error[300]; /* the first violation, "" none */
};

static inline int schema_fail(struct schema *s, const char *where, const char *what)
{
	if (!*s->error)
		snprintf(s->error, sizeof s->error, "%s: %s", where, what);
	return -1;
}

static inline int schema_is_type(const json_t *v, const char *type)
{
	return (!strcmp(type, "object") && json_is_object(v)) || (!strcmp(type, "array") && json_is_array(v)) ||
	       (!strcmp(type, "string") && json_is_string(v)) || (!strcmp(type, "boolean") && json_is_boolean(v)) ||
	       (!strcmp(type, "integer") && json_is_integer(v)) || (!strcmp(type, "number") && json_is_number(v)) ||
	       (!strcmp(type, "null") && json_is_null(v));
}

static inline int schema_type(struct schema *s, const json_t *type, const json_t *v, const char *where)
{
	size_t i;
	json_t *one;

	if (!type || (json_is_string(type) && schema_is_type(v, json_string_value(type))))
		return 0;
	json_array_foreach(type, i, one) if (schema_is_type(v, json_string_value(one))) return 0;
	return schema_fail(s, where, "wrong type");
}

static inline int schema_value(struct schema *s, const json_t *rule, const json_t *v, const char *where)
{
	const json_t *list = json_object_get(rule, "enum"), *only = json_object_get(rule, "const");
	const json_t *least = json_object_get(rule, "minimum");
	size_t i;
	json_t *one;

	if (only && !json_equal(only, v))
		return schema_fail(s, where, "not the constant");
	if (least && json_number_value(v) < json_number_value(least))
		return schema_fail(s, where, "below the minimum");
	if (!list)
		return 0;
	json_array_foreach(list, i, one) if (json_equal(one, v)) return 0;
	return schema_fail(s, where, "not in the enumeration");
}

static inline int schema_check(struct schema *s, const json_t *rule, const json_t *v, const char *where);

static inline int schema_object(struct schema *s, const json_t *rule, const json_t *v, const char *where)
{
	const json_t *properties = json_object_get(rule, "properties");
	const char *key;
	char inner[200];
	size_t i;
	json_t *one;

	json_array_foreach(
	    json_object_get(rule, "required"), i,
	    one) if (!json_object_get(v, json_string_value(one))) return schema_fail(s, where, json_string_value(one));
	json_object_foreach((json_t *)v, key, one)
	{
		const json_t *sub = json_object_get(properties, key);

		snprintf(inner, sizeof inner, "%.120s.%.60s", where, key);
		if (!sub && json_is_false(json_object_get(rule, "additionalProperties")))
			return schema_fail(s, inner, "unknown key");
		if (sub && schema_check(s, sub, one, inner) < 0)
			return -1;
	}
	return 0;
}

static inline int schema_check(struct schema *s, const json_t *rule, const json_t *v, const char *where)
{
	const char *ref = json_string_value(json_object_get(rule, "$ref"));
	const json_t *items = json_object_get(rule, "items");
	char inner[200];
	size_t i;
	json_t *one;

	if (ref && strncmp(ref, "#/$defs/", 8))
		return schema_fail(s, where, "a reference of another kind");
	if (ref)
		return schema_check(s, json_object_get(json_object_get(s->root, "$defs"), ref + 8), v, where);
	if (!json_is_object(rule))
		return schema_fail(s, where, "the schema has no such rule");
	if (schema_type(s, json_object_get(rule, "type"), v, where) < 0 || schema_value(s, rule, v, where) < 0)
		return -1;
	if (json_is_object(v) && schema_object(s, rule, v, where) < 0)
		return -1;
	json_array_foreach((json_t *)v, i, one)
	{
		snprintf(inner, sizeof inner, "%.120s[%zu]", where, i);
		if (items && schema_check(s, items, one, inner) < 0)
			return -1;
	}
	return 0;
}

#endif
