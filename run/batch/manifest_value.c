/* A manifest's values against the types of their keys. */
#include "run/batch/manifest_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/units.h"
#include "core/model/machine.h"

enum {
	LIST_MAX = 256, /* as often as a command line may have an option */
	ITEM_SEPARATOR = ';',
};

/* What stands there, for a message. */
static const char *found(const struct manifest_node *node, char *ret, size_t size)
{
	if (node->kind == MANIFEST_ITEMS)
		return "a list";
	if (node->kind == MANIFEST_MAP)
		return "what has keys of its own";
	if (!*node->text)
		return "an empty value";
	snprintf(ret, size, "'%.80s'%s", node->text, node->kind == MANIFEST_QUOTED ? " in quotes" : "");
	return ret;
}

static bool is_list(const struct manifest_key *key)
{
	return key->type == MANIFEST_LIST || key->type == MANIFEST_PATHS || key->type == MANIFEST_SECRETS;
}

/* What each value of a list looks like. */
static const char *item(const struct manifest_key *key)
{
	if (key->type == MANIFEST_PATHS)
		return "a path";
	return key->argument ? key->argument : "a text";
}

static int wrong(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	char value[160], what[120];

	return manifest_wrong(d, node->line, node->column, "%s: %s isn't %s", key->name, found(node, what, sizeof what),
			      is_list(key) ? item(key) : manifest_key_value(key, value, sizeof value));
}

/* ---- scalars ---- */

static int check_choice(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	for (const char *const *c = key->choices; *c; c++)
		if (!strcmp(*c, node->text))
			return 0;
	return wrong(d, key, node);
}

