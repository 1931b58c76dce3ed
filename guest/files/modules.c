/* A kernel's modules: reading the indexes, lookups, closures and printing merged indexes. */
#include "guest/files/modules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "guest/files/kmod_index.h"

/* Of one module; the largest real closures have under 50 modules in chains of under 15. */
enum { CLOSURE_MAX = 512, CLOSURE_DEPTH_MAX = 64, CLOSURE_SOFT_MAX = 1024 };

bool module_name_of(const char *path, char ret[MODULE_NAME_MAX])
{
	static const char *const ends[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t end = strlen(ends[i]);

		if (len <= end || len - end >= MODULE_NAME_MAX || strcmp(base + len - end, ends[i]) != 0)
			continue;
		for (size_t c = 0; c < len - end; c++)
			ret[c] = base[c] == '-' ? '_' : base[c];
		ret[len - end] = '\0';
		return true;
	}
	return false;
}

struct modules *modules_new(void)
{
	return calloc(1, sizeof(struct modules));
}

void modules_free(struct modules *m)
{
	if (!m)
		return;
	free(m->by_name);
	arena_done(&m->arena);
	free(m);
}

/* '-' is '_' in names and in patterns, but not inside a pattern's brackets. */
static char *underscores(char *text)
{
	bool brackets = false;

	for (char *c = text; *c; c++) {
		brackets = *c == '[' || (brackets && *c != ']');
		if (*c == '-' && !brackets)
			*c = '_';
	}
	return text;
}

/* A copy of the next line of *text, which moves behind it; NULL at the end. Comments and empty lines are left out. */
static char *next_line(struct arena *a, const char **text)
{
	while (**text) {
		size_t n = strcspn(*text, "\n"), blank = strspn(*text, " \t\r");
		const char *line = *text;

		*text += n + (line[n] == '\n');
		if (blank < n && line[blank] != '#')
			return arena_strndup(a, line + blank, n - blank);
	}
	return NULL;
}

/* The next word of *at, which moves behind it; NULL at the end. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\r");
	size_t n = strcspn(word, " \t\r");

	if (!n)
		return NULL;
	*at = word + n + (word[n] != '\0');
	word[n] = '\0';
	return word;
}

static void forget_order(struct modules *m)
{
	free(m->by_name);
	m->by_name = NULL;
}

/* "PATH: NEED NEED …" */
static int add_dep(struct modules *m, char *line, struct err *err)
{
	char name[MODULE_NAME_MAX], *colon = strchr(line, ':'), *at, *word;
	VEC(const char *) needs = {0};
	struct module *module;

	if (!colon)
		return 0;
	*colon = '\0';
	if (!module_name_of(line, name))
		return 0;
	if (m->list.n >= MODULES_MAX)
		return err_set(err, ERR_CORRUPT, "modules.dep: more than %d modules", MODULES_MAX);
	for (at = colon + 1; (word = next_word(&at));)
		*vec_push(&m->arena, &needs) = word;
	module = vec_push(&m->arena, &m->list);
	*module =
	    (struct module){.name = arena_strdup(&m->arena, name), .path = line, .needs = needs.v, .nneeds = needs.n};
	forget_order(m);
	return 0;
}

int modules_parse_dep(struct modules *m, const char *text, struct err *err)
{
	char *line;

	while ((line = next_line(&m->arena, &text)))
		if (add_dep(m, line, err) < 0)
			return -1;
	return 0;
}

static int add_alias(struct modules *m, const char *pattern, const char *name, struct err *err)
{
	struct module_alias *alias;

	if (m->aliases.n + m->symbols.n >= MODULES_LINES_MAX)
		return err_set(err, ERR_CORRUPT, "modules.alias and modules.symbols: more than %d lines",
			       MODULES_LINES_MAX);
	if (strncmp(pattern, "symbol:", 7) == 0)
		alias = vec_push(&m->arena, &m->symbols);
	else
		alias = vec_push(&m->arena, &m->aliases);
	alias->pattern = pattern;
	alias->name = name;
	return 0;
}

int modules_parse_alias(struct modules *m, const char *text, struct err *err)
{
	char *at, *keyword, *pattern, *name;

	while ((at = next_line(&m->arena, &text))) {
		keyword = next_word(&at);
		pattern = next_word(&at);
		name = next_word(&at);
		if (name && strcmp(keyword, "alias") == 0 && add_alias(m, pattern, underscores(name), err) < 0)
			return -1;
	}
	return 0;
}

