/* Manifests of `rehost batch plan`: what the nodes of one mean, by the table of keys. */
#include "run/batch/manifest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/model/machine.h"
#include "run/batch/manifest_node.h"
#include "run/batch/manifest_value.h"
#include "sources/host_path.h"

enum { RETRIES_DEFAULT = 2 };

/* What a machine, a group or defaults says: the node of each key of the table, NULL where it says nothing. */
struct settings {
	const struct manifest_node *v[MANIFEST_KEYS_MAX];
};

struct group {
	const char *name;
	struct settings settings;
};

struct loader {
	struct manifest_doc doc;
	const struct manifest_keys *keys;
	const char *dir; /* where relative paths begin */
	struct settings defaults;
	VEC(struct group) groups;
	struct batch_manifest *to;
};

/* ---- keys ---- */

static int unknown_key(const struct loader *l, const struct manifest_node *node, unsigned where)
{
	const char *near = manifest_key_nearest(l->keys, node->key, where);
	const char *of = manifest_key_find(l->keys, node->key, MANIFEST_MACHINE) ? "a machine"
			 : manifest_key_find(l->keys, node->key, MANIFEST_TOP)	 ? "the manifest itself"
										 : NULL;

	if (of)
		return manifest_wrong(&l->doc, node->key_line, node->key_column, "key '%s' belongs to %s", node->key,
				      of);
	if (near)
		return manifest_wrong(&l->doc, node->key_line, node->key_column,
				      "unknown key '%.80s': did you mean '%s'?", node->key, near);
	return manifest_wrong(&l->doc, node->key_line, node->key_column,
			      "unknown key '%.80s': `man rehost-manifest` lists those there are", node->key);
}

static int read_key(const struct loader *l, const struct manifest_node *node, unsigned where, struct settings *seen)
{
	const struct manifest_key *key = manifest_key_find(l->keys, node->key, where);
	const struct manifest_node *before;

	if (!key)
		return unknown_key(l, node, where);
	if (key->use == MANIFEST_LEFT_OUT)
		return manifest_wrong(&l->doc, node->key_line, node->key_column, "key '%s' isn't for manifests: %s",
				      key->name, key->help);
	before = seen->v[key - l->keys->v];
	if (before)
		return manifest_wrong(&l->doc, node->key_line, node->key_column,
				      "key '%s' is there twice, first at line %u, column %u", key->name,
				      before->key_line, before->key_column);
	seen->v[key - l->keys->v] = node;
	return key->type ? manifest_value_check(&l->doc, key, node) : 0;
}

static int expect_map(const struct loader *l, const struct manifest_node *node, const char *what)
{
	return node->kind == MANIFEST_MAP
		   ? 0
		   : manifest_wrong(&l->doc, node->line, node->column, "%s: keys with values are expected", what);
}

/* All keys of a map, each value checked. */
static int read_settings(const struct loader *l, const struct manifest_node *map, unsigned where, const char *what,
			 struct settings *ret)
{
	if (expect_map(l, map, what) < 0)
		return -1;
	for (const struct manifest_node *node = map->first; node; node = node->next)
		if (read_key(l, node, where, ret) < 0)
			return -1;
	return 0;
}

/* The node of the row with that use; NULL: not said. */
static const struct manifest_node *said(const struct loader *l, const struct settings *s, enum manifest_use use)
{
	for (size_t i = 0; i < l->keys->n; i++)
		if (l->keys->v[i].use == use)
			return s->v[i];
	return NULL;
}

static const char *text_of(const struct loader *l, const struct settings *s, enum manifest_use use)
{
	const struct manifest_node *node = said(l, s, use);

	return node ? arena_strdup(&l->to->arena, node->text) : NULL;
}

static unsigned number_of(const struct loader *l, const struct settings *s, enum manifest_use use, unsigned missing)
{
	const struct manifest_node *node = said(l, s, use);

	return node ? manifest_value_number(node) : missing;
}

/* ---- groups ---- */

