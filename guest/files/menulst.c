/* GRUB legacy's menu.lst (grub.conf): device names, titles with their kernels. */
#include <string.h>

#include "guest/files/devices.h"
#include "guest/files/grubcfg.h"

/* "# kopt=root=/dev/sda1 ro", "# kopt_2_6=…": Debian's update-grub writes the next kernel lines from these. */
static bool kopt_comment(const char *text, size_t *ret_from)
{
	size_t at = strspn(text, "# \t");

	if (text[0] != '#' || strncmp(text + at, "kopt", 4) != 0)
		return false;
	at += strcspn(text + at, "=");
	*ret_from = at + (text[at] == '=');
	return text[at] == '=';
}

static bool has_initrd(const struct lines *l, size_t i)
{
	while (++i < l->v.n) {
		const char *text = l->v.v[i].text + line_indent(l->v.v[i].text);

		if (strncmp(text, "initrd", 6) == 0)
			return true;
		if (strncmp(text, "title", 5) == 0)
			return false;
	}
	return false;
}

void menulst_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span word;
		size_t from = 0;

		if (kopt_comment(text, &from))
			cmdline_walk(l, i, from, false, v);
		else if (span_next(text, &from, &word) && span_is(text, word, "kernel"))
			cmdline_walk(l, i, from, !has_initrd(l, i), v);
		else if (span_is(text, word, "module")) /* of Xen: its dom0 kernel */
			cmdline_walk(l, i, from, false, v);
	}
}

/* The value behind a command word and blanks, or "=". */
static char *value_of(struct arena *a, const char *text, size_t from)
{
	from += strspn(text + from, " \t=");
	return arena_strdup(a, text + from);
}

/* A path without its "(hd0,0)". */
static char *without_device(char *path)
{
	char *close = path[0] == '(' ? strchr(path, ')') : NULL;

	return close ? close + 1 : path;
}

static void kernel_line(struct arena *a, struct grub_entry *e, char *rest, unsigned line)
{
	size_t n = strcspn(rest, " \t");

	/* "kernel --no-mem-option /vmlinuz": options stand before the path. */
	while (strncmp(rest, "--", 2) == 0 && rest[n]) {
		rest += n + line_indent(rest + n);
		n = strcspn(rest, " \t");
	}
	e->line = line;
	e->kernel = without_device(arena_strndup(a, rest, n));
	e->cmdline = rest + n + line_indent(rest + n);
}

void menulst_parse(const struct lines *l, struct grub_menu *ret)
{
	struct grub_entry *e = NULL;

	*ret = (struct grub_menu){0};
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		size_t rest = line_indent(text), n = strcspn(text + rest, " \t=");
		struct span word = {rest, n};
		char *value = value_of(l->arena, text, rest + n);

		if (span_is(text, word, "title")) {
			e = vec_push(l->arena, &ret->entries);
			*e =
			    (struct grub_entry){.parent = -1, .position = (unsigned)ret->entries.n - 1, .title = value};
		} else if (span_is(text, word, "default") && !e) {
			ret->default_saved = strcmp(value, "saved") == 0;
			ret->default_entry = ret->default_saved ? NULL : value;
		} else if (e && span_is(text, word, "kernel") && grub_is_xen(without_device(value))) {
			e->hypervisor = true;
		} else if (e && (span_is(text, word, "kernel") ||
				 (e->hypervisor && !e->kernel && span_is(text, word, "module")))) {
			kernel_line(l->arena, e, value, (unsigned)i + 1);
		} else if (e && e->hypervisor && span_is(text, word, "module")) {
			e->initrd = without_device(arena_strndup(l->arena, value, strcspn(value, " \t")));
		} else if (e && span_is(text, word, "initrd")) {
			e->initrd = without_device(arena_strndup(l->arena, value, strcspn(value, " \t")));
		}
	}
}
