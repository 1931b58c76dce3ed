/* Images of booster: the lists by which its init loads modules. */
#include "drivers-inject/linux/booster.h"

#include <string.h>

#include "guest/files/lines.h"

#define NEEDS_KEY "moduledependencies:"

/* The text of a member, with symlinks followed; NULL when it isn't there. */
static const char *text_of(const struct initramfs *im, const char *path)
{
	const struct initramfs_member *m = initramfs_find(im, path);

	return m ? m->content : NULL;
}

/* The line of a key at the top level; l->v.n when there is none. */
static size_t find_key(const struct lines *l, const char *key)
{
	for (size_t i = 0; i < l->v.n; i++)
		if (strncmp(l->v.v[i].text, key, strlen(key)) == 0)
			return i;
	return l->v.n;
}

/* What stands on the key's own line, without quotes. */
static char *value_of(const struct lines *l, const char *key)
{
	size_t i = find_key(l, key);
	const char *text = i < l->v.n ? l->v.v[i].text + strlen(key) : "";

	text += strspn(text, " \t\"'");
	return arena_strndup(l->arena, text, strcspn(text, " \t\r\"'#"));
}

bool booster_is(const struct initramfs *im, const char *version)
{
	const char *config = text_of(im, BOOSTER_CONFIG);
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	if (strcmp(im->generator, "booster") != 0 || !config || !text_of(im, BOOSTER_ALIASES))
		return false;
	lines_split(&l, &a, config);
	/* a list in another form than the program writes isn't extended */
	return strcmp(value_of(&l, "kernel:"), version) == 0 && !*value_of(&l, NEEDS_KEY);
}

/* Columns by which the children of line i are indented; the YAML that booster writes has 4. */
static size_t child_indent(const struct lines *l, size_t i)
{
	size_t n = i + 1 < l->v.n ? line_indent(l->v.v[i + 1].text) : 0;

	return n && l->v.v[i + 1].text[n] ? n : 4;
}

/* The list has an entry of this name. */
static bool has_child(const struct lines *l, size_t i, const char *name)
{
	size_t indent = child_indent(l, i), n = strlen(name);

	for (i++; i < l->v.n && line_indent(l->v.v[i].text); i++) {
		const char *text = l->v.v[i].text + line_indent(l->v.v[i].text);

		if (line_indent(l->v.v[i].text) == indent && strncmp(text, name, n) == 0 && text[n] == ':')
			return true;
	}
	return false;
}

/* Puts the module with what it needs before the other entries, whose indentation it takes. */
static void add_needs(struct lines *l, size_t key, const struct module *module)
{
	int indent = (int)child_indent(l, key);
	size_t at = key + 1;
	char name[MODULE_NAME_MAX];

	if (!module->nneeds || has_child(l, key, module->name))
		return;
	lines_insert(l, at++, arena_printf(l->arena, "%*s%s:", indent, "", module->name));
	for (size_t i = 0; i < module->nneeds; i++)
		if (module_name_of(module->needs[i], name))
			lines_insert(l, at++, arena_printf(l->arena, "%*s- %s", 2 * indent, "", name));
}

char *booster_config_with(const struct initramfs *im, const struct module_list *add, struct arena *a)
{
	struct lines l;
	size_t key;

	lines_split(&l, a, text_of(im, BOOSTER_CONFIG));
	key = find_key(&l, NEEDS_KEY);
	if (key == l.v.n)
		lines_insert(&l, key = 0, NEEDS_KEY);
	VEC_FOR (module, &add->list)
		add_needs(&l, key, module);
	return lines_join(&l);
}

bool booster_loads(const struct initramfs *im, const char *module)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, text_of(im, BOOSTER_ALIASES));
	VEC_FOR (line, &l.v) {
		const char *blank = strrchr(line->text, ' ');

		if (blank && strcmp(blank + 1, module) == 0)
			return true;
	}
	return false;
}

char *booster_aliases_with(const struct initramfs *im, const struct modules *m, const char *const *names, size_t n,
			   struct arena *a)
{
	struct lines l;

	lines_split(&l, a, text_of(im, BOOSTER_ALIASES));
	VEC_FOR (alias, &m->aliases)
		for (size_t k = 0; k < n; k++)
			if (strcmp(alias->name, names[k]) == 0)
				lines_insert(&l, l.v.n, arena_printf(a, "%s %s", alias->pattern, alias->name));
	return lines_join(&l);
}
