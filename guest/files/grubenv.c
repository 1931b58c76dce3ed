/* GRUB's environment block: its variables, its device names, and its filler. */
#include "guest/files/grubenv.h"

#include <string.h>

static const char signature[] = "# GRUB Environment Block";

/* A value as the block has it: '\' stands before '\' and a newline (grub-core/lib/envblk.c). */
static char *unescaped(struct arena *a, const char *text)
{
	char *ret = arena_alloc(a, strlen(text) + 1), *to = ret;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	*to = '\0';
	return ret;
}

static char *escaped(struct arena *a, const char *text)
{
	char *ret = arena_alloc(a, 2 * strlen(text) + 1), *to = ret;

	for (; *text; text++) {
		if (*text == '\\' || *text == '\n')
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return ret;
}

static const char *value_on(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == '=' ? line + len + 1 : NULL;
}

char *grubenv_get(struct arena *a, const char *text, const char *name)
{
	struct lines l;

	lines_split(&l, a, text);
	VEC_FOR (line, &l.v)
		if (value_on(line->text, name))
			return unescaped(a, value_on(line->text, name));
	return NULL;
}

/* The last line, when it is nothing but '#'. */
static struct line *filler(const struct lines *l)
{
	struct line *last = l->v.n ? &l->v.v[l->v.n - 1] : NULL;

	return last && *last->text && strspn(last->text, "#") == strlen(last->text) ? last : NULL;
}

static size_t size_of(const struct lines *l)
{
	size_t size = 0;

	VEC_FOR (line, &l->v)
		size += strlen(line->text) + strlen(line->eol);
	return size;
}

void grubenv_fill(struct lines *l, size_t size)
{
	struct line *last = filler(l);

	if (!last)
		return;

	size_t used = size_of(l) - strlen(last->text);

	while (size < used)
		size += GRUBENV_SIZE;
	last->text = arena_alloc(l->arena, size - used + 1);
	memset(last->text, '#', size - used);
	last->text[size - used] = '\0';
}

char *grubenv_set(struct arena *a, const char *text, const char *name, const char *value)
{
	struct lines l;
	char *line = arena_printf(a, "%s=%s", name, escaped(a, value));
	size_t at;

	lines_split(&l, a, text);
	for (at = 0; at < l.v.n && !value_on(l.v.v[at].text, name); at++)
		;
	if (at < l.v.n)
		l.v.v[at].text = line;
	else
		lines_insert(&l, l.v.n - (filler(&l) != NULL), line);
	grubenv_fill(&l, strlen(text));
	return lines_join(&l);
}

/* kernelopts (Fedora and RHEL 8), photon_cmdline, systemd_cmdline … */
void grubenv_devices(struct lines *l, const struct device_visitor *v)
{
	size_t size = size_of(l);

	if (!l->v.n || strncmp(l->v.v[0].text, signature, strlen(signature)) != 0)
		return;
	for (size_t i = 1; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *equals = strchr(text, '=');
		const char *name = equals ? arena_strndup(l->arena, text, (size_t)(equals - text)) : "";

		if (strstr(name, "opts") || strstr(name, "cmdline"))
			cmdline_walk(l, i, strlen(name) + 1, false, v);
	}
	if (l->changed)
		grubenv_fill(l, size);
}