static const struct group *find_group(const struct loader *l, const char *name)
{
	VEC_FOR (g, &l->groups)
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

static const struct source_group *find_source_group(const struct loader *l, const char *name)
{
	VEC_FOR (g, &l->to->source_groups)
		if (!strcmp(g->name, name))
			return g;
	return NULL;
}

static int check_count(const struct loader *l, const struct manifest_node *node, size_t n)
{
	return n < MANIFEST_GROUPS_MAX ? 0
				       : manifest_wrong(&l->doc, node->key_line, node->key_column,
							"more than %d groups", MANIFEST_GROUPS_MAX);
}

static int there_already(const struct loader *l, const struct manifest_node *node, const char *what)
{
	return manifest_wrong(&l->doc, node->key_line, node->key_column, "%s '%.80s' is there twice", what, node->key);
}

/* The name of a group or of a source's: it becomes that of a licence, too, and part of command lines. */
static int check_label(const struct loader *l, const struct manifest_node *node, const char *what)
{
	const struct manifest_key key = {.name = what, .type = MANIFEST_NAME};
	const struct manifest_node name = {
	    .kind = MANIFEST_QUOTED, .text = node->key, .line = node->key_line, .column = node->key_column};

	return manifest_value_check(&l->doc, &key, &name);
}

static int read_groups(struct loader *l, const struct manifest_node *map)
{
	if (map && expect_map(l, map, "groups") < 0)
		return -1;
	for (const struct manifest_node *node = map ? map->first : NULL; node; node = node->next) {
		struct group *g;

		if (find_group(l, node->key))
			return there_already(l, node, "group");
		if (check_label(l, node, "groups") < 0 || check_count(l, node, l->groups.n) < 0)
			return -1;
		g = vec_push(l->doc.arena, &l->groups);
		g->name = node->key;
		if (read_settings(l, node, MANIFEST_DEFAULTS, "group", &g->settings) < 0)
			return -1;
	}
	return 0;
}

static int read_source_groups(struct loader *l, const struct manifest_node *map)
{
	static const struct manifest_key row = {.name = "source-groups", .type = MANIFEST_NUMBER, .max = JOB_UNITS_MAX};

	if (map && expect_map(l, map, "source-groups") < 0)
		return -1;
	for (const struct manifest_node *node = map ? map->first : NULL; node; node = node->next) {
		if (find_source_group(l, node->key))
			return there_already(l, node, "source-group");
		if (check_label(l, node, "source-groups") < 0 || check_count(l, node, l->to->source_groups.n) < 0 ||
		    manifest_value_check(&l->doc, &row, node) < 0)
			return -1;
		if (!manifest_value_number(node))
			return manifest_wrong(
			    &l->doc, node->line, node->column,
			    "source-groups: with 0 at once, no machine of '%.80s' would ever be converted", node->key);
		*vec_push(&l->to->arena, &l->to->source_groups) = (struct source_group){
		    .name = arena_strdup(&l->to->arena, node->key), .at_once = manifest_value_number(node)};
	}
	return 0;
}

/* ---- machines ---- */

/* The name among others that is meant, best first. */
struct guess {
	const char *name;
	unsigned wrong;
};

static void guess(struct guess *g, const char *word, const char *name)
{
	unsigned wrong = manifest_misspelled(word, name);

	if (wrong < MANIFEST_ANOTHER_WORD && (!g->name || wrong < g->wrong))
		*g = (struct guess){name, wrong};
}

static int unknown_group(const struct loader *l, const struct manifest_node *node, const char *what,
			 const struct guess *g)
{
	return manifest_wrong(&l->doc, node->line, node->column, "%s: '%.80s' is none of the manifest's %ss%s%s%s",
			      what, node->text, what, g->name ? ": did you mean '" : "", g->name ? g->name : "",
			      g->name ? "'?" : "");
}

static int check_group(const struct loader *l, const struct manifest_node *node, struct settings *under)
{
	const struct group *g = node ? find_group(l, node->text) : NULL;
	struct guess meant = {0};

	if (g)
		*under = g->settings;
	if (!node || g || !l->groups.n)
		return 0;
	VEC_FOR (other, &l->groups)
		guess(&meant, node->text, other->name);
	return unknown_group(l, node, "group", &meant);
}

static int check_source_group(const struct loader *l, const struct manifest_node *node)
{
	struct guess meant = {0};

	if (!node || !l->to->source_groups.n || find_source_group(l, node->text))
		return 0;
	VEC_FOR (other, &l->to->source_groups)
		guess(&meant, node->text, other->name);
	return unknown_group(l, node, "source-group", &meant);
}

/* What the machine doesn't say, its group says, and else the defaults. */
static int inherit(const struct loader *l, struct settings *s)
{
	struct settings group = {0};

	if (check_group(l, said(l, s, MANIFEST_GROUP), &group) < 0)
		return -1;
	for (size_t i = 0; i < l->keys->n; i++) {
		if (!s->v[i])
			s->v[i] = group.v[i];
		if (!s->v[i])
			s->v[i] = l->defaults.v[i];
	}
	return check_source_group(l, said(l, s, MANIFEST_SOURCE_GROUP));
}

/* "ova/web 01.ova" is "web_01", the folder "usb/web01/" is "web01". */
static const char *name_by_source(struct arena *a, const char *source)
{
	return machine_safe_name(a, host_path_stem(a, source));
}

struct words {
	struct arena *arena;
	VEC(const char *) v;
};

static void add_option(struct words *to, const struct manifest_key *key, const char *value)
{
	*vec_push(to->arena, &to->v) = arena_printf(to->arena, "--%s", key->name);
	if (value)
		*vec_push(to->arena, &to->v) = value;
}

/* In the order of the table. */
static void compose(const struct loader *l, const struct settings *s, struct words *to)
{
	for (size_t i = 0; i < l->keys->n; i++) {
		const struct manifest_key *key = &l->keys->v[i];
		struct manifest_texts texts;

		if (key->use != MANIFEST_OPTION || !s->v[i])
			continue;
		if (key->type == MANIFEST_FLAG) {
			if (manifest_value_flag(s->v[i]))
				add_option(to, key, NULL);
			continue;
		}
		texts = manifest_value_texts(to->arena, key, s->v[i], l->dir);
		for (size_t t = 0; t < texts.n; t++)
			add_option(to, key, texts.v[t]);
	}
}

static void fill_unit(const struct loader *l, const struct settings *s, struct unit *u)
{
	const struct manifest_node *source = said(l, s, MANIFEST_SOURCE), *proof = said(l, s, MANIFEST_PROOF);
	const struct manifest_key key = {.type = MANIFEST_PATHS};
	struct manifest_texts sources = manifest_value_texts(&l->to->arena, &key, source, l->dir);
	struct words words = {.arena = &l->to->arena};

	u->sources.v = sources.v;
	u->sources.n = sources.n;
	u->name = text_of(l, s, MANIFEST_RESULT_NAME);
	if (!u->name)
		u->name = name_by_source(&l->to->arena, sources.v[0]);
	u->group = text_of(l, s, MANIFEST_GROUP);
	u->source_group = text_of(l, s, MANIFEST_SOURCE_GROUP);
	u->priority = number_of(l, s, MANIFEST_PRIORITY, 0);
	u->retries = number_of(l, s, MANIFEST_RETRIES, RETRIES_DEFAULT);
	u->proof = proof ? boot_level_by_name(proof->text) : BOOT_LEVEL_UNKNOWN;
	u->proof_timeout = number_of(l, s, MANIFEST_PROOF_TIMEOUT, 0);
	compose(l, s, &words);
	u->arguments.v = words.v.v;
	u->arguments.n = words.v.n;
}

static int read_machine(const struct loader *l, const struct manifest_node *node)
{
	struct settings s = {0};
	struct batch_machine *machine;

	if (read_settings(l, node, MANIFEST_MACHINE, "machine", &s) < 0 || inherit(l, &s) < 0)
		return -1;
	if (!said(l, &s, MANIFEST_SOURCE))
		return manifest_wrong(&l->doc, node->line, node->column, "a machine without source");
	if (l->to->machines.n == JOB_UNITS_MAX)
		return manifest_wrong(&l->doc, node->line, node->column, "more than %d machines", JOB_UNITS_MAX);
	machine = vec_push(&l->to->arena, &l->to->machines);
	machine->line = node->line;
	machine->column = node->column;
	fill_unit(l, &s, &machine->unit);
	return 0;
}

static int read_machines(const struct loader *l, const struct manifest_node *list)
{
	if (list->kind != MANIFEST_ITEMS)
		return manifest_wrong(&l->doc, list->line, list->column, "machines: a list is expected");
	for (const struct manifest_node *node = list->first; node; node = node->next)
		if (read_machine(l, node) < 0)
			return -1;
	return l->to->machines.n ? 0 : manifest_wrong(&l->doc, list->line, list->column, "machines: the list is empty");
}

/* ---- names ---- */

static int by_name(const void *a, const void *b)
{
	const struct batch_machine *x = *(const struct batch_machine *const *)a;
	const struct batch_machine *y = *(const struct batch_machine *const *)b;
	int order = strcmp(x->unit.name, y->unit.name);

	return order ? order : x < y ? -1 : 1;
}

/* Two results of one name would be one folder. */
static int check_names(const struct loader *l)
{
	size_t n = l->to->machines.n;
	AUTO_FREE const struct batch_machine **sorted = calloc(n, sizeof *sorted);

	if (!sorted)
		return err_nomem(l->doc.err);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &l->to->machines.v[i];
	qsort(sorted, n, sizeof *sorted, by_name);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(sorted[i - 1]->unit.name, sorted[i]->unit.name))
			return manifest_wrong(&l->doc, sorted[i]->line, sorted[i]->column,
					      "name '%s' is that of the machine at line %u, column %u, too",
					      sorted[i]->unit.name, sorted[i - 1]->line, sorted[i - 1]->column);
	return 0;
}