int modules_parse_softdep(struct modules *m, const char *text, struct err *err)
{
	char *line, *at, *keyword, *name;

	while ((line = next_line(&m->arena, &text))) {
		at = arena_strdup(&m->arena, line);
		keyword = next_word(&at);
		name = next_word(&at);
		if (!name || strcmp(keyword, "softdep") != 0)
			continue;
		if (m->softdeps.n >= MODULES_MAX)
			return err_set(err, ERR_CORRUPT, "modules.softdep: more than %d lines", MODULES_MAX);
		*vec_push(&m->arena, &m->softdeps) = (struct module_softdep){underscores(name), line};
	}
	return 0;
}

int modules_parse_builtin(struct modules *m, const char *text, struct err *err)
{
	char name[MODULE_NAME_MAX];
	AUTO(arena_done) struct arena lines = {0};
	char *line;

	while ((line = next_line(&lines, &text))) {
		if (!module_name_of(line, name))
			continue;
		if (m->builtin.n >= MODULES_MAX)
			return err_set(err, ERR_CORRUPT, "modules.builtin: more than %d modules", MODULES_MAX);
		*vec_push(&m->arena, &m->builtin) = arena_strdup(&m->arena, name);
	}
	return 0;
}

static int bin_dep(const struct kmod_entry *e, void *opaque, struct err *err)
{
	struct modules *m = opaque;

	return add_dep(m, arena_strdup(&m->arena, e->value), err);
}

int modules_parse_dep_bin(struct modules *m, const void *data, size_t len, struct err *err)
{
	return kmod_index_each(data, len, bin_dep, m, err) < 0 ? err_wrap(err, "modules.dep.bin") : 0;
}

static int bin_alias(const struct kmod_entry *e, void *opaque, struct err *err)
{
	struct modules *m = opaque;

	return add_alias(m, arena_strdup(&m->arena, e->key), arena_strdup(&m->arena, e->value), err);
}

int modules_parse_alias_bin(struct modules *m, const void *data, size_t len, struct err *err)
{
	return kmod_index_each(data, len, bin_alias, m, err) < 0 ? err_wrap(err, "modules.alias.bin") : 0;
}

static int load_text(struct guest *g, struct modules *m, const char *dir, const char *file,
		     int (*parse)(struct modules *m, const char *text, struct err *err), struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(MODULES_INDEX_MAX);
	AUTO(arena_done) struct arena a = {0};
	const char *path = arena_printf(&a, "%s/%s", dir, file);
	struct err local = ERR_INIT;

	if (g->ops->read(g, path, &b, &local) < 0)
		return local.sys == ENOENT || local.sys == ENOTDIR ? 0 : err_set(err, local.code, "%s", local.text);
	return parse(m, buf_str(&b), err) < 0 ? err_wrap(err, "'%s'", dir) : 0;
}

int modules_load(struct guest *g, const char *dir, bool all, struct modules **ret, struct err *err)
{
	AUTO(modules_freep) struct modules *m = modules_new();

	if (!m)
		return err_nomem(err);
	if (load_text(g, m, dir, "modules.dep", modules_parse_dep, err) < 0 ||
	    load_text(g, m, dir, "modules.builtin", modules_parse_builtin, err) < 0)
		return -1;
	if (all && (load_text(g, m, dir, "modules.alias", modules_parse_alias, err) < 0 ||
		    load_text(g, m, dir, "modules.symbols", modules_parse_alias, err) < 0 ||
		    load_text(g, m, dir, "modules.softdep", modules_parse_softdep, err) < 0))
		return -1;
	*ret = take_ptr(&m);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct module_index *)a)->name, ((const struct module_index *)b)->name);
}

const struct module *modules_find(struct modules *m, const char *name)
{
	const struct module_index wanted = {.name = name}, *found;

	if (!m->list.n)
		return NULL;
	if (!m->by_name) {
		m->by_name = calloc(m->list.n, sizeof *m->by_name);
		if (!m->by_name)
			return NULL;
		for (size_t i = 0; i < m->list.n; i++)
			m->by_name[i] = (struct module_index){m->list.v[i].name, i};
		qsort(m->by_name, m->list.n, sizeof *m->by_name, by_name);
	}
	found = bsearch(&wanted, m->by_name, m->list.n, sizeof *m->by_name, by_name);
	return found ? &m->list.v[found->at] : NULL;
}

bool modules_is_builtin(const struct modules *m, const char *name)
{
	VEC_FOR (b, &m->builtin)
		if (strcmp(*b, name) == 0)
			return true;
	return false;
}