/* No path, name or map has one, and none may reach a terminal or begin a line of a log. */
static int check_text(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	if (node->kind == MANIFEST_BARE || !*node->text)
		return wrong(d, key, node);
	for (const char *p = node->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return manifest_wrong(d, node->line, node->column,
					      "%s: '%.80s' has the control character 0x%02x", key->name, node->text,
					      (unsigned char)*p);
	return key->choices ? check_choice(d, key, node) : 0;
}

static int check_name(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	struct arena a = {0};
	bool safe = !strcmp(machine_safe_name(&a, node->text), node->text);

	arena_done(&a);
	if (node->kind == MANIFEST_BARE || !*node->text)
		return wrong(d, key, node);
	if (!safe)
		return manifest_wrong(
		    d, node->line, node->column,
		    "%s: '%.80s' isn't made of letters, digits, '.', '_' and '-', at most 64, of which the "
		    "first is no sign",
		    key->name, node->text);
	return 0;
}

static int check_flag(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	if (node->kind != MANIFEST_QUOTED && (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
		return 0;
	return wrong(d, key, node);
}

static bool is_number(const struct manifest_node *node, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(node->text, &end, 10);
	return node->kind != MANIFEST_QUOTED && isdigit((unsigned char)*node->text) && !errno && !*end;
}

static int check_number(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	unsigned long n;

	return is_number(node, &n) && n <= key->max ? 0 : wrong(d, key, node);
}

static int check_size(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	uint64_t bytes;

	return size_parse(node->text, &bytes) && bytes ? 0 : wrong(d, key, node);
}

/* The kind of a key's option that comes first: a name may hold colons, as may what stands behind. */
static const char *secret_kind(const char *text)
{
	static const char *const kinds[] = {":key:", ":file:", ":fd:"};
	const char *ret = NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *at = strstr(text, kinds[i]);

		if (at && (!ret || at < ret))
			ret = at;
	}
	return ret && ret != text ? ret : "";
}

/* What stands where a passphrase may stand is never repeated in a message. */
static int check_secret(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	const char *kind = secret_kind(node->text);

	if (!strncmp(kind, ":file:", 6) && kind[6])
		return check_text(d, key, node);
	if (!strncmp(kind, ":key:", 5))
		return manifest_wrong(
		    d, node->line, node->column,
		    "%s: no passphrase stands in a manifest: put it into a file, and NAME:file:PATH here", key->name);
	if (!strncmp(kind, ":fd:", 4))
		return manifest_wrong(
		    d, node->line, node->column,
		    "%s: no descriptor stays open for another host or a second try: NAME:file:PATH is expected",
		    key->name);
	return manifest_wrong(d, node->line, node->column, "%s: the value isn't NAME:file:PATH", key->name);
}

typedef int checker(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node);

static checker *const checkers[] = {
    [MANIFEST_TEXT] = check_text,     [MANIFEST_NAME] = check_name,  [MANIFEST_FLAG] = check_flag,
    [MANIFEST_NUMBER] = check_number, [MANIFEST_SIZE] = check_size,  [MANIFEST_LIST] = check_text,
    [MANIFEST_PATH] = check_text,     [MANIFEST_PATHS] = check_text, [MANIFEST_SECRETS] = check_secret,
};

/* ---- lists ---- */

/* "lan:br0; dmz:br1" in a cell. */
static int each_part(struct arena *a, const struct manifest_node *cell,
		     int (*fn)(const struct manifest_node *one, void *opaque), void *opaque)
{
	static const char separator[] = {ITEM_SEPARATOR, '\0'};
	struct manifest_node part = *cell;

	for (const char *p = cell->text;; p++) {
		size_t n = strcspn(p, separator), from = strspn(p, " "), to = n;

		while (to > from && p[to - 1] == ' ')
			to--;
		part.text = arena_strndup(a, p + from, to > from ? to - from : 0);
		if (fn(&part, opaque) < 0)
			return -1;
		p += n;
		if (!*p)
			return 0;
	}
}

/* Calls fn for each item of a list, one that is no list being its only item. */
static int each_item(struct arena *a, const struct manifest_node *node,
		     int (*fn)(const struct manifest_node *one, void *opaque), void *opaque)
{
	if (node->kind == MANIFEST_ITEMS) {
		for (const struct manifest_node *one = node->first; one; one = one->next)
			if (fn(one, opaque) < 0)
				return -1;
		return 0;
	}
	if (node->kind != MANIFEST_CELL)
		return fn(node, opaque);
	return each_part(a, node, fn, opaque);
}

struct checking {
	const struct manifest_doc *doc;
	const struct manifest_key *key;
	size_t n;
};

static int check_item(const struct manifest_node *node, void *opaque)
{
	struct checking *c = opaque;

	if (++c->n > LIST_MAX)
		return manifest_wrong(c->doc, node->line, node->column, "%s: more than %d values", c->key->name,
				      LIST_MAX);
	if (node->kind == MANIFEST_ITEMS || node->kind == MANIFEST_MAP)
		return wrong(c->doc, c->key, node);
	return checkers[c->key->type](c->doc, c->key, node);
}

int manifest_value_check(const struct manifest_doc *d, const struct manifest_key *key, const struct manifest_node *node)
{
	struct checking c = {.doc = d, .key = key};

	if (is_list(key)) {
		if (each_item(d->arena, node, check_item, &c) < 0)
			return -1;
		return c.n ? 0 : manifest_wrong(d, node->line, node->column, "%s: the list is empty", key->name);
	}
	if (node->kind == MANIFEST_ITEMS || node->kind == MANIFEST_MAP)
		return wrong(d, key, node);
	return checkers[key->type](d, key, node);
}

/* ---- what they mean ---- */

struct collecting {
	struct arena *arena;
	const struct manifest_key *key;
	const char *dir;
	VEC(const char *) texts;
};

static const char *absolute(const struct collecting *c, const char *path)
{
	return *path == '/' ? arena_strdup(c->arena, path) : arena_printf(c->arena, "%s/%s", c->dir, path);
}

static const char *meaning(const struct collecting *c, const char *text)
{
	const char *path;

	if (c->key->type == MANIFEST_PATH || c->key->type == MANIFEST_PATHS)
		return absolute(c, text);
	if (c->key->type != MANIFEST_SECRETS)
		return arena_strdup(c->arena, text);
	path = secret_kind(text) + strlen(":file:");
	return arena_printf(c->arena, "%.*s%s", (int)(path - text), text, absolute(c, path));
}

static int collect(const struct manifest_node *node, void *opaque)
{
	struct collecting *c = opaque;

	*vec_push(c->arena, &c->texts) = meaning(c, node->text);
	return 0;
}

struct manifest_texts manifest_value_texts(struct arena *a, const struct manifest_key *key,
					   const struct manifest_node *node, const char *dir)
{
	struct collecting c = {.arena = a, .key = key, .dir = dir};

	if (is_list(key))
		each_item(a, node, collect, &c);
	else
		collect(node, &c);
	return (struct manifest_texts){c.texts.v, c.texts.n};
}

bool manifest_value_flag(const struct manifest_node *node)
{
	return !strcmp(node->text, "true");
}

unsigned manifest_value_number(const struct manifest_node *node)
{
	unsigned long n;

	return is_number(node, &n) ? (unsigned)n : 0;
}