/* ---- the whole ---- */

static int read_top(struct loader *l, const struct manifest_node *root)
{
	struct settings top = {0};
	const struct manifest_node *defaults, *machines;

	if (read_settings(l, root, MANIFEST_TOP, "manifest", &top) < 0)
		return -1;
	l->to->name = text_of(l, &top, MANIFEST_JOB_NAME);
	defaults = said(l, &top, MANIFEST_FOR_ALL);
	machines = said(l, &top, MANIFEST_MACHINES);
	if (defaults && read_settings(l, defaults, MANIFEST_DEFAULTS, "defaults", &l->defaults) < 0)
		return -1;
	if (read_groups(l, said(l, &top, MANIFEST_GROUPS)) < 0 ||
	    read_source_groups(l, said(l, &top, MANIFEST_SOURCE_GROUPS)) < 0)
		return -1;
	if (!machines)
		return manifest_wrong(&l->doc, root->line, root->column, "there is no list machines:");
	return read_machines(l, machines) < 0 ? -1 : check_names(l);
}

typedef int reader(struct manifest_doc *d, struct manifest_node **ret);

static const struct {
	reader *read;
	const char *kept_as;
} languages[] = {
    [MANIFEST_YAML] = {manifest_read_yaml, "manifest.yaml"},
    [MANIFEST_JSON] = {manifest_read_json, "manifest.json"},
    [MANIFEST_CSV] = {manifest_read_csv, "manifest.csv"},
};