struct closure {
	struct modules *m;
	struct arena *a;
	struct module_list *out;
	const struct module *path[CLOSURE_DEPTH_MAX]; /* what is being added, each needed by the one before */
	size_t depth, soft;
};

static int add_module(struct closure *c, const struct module *module, struct err *err);

/* What a softdep names may be a module or an alias of several; what doesn't exist is left out, as modprobe does. */
static int add_soft(struct closure *c, const char *name, struct err *err)
{
	const struct module *module = modules_find(c->m, name);

	if (++c->soft > CLOSURE_SOFT_MAX)
		return err_set(err, ERR_CORRUPT, "modules.softdep: '%s': more than %d soft dependencies",
			       c->path[0]->name, CLOSURE_SOFT_MAX);
	if (module)
		return add_module(c, module, err);
	VEC_FOR (alias, &c->m->aliases) {
		AUTO(arena_done) struct arena a = {0};

		if (fnmatch(underscores(arena_strdup(&a, alias->pattern)), name, 0) != 0)
			continue;
		module = modules_find(c->m, alias->name);
		if (module && add_module(c, module, err) < 0)
			return -1;
	}
	return 0;
}

/* "softdep NAME pre: A B post: C": words before the first of both count for nothing. */
static int add_softdep_line(struct closure *c, const char *line, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	char *at = arena_strdup(&a, line), *word;
	bool counts = false;

	while ((word = next_word(&at))) {
		if (strcmp(word, "pre:") == 0 || strcmp(word, "post:") == 0)
			counts = true;
		else if (counts && add_soft(c, underscores(word), err) < 0)
			return -1;
	}
	return 0;
}

static int add_needs(struct closure *c, const struct module *module, struct err *err)
{
	char name[MODULE_NAME_MAX];

	/* modules.dep names the last needed first; loading goes the other way. */
	for (size_t i = module->nneeds; i-- > 0;) {
		const struct module *need = module_name_of(module->needs[i], name) ? modules_find(c->m, name) : NULL;

		if (!need)
			return err_set(err, ERR_CORRUPT, "module '%s' needs '%s', which modules.dep doesn't list",
				       module->name, module->needs[i]);
		if (add_module(c, need, err) < 0)
			return -1;
	}
	VEC_FOR (soft, &c->m->softdeps)
		if (strcmp(soft->name, module->name) == 0 && add_softdep_line(c, soft->line, err) < 0)
			return -1;
	return 0;
}

/* Done already, or begun: softdeps may go round. */
static bool is_added(const struct closure *c, const struct module *module)
{
	for (size_t i = 0; i < c->depth; i++)
		if (c->path[i] == module)
			return true;
	VEC_FOR (have, &c->out->list)
		if (strcmp(have->name, module->name) == 0)
			return true;
	return false;
}

static int add_module(struct closure *c, const struct module *module, struct err *err)
{
	if (is_added(c, module))
		return 0;
	if (c->depth == CLOSURE_DEPTH_MAX || c->out->list.n == CLOSURE_MAX)
		return err_set(err, ERR_CORRUPT, "module '%s' needs more than %d modules or %d behind each other",
			       c->depth ? c->path[0]->name : module->name, CLOSURE_MAX, CLOSURE_DEPTH_MAX);
	c->path[c->depth++] = module;
	if (add_needs(c, module, err) < 0)
		return -1;
	c->depth--;
	*vec_push(c->a, &c->out->list) = *module;
	return 0;
}

int modules_closure(struct modules *m, const char *name, struct arena *a, struct module_list *ret, struct err *err)
{
	struct closure c = {.m = m, .a = a, .out = ret};
	const struct module *module = modules_find(m, name);

	if (modules_is_builtin(m, name))
		return 0;
	if (!module)
		return err_set(err, ERR_CORRUPT, "module '%s' is not in modules.dep", name);
	return add_module(&c, module, err);
}

static const char *copy(struct modules *m, const char *text)
{
	return arena_strdup(&m->arena, text);
}

static void adopt_lines(struct modules *to, const struct modules *from, const char *name)
{
	VEC_FOR (alias, &from->aliases)
		if (strcmp(alias->name, name) == 0)
			*vec_push(&to->arena, &to->aliases) =
			    (struct module_alias){copy(to, alias->pattern), copy(to, name)};
	VEC_FOR (symbol, &from->symbols)
		if (strcmp(symbol->name, name) == 0)
			*vec_push(&to->arena, &to->symbols) =
			    (struct module_alias){copy(to, symbol->pattern), copy(to, name)};
	VEC_FOR (soft, &from->softdeps)
		if (strcmp(soft->name, name) == 0)
			*vec_push(&to->arena, &to->softdeps) =
			    (struct module_softdep){copy(to, name), copy(to, soft->line)};
}

