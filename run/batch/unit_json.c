/* A unit as JSON and back: the file that one machine of a job has. */
#include <string.h>

#include "core/model/machine.h"
#include "run/batch/job.h"

#define UNIT_SCHEMA "rehost-unit-1"

const char *unit_proof_name(enum boot_level level)
{
	return level == BOOT_LEVEL_UNKNOWN ? "none" : boot_level_name(level);
}

/* ---- writing ---- */

static void add_texts(struct json *list, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		js_add_str(list, v[i]);
}

static void add_blocked(struct json *j, const struct unit *u)
{
	struct json *blocked;

	if (!u->blocked_text) {
		js_set(j, "blocked", js_null());
		return;
	}
	blocked = js_set(j, "blocked", js_object());
	js_set_str(blocked, "finding", u->blocked_finding);
	js_set_str(blocked, "text", u->blocked_text);
}

static void add_amounts(struct json *j, const struct unit *u)
{
	struct json *estimate = js_set(j, "estimate", js_object()), *resources = js_set(j, "resources", js_object());

	js_set_u64(estimate, "bytes", u->bytes);
	js_set_u64(estimate, "seconds", u->seconds);
	js_set_u64(resources, "cpus", u->cpus);
	js_set_u64(resources, "memory_mib", u->memory_mib);
	js_set_u64(resources, "tmp_mib", u->tmp_mib);
}

struct json *unit_json(const struct unit *u)
{
	struct json *j = js_object();

	js_set_str(j, "schema", UNIT_SCHEMA);
	js_set_u64(j, "index", u->index);
	js_set_str(j, "name", u->name);
	js_set_str(j, "source", u->sources.v[0]);
	add_texts(js_set(j, "further_sources", js_array()), u->sources.v + 1, u->sources.n - 1);
	add_texts(js_set(j, "arguments", js_array()), u->arguments.v, u->arguments.n);
	js_set_str(j, "group", u->group);
	js_set_str(j, "source_group", u->source_group);
	js_set_u64(j, "priority", u->priority);
	js_set_str(j, "proof", unit_proof_name(u->proof));
	js_set_u64(j, "proof_timeout", u->proof_timeout);
	js_set_u64(j, "retries", u->retries);
	add_amounts(j, u);
	add_blocked(j, u);
	return j;
}

/* ---- reading ---- */

struct reader {
	const struct json *from;
	struct arena *arena;
	struct err *err;
};

static int wrong(const struct reader *r, const char *key, const char *expected)
{
	return err_set(r->err, ERR_CORRUPT, "\"%s\" isn't %s", key, expected);
}

static int get_text(const struct reader *r, const char *key, const char **ret)
{
	const char *s = js_get_str(r->from, key, NULL);

	if (!s || !*s)
		return wrong(r, key, "a text");
	*ret = arena_strdup(r->arena, s);
	return 0;
}

/* null and a missing key are none. */
static void get_optional(const struct reader *r, const char *key, const char **ret)
{
	*ret = arena_strdup(r->arena, js_get_str(r->from, key, NULL));
}

static int get_number(const struct reader *r, const char *key, unsigned *ret)
{
	uint64_t n = js_get_u64(r->from, key, UINT64_MAX);

	if (n > UINT32_MAX)
		return wrong(r, key, "a number below 2^32");
	*ret = (unsigned)n;
	return 0;
}

/* The texts of a list, behind `first` when that isn't NULL. */
static int get_texts(const struct reader *r, const char *key, const char *first, const char *const **ret, size_t *ret_n)
{
	const struct json *list = js_get(r->from, key);
	size_t n = js_count(list), at = 0;
	const char **v = arena_alloc(r->arena, (n + 2) * sizeof *v);

	if (first)
		v[at++] = first;
	for (size_t i = 0; i < n; i++) {
		const char *s = js_str(js_at(list, i), NULL);

		if (!s)
			return wrong(r, key, "a list of texts");
		v[at++] = arena_strdup(r->arena, s);
	}
	*ret = v;
	*ret_n = at;
	return 0;
}

static int get_sources(const struct reader *r, struct unit *u)
{
	const char *first;

	if (get_text(r, "source", &first) < 0)
		return -1;
	return get_texts(r, "further_sources", first, &u->sources.v, &u->sources.n);
}

static int get_proof(const struct reader *r, const char *key, enum boot_level *ret)
{
	const char *word = js_get_str(r->from, key, "");

	*ret = boot_level_by_name(word);
	if (*ret == BOOT_LEVEL_UNKNOWN && strcmp(word, "none") != 0)
		return wrong(r, key, "none, firmware, kernel or login");
	return 0;
}

/* Plans that are older than the key haven't it. */
static int get_proof_timeout(const struct reader *r, struct unit *u)
{
	return js_get(r->from, "proof_timeout") ? get_number(r, "proof_timeout", &u->proof_timeout) : 0;
}

static int get_amounts(const struct reader *unit, struct unit *u)
{
	struct reader estimate = *unit, resources = *unit;

	estimate.from = js_get(unit->from, "estimate");
	resources.from = js_get(unit->from, "resources");
	u->bytes = js_get_u64(estimate.from, "bytes", 0);
	if (get_number(&estimate, "seconds", &u->seconds) < 0 || get_number(&resources, "cpus", &u->cpus) < 0 ||
	    get_number(&resources, "memory_mib", &u->memory_mib) < 0)
		return -1;
	return get_number(&resources, "tmp_mib", &u->tmp_mib);
}

static int get_blocked(const struct reader *unit, struct unit *u)
{
	struct reader r = *unit;

	r.from = js_get(unit->from, "blocked");
	if (!r.from)
		return wrong(unit, "blocked", "there");
	if (js_kind(r.from) == JS_NULL)
		return 0;
	get_optional(&r, "finding", &u->blocked_finding);
	return get_text(&r, "text", &u->blocked_text);
}

/* It becomes a folder of out/: whoever wrote the file, it leads nowhere else. */
static int get_name(const struct reader *r, struct unit *u)
{
	if (get_text(r, "name", &u->name) < 0)
		return -1;
	if (strcmp(machine_safe_name(r->arena, u->name), u->name) != 0)
		return wrong(r, "name", "letters, digits, '.', '_' and '-', at most 64, of which the first is no sign");
	return 0;
}

int unit_from_json(const struct json *j, struct arena *a, struct unit *ret, struct err *err)
{
	struct reader r = {.from = j, .arena = a, .err = err};

	*ret = (struct unit){0};
	if (strcmp(js_get_str(j, "schema", ""), UNIT_SCHEMA) != 0)
		return wrong(&r, "schema", UNIT_SCHEMA);
	if (get_number(&r, "index", &ret->index) < 0 || get_name(&r, ret) < 0 || get_sources(&r, ret) < 0 ||
	    get_texts(&r, "arguments", NULL, &ret->arguments.v, &ret->arguments.n) < 0 ||
	    get_number(&r, "priority", &ret->priority) < 0 || get_proof(&r, "proof", &ret->proof) < 0 ||
	    get_proof_timeout(&r, ret) < 0 || get_number(&r, "retries", &ret->retries) < 0 || get_amounts(&r, ret) < 0)
		return -1;
	get_optional(&r, "group", &ret->group);
	get_optional(&r, "source_group", &ret->source_group);
	return get_blocked(&r, ret);
}