int batch_manifest_parse(enum manifest_language language, const char *name, const char *dir,
			 const struct manifest_keys *keys, struct batch_manifest *to, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* byte order mark, as Windows' editors begin a file */
	size_t skip = !strncmp(buf_str(&to->text), mark, 3) ? 3 : 0;
	struct arena nodes = {0};
	struct loader l = {.keys = keys, .dir = dir, .to = to};
	struct manifest_node *root = NULL;
	int ret;

	l.doc = (struct manifest_doc){
	    .name = name, .text = buf_str(&to->text) + skip, .len = to->text.len - skip, .arena = &nodes, .err = err};
	to->kept_as = languages[language].kept_as;
	ret = languages[language].read(&l.doc, &root);
	if (ret == 0)
		ret = read_top(&l, root);
	arena_done(&nodes);
	return ret;
}

enum manifest_language batch_manifest_language(const char *path)
{
	static const struct {
		const char *end;
		enum manifest_language language;
	} ends[] = {
	    {".yaml", MANIFEST_YAML}, {".yml", MANIFEST_YAML}, {".json", MANIFEST_JSON}, {".csv", MANIFEST_CSV}};
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t n = strlen(ends[i].end);

		if (len > n && !strcasecmp(path + len - n, ends[i].end))
			return ends[i].language;
	}
	return MANIFEST_NO_LANGUAGE;
}

/* The folder that holds the file, absolute. */
static char *folder_of(const char *path, struct err *err)
{
	AUTO_FREE char *absolute = realpath(path, NULL);

	if (!absolute) {
		err_record_errno(err, ERR_UNREADABLE, "cannot open '%s'", path);
		return NULL;
	}
	*strrchr(absolute, '/') = '\0';
	return take_ptr(&absolute);
}

int batch_manifest_load(const char *path, const struct manifest_keys *keys, struct batch_manifest *ret, struct err *err)
{
	enum manifest_language language = batch_manifest_language(path);
	AUTO_FREE char *dir = NULL;

	ret->path = arena_strdup(&ret->arena, path);
	ret->text.max = MANIFEST_BYTES_MAX;
	if (language == MANIFEST_NO_LANGUAGE)
		return err_set(err, ERR_USAGE,
			       "manifest '%s': a name that ends in .yaml, .yml, .csv or .json is expected", path);
	dir = folder_of(path, err);
	if (!dir || file_slurp(AT_FDCWD, path, &ret->text, err) < 0)
		return err_wrap(err, "manifest");
	return batch_manifest_parse(language, path, dir, keys, ret, err);
}

void batch_manifest_done(struct batch_manifest *m)
{
	buf_done(&m->text);
	arena_done(&m->arena);
}