void modules_adopt(struct modules *to, const struct modules *from, const struct module *module, const char *path,
		   const char *const *needs, size_t nneeds)
{
	const char **copies = arena_alloc(&to->arena, (nneeds + 1) * sizeof *copies);

	for (size_t i = 0; i < nneeds; i++)
		copies[i] = copy(to, needs[i]);
	*vec_push(&to->arena, &to->list) =
	    (struct module){.name = copy(to, module->name), .path = copy(to, path), .needs = copies, .nneeds = nneeds};
	forget_order(to);
	adopt_lines(to, from, module->name);
}

static int print_dep_line(const struct module *module, struct buf *out)
{
	if (buf_addf(out, "%s:", module->path) < 0)
		return -1;
	for (size_t i = 0; i < module->nneeds; i++)
		if (buf_addf(out, " %s", module->needs[i]) < 0)
			return -1;
	return 0;
}

static int print_dep(struct modules *m, struct buf *out, struct err *err)
{
	VEC_FOR (module, &m->list)
		if (print_dep_line(module, out) < 0 || buf_adds(out, "\n") < 0)
			return err_nomem(err);
	return 0;
}

static int print_lines(const struct module_alias *v, size_t n, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (buf_addf(out, "alias %s %s\n", v[i].pattern, v[i].name) < 0)
			return err_nomem(err);
	return 0;
}

static int print_alias(struct modules *m, struct buf *out, struct err *err)
{
	return print_lines(m->aliases.v, m->aliases.n, out, err);
}

static int print_symbols(struct modules *m, struct buf *out, struct err *err)
{
	return print_lines(m->symbols.v, m->symbols.n, out, err);
}

static int print_softdep(struct modules *m, struct buf *out, struct err *err)
{
	VEC_FOR (soft, &m->softdeps)
		if (buf_addf(out, "%s\n", soft->line) < 0)
			return err_nomem(err);
	return 0;
}

static int print_dep_bin(struct modules *m, struct buf *out, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct kmod_entry *entries = arena_alloc(&a, (m->list.n + 1) * sizeof *entries);

	for (size_t i = 0; i < m->list.n; i++) {
		AUTO(buf_done) struct buf line = BUF_INIT(MODULES_INDEX_MAX);

		if (print_dep_line(&m->list.v[i], &line) < 0)
			return err_nomem(err);
		entries[i] = (struct kmod_entry){m->list.v[i].name, arena_strdup(&a, buf_str(&line)), (uint32_t)i};
	}
	return kmod_index_write(entries, m->list.n, out, err);
}

static int print_lines_bin(struct modules *m, const struct module_alias *v, size_t n, struct buf *out, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct kmod_entry *entries = arena_alloc(&a, (n + 1) * sizeof *entries);

	for (size_t i = 0; i < n; i++) {
		const struct module *module = modules_find(m, v[i].name);
		char *key = arena_strdup(&a, v[i].pattern);

		entries[i].key = m->symbols.v == v ? key : underscores(key);
		entries[i].value = v[i].name;
		entries[i].priority = module ? (uint32_t)(module - m->list.v) : 0;
	}
	return kmod_index_write(entries, n, out, err);
}

static int print_alias_bin(struct modules *m, struct buf *out, struct err *err)
{
	return print_lines_bin(m, m->aliases.v, m->aliases.n, out, err);
}

static int print_symbols_bin(struct modules *m, struct buf *out, struct err *err)
{
	return print_lines_bin(m, m->symbols.v, m->symbols.n, out, err);
}

int modules_print(struct modules *m, const char *file, struct buf *out, struct err *err)
{
	static const struct {
		const char *file;
		int (*print)(struct modules *m, struct buf *out, struct err *err);
	} printers[] = {
	    {"modules.dep", print_dep},		{"modules.dep.bin", print_dep_bin},
	    {"modules.alias", print_alias},	{"modules.alias.bin", print_alias_bin},
	    {"modules.symbols", print_symbols}, {"modules.symbols.bin", print_symbols_bin},
	    {"modules.softdep", print_softdep},
	};

	for (size_t i = 0; i < sizeof printers / sizeof *printers; i++)
		if (strcmp(printers[i].file, file) == 0)
			return printers[i].print(m, out, err);
	return err_set(err, ERR_INTERNAL, "no index is called '%s'", file);
}
