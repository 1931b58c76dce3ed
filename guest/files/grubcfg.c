/* GRUB 2's grub.cfg (and what is written in its language): device names, menu entries. */
#include "guest/files/grubcfg.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "guest/files/devices.h"

/* Commands whose arguments are a kernel's (or a hypervisor's dom0 kernel's) command line. */
static const char *const kernel_commands[] = {"linux",	   "linux16",	 "linuxefi", "kernel",
					      "multiboot", "multiboot2", "module",   "module2"};
static const char *const initrd_commands[] = {"initrd", "initrd16", "initrdefi", "module", "module2"};

static bool word_among(const char *text, struct span word, const char *const *list, size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (span_is(text, word, list[k]))
			return true;
	return false;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

static bool first_word(const char *text, struct span *ret, size_t *ret_rest)
{
	*ret_rest = 0;
	return span_next(text, ret_rest, ret);
}

static bool is_command(const char *text, const char *const *list, size_t n)
{
	struct span word;
	size_t rest;

	return first_word(text, &word, &rest) && word_among(text, word, list, n);
}

/* True when the kernel command of line i is followed by an initrd before its entry ends. */
static bool has_initrd(const struct lines *l, size_t i)
{
	while (++i < l->v.n) {
		const char *text = l->v.v[i].text;

		if (is_command(text, initrd_commands, COUNT(initrd_commands)))
			return true;
		if (text[line_indent(text)] == '}' || is_command(text, kernel_commands, COUNT(kernel_commands)))
			return false;
	}
	return false;
}

/* True when line i goes on behind its end. */
static bool continues(const struct lines *l, size_t i)
{
	size_t len = strlen(l->v.v[i].text);

	return len && l->v.v[i].text[len - 1] == '\\' && i + 1 < l->v.n;
}

/* Variables that are the value of some root= ("root=$rootpartition"). A menu has one; more than these aren't read. */
enum { ROOT_VARIABLES = 16 };

struct root_variables {
	char *name[ROOT_VARIABLES];
	size_t n;
};

static bool is_root_variable(const struct root_variables *r, const char *name)
{
	for (size_t k = 0; k < r->n; k++)
		if (strcmp(r->name[k], name) == 0)
			return true;
	return false;
}

static size_t variable_len(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

static void find_root_variables(const struct lines *l, struct root_variables *ret)
{
	VEC_FOR (line, &l->v) {
		for (const char *p = strstr(line->text, "root="); p; p = strstr(p, "root=")) {
			bool whole = p == line->text || is_blank(p[-1]) || p[-1] == '"' || p[-1] == '\'';
			char *name;

			p += 5;
			p += *p == '"';
			if (!whole || *p != '$' || ret->n == ROOT_VARIABLES)
				continue;
			p += p[1] == '{' ? 2 : 1;
			name = arena_strndup(l->arena, p, variable_len(p));
			if (*name && !is_root_variable(ret, name))
				ret->name[ret->n++] = name;
		}
	}
}

static const char *const set_commands[] = {"set"};

/* `set rootpartition=/dev/sda3` (Photon, which else writes PARTUUID= there) of such a variable. */
static bool set_device(struct lines *l, size_t i, const struct root_variables *roots, const struct device_visitor *v)
{
	const char *text = l->v.v[i].text, *equals = strchr(text, '=');
	struct span word;
	size_t pos;

	if (!is_command(text, set_commands, 1) || !equals)
		return false;
	first_word(text, &word, &pos);
	pos += line_indent(text + pos);
	if (text + pos > equals ||
	    !is_root_variable(roots, arena_strndup(l->arena, text + pos, (size_t)(equals - text) - pos)))
		return false;

	size_t at = (size_t)(equals - text) + 1;

	at += text[at] == '"' || text[at] == '\'';
	if (strncmp(text + at, "/dev/", 5) != 0)
		return false;
	device_visit_span(l, i, (struct span){at, strcspn(text + at, " \t\"';")},
			  (struct device_use){.mountpoint = "/", .form = FORM_SPEC, .partition_id = true}, v);
	return true;
}

void grubcfg_devices(struct lines *l, const struct device_visitor *v)
{
	struct root_variables roots = {0};

	find_root_variables(l, &roots);
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		bool kernel = is_command(text, kernel_commands, COUNT(kernel_commands));
		size_t from;
		struct span word;

		if (!kernel && set_device(l, i, &roots, v))
			continue;
		/* `set kernelopts="root=…"` and the like; `set root=` names a GRUB device. */
		if (!kernel && !(is_command(text, set_commands, 1) && strstr(text, "opts")))
			continue;

		bool bare = kernel && !has_initrd(l, i);

		first_word(text, &word, &from);
		cmdline_walk(l, i, from, bare, v);
		while (continues(l, i))
			cmdline_walk(l, ++i, 0, bare, v);
	}
}

/* Where the argument at text[i] ends: at a blank that no quote holds, or the end of the line. */
static size_t grub_word_end(const char *text, size_t i)
{
	char quote = 0;

	for (; text[i] && (quote || !is_blank(text[i])); i++) {
		if (quote != '\'' && text[i] == '\\' && text[i + 1])
			i++;
		else if (quote ? text[i] == quote : text[i] == '\'' || text[i] == '"')
			quote = quote ? 0 : text[i];
	}
	return i;
}

/* One argument in GRUB's quoting, unquoted; false at the end of the line. */
static bool grub_word(struct arena *a, const char *text, size_t *pos, char **ret)
{
	size_t i = *pos, n = 0, end;
	char quote = 0;

	while (is_blank(text[i]))
		i++;
	if (!text[i])
		return false;
	end = grub_word_end(text, i);

	char *word = arena_alloc(a, end - i + 1);

	for (; i < end; i++) {
		if (quote != '\'' && text[i] == '\\' && text[i + 1])
			word[n++] = text[++i];
		else if (quote ? text[i] == quote : text[i] == '\'' || text[i] == '"')
			quote = quote ? 0 : text[i];
		else
			word[n++] = text[i];
	}
	*pos = end;
	*ret = word;
	return true;
}

/* Submenus in submenus: GRUB's own tools write one. */
enum { NESTING = 16 };

struct menu_parser {
	struct arena *arena;
	struct grub_menu *menu;
	int open[NESTING];   /* blocks around the current line: index of an entry, -1 for any other block */
	unsigned depth;	     /* of all blocks; deeper ones than NESTING are only counted */
	unsigned at_top;     /* entries so far outside of all submenus */
	VEC(unsigned) below; /* the same in each entry of the menu */
};

/* The innermost entry or submenu around the current line, -1 for none. */
static int current_entry(const struct menu_parser *p)
{
	for (unsigned d = p->depth < NESTING ? p->depth : NESTING; d-- > 0;)
		if (p->open[d] >= 0)
			return p->open[d];
	return -1;
}

static void block_open(struct menu_parser *p, int entry)
{
	if (p->depth < NESTING)
		p->open[p->depth] = entry;
	p->depth++;
}

static void block_close(struct menu_parser *p)
{
	if (p->depth)
		p->depth--;
}

/* The place of one more entry among its siblings, which is counted by this. */
static unsigned next_position(struct menu_parser *p, int parent)
{
	return parent < 0 ? p->at_top++ : p->below.v[parent]++;
}

/* Everything behind the first word of the command, joined over continued lines. */
static char *command_rest(struct arena *a, const struct lines *l, size_t i, size_t from)
{
	size_t last = i, total = 0, n = 0;

	while (continues(l, last))
		last++;
	for (size_t k = i; k <= last; k++)
		total += strlen(l->v.v[k].text);

	char *joined = arena_alloc(a, total + 1);

	from += line_indent(l->v.v[i].text + from);
	for (size_t k = i; k <= last; k++, from = 0) {
		const char *text = l->v.v[k].text + from;
		size_t len = strlen(text);

		len -= len && k < last; /* the backslash */
		n += (size_t)snprintf(joined + n, total + 1 - n, "%.*s", (int)len, text);
	}
	return joined;
}

/* menuentry TITLE [--class X] [--id ID | $menuentry_id_option ID] { */
static void entry_open(struct menu_parser *p, const char *text, bool submenu)
{
	int parent = current_entry(p);
	struct grub_entry e = {.submenu = submenu, .parent = parent};
	size_t pos = 0;
	char *word;

	if (!grub_word(p->arena, text, &pos, &e.title))
		return;
	while (grub_word(p->arena, text, &pos, &word)) {
		if (strcmp(word, "--id") == 0 || strcmp(word, "$menuentry_id_option") == 0)
			grub_word(p->arena, text, &pos, &e.id);
		else if (strncmp(word, "--id=", 5) == 0)
			e.id = word + 5;
	}
	e.position = next_position(p, parent);
	*vec_push(p->arena, &p->menu->entries) = e;
	vec_push(p->arena, &p->below);

	size_t len = strlen(text);

	if (len && text[len - 1] != '}')
		block_open(p, (int)p->menu->entries.n - 1);
}

static void kernel_command(struct menu_parser *p, const struct lines *l, size_t i, size_t from)
{
	int at = current_entry(p);
	char *rest = command_rest(p->arena, l, i, from);
	size_t pos = 0;

	if (at < 0 || p->menu->entries.v[at].kernel)
		return;

	struct grub_entry *e = &p->menu->entries.v[at];

	if (!grub_word(p->arena, rest, &pos, &e->kernel))
		return;
	e->line = (unsigned)i + 1;
	e->cmdline = arena_strdup(p->arena, rest + pos + line_indent(rest + pos));
}

/* `multiboot2 /boot/xen.gz`, then `module2 /boot/vmlinuz …`, whose first word may stand twice. */
static void xen_command(struct menu_parser *p, const struct lines *l, size_t i, size_t from)
{
	int at = current_entry(p);

	if (at >= 0 && grub_is_xen(l->v.v[i].text + from + line_indent(l->v.v[i].text + from)))
		p->menu->entries.v[at].hypervisor = true;
}

static void initrd_command(struct menu_parser *p, const struct lines *l, size_t i, size_t from)
{
	int at = current_entry(p);
	char *rest = command_rest(p->arena, l, i, from), *word;
	size_t pos = 0;

	if (at < 0)
		return;
	/* Several archives may be named (microcode first): the last one is the initramfs. */
	while (grub_word(p->arena, rest, &pos, &word))
		p->menu->entries.v[at].initrd = word;
}

static void module_command(struct menu_parser *p, const struct lines *l, size_t i, size_t from)
{
	int at = current_entry(p);

	if (at < 0 || !p->menu->entries.v[at].hypervisor)
		return;
	if (p->menu->entries.v[at].kernel)
		initrd_command(p, l, i, from);
	else
		kernel_command(p, l, i, from);
}

static void set_command(struct menu_parser *p, const char *text, size_t pos)
{
	char *word;

	if (!grub_word(p->arena, text, &pos, &word) || strncmp(word, "default=", 8) != 0)
		return;
	word += 8;
	if (strstr(word, "next_entry") || !*word)
		return;
	p->menu->default_saved = strstr(word, "saved_entry") != NULL;
	if (!p->menu->default_saved)
		p->menu->default_entry = word;
}

static void menu_line(struct menu_parser *p, const struct lines *l, size_t i)
{
	static const char *const linux_commands[] = {"linux", "linux16", "linuxefi"};
	const char *text = l->v.v[i].text;
	struct span word;
	size_t rest, len = strlen(text);

	if (!first_word(text, &word, &rest) || text[word.at] == '#')
		return;
	if (span_is(text, word, "menuentry") || span_is(text, word, "submenu"))
		entry_open(p, command_rest(p->arena, l, i, rest), span_is(text, word, "submenu"));
	else if (text[word.at] == '}')
		block_close(p);
	else if (text[len - 1] == '{')
		block_open(p, -1);
	else if (word_among(text, word, linux_commands, COUNT(linux_commands)))
		kernel_command(p, l, i, rest);
	else if (word_among(text, word, kernel_commands + 4, 2))
		xen_command(p, l, i, rest);
	else if (word_among(text, word, initrd_commands + 3, 2))
		module_command(p, l, i, rest);
	else if (word_among(text, word, initrd_commands, 3))
		initrd_command(p, l, i, rest);
	else if (span_is(text, word, "set"))
		set_command(p, text, rest);
}

void grubcfg_parse(const struct lines *l, struct grub_menu *ret)
{
	struct menu_parser p = {.arena = l->arena, .menu = ret};

	*ret = (struct grub_menu){0};
	for (size_t i = 0; i < l->v.n; i++) {
		menu_line(&p, l, i);
		if (l->v.v[i].text[line_indent(l->v.v[i].text)] != '#')
			while (continues(l, i))
				i++;
	}
}

static bool entry_matches(const struct grub_entry *e, const char *wanted)
{
	char *end;
	unsigned long position = strtoul(wanted, &end, 10);

	if (*wanted && !*end)
		return e->position == position;
	return strcmp(e->title, wanted) == 0 || (e->id && strcmp(e->id, wanted) == 0);
}

/* The child of parent that one component means; without a component the first entry below it. */
static int child_of(const struct grub_menu *m, int parent, const char *wanted)
{
	for (size_t i = 0; i < m->entries.n; i++)
		if (m->entries.v[i].parent == parent &&
		    (wanted ? entry_matches(&m->entries.v[i], wanted) : m->entries.v[i].position == 0))
			return (int)i;
	return -1;
}

const struct grub_entry *grub_menu_find(const struct grub_menu *m, const char *wanted)
{
	char component[512]; /* a title; longer ones are no titles that a grub.cfg was seen with */
	int at = -1;

	for (const char *p = wanted;; p++) {
		size_t n = strcspn(p, ">");

		if (n >= sizeof component)
			return NULL;
		memcpy(component, p, n);
		component[n] = 0;
		at = child_of(m, at, component);
		if (at < 0)
			return NULL;
		p += n;
		if (!*p)
			break;
	}
	while (at >= 0 && m->entries.v[at].submenu)
		at = child_of(m, at, NULL);
	return at >= 0 ? &m->entries.v[at] : NULL;
}

char *grub_entry_id(const struct grub_menu *m, const struct grub_entry *e, struct arena *a)
{
	char *ret = arena_strdup(a, e->id ? e->id : e->title);

	for (int parent = e->parent; parent >= 0; parent = m->entries.v[parent].parent) {
		const struct grub_entry *s = &m->entries.v[parent];

		ret = arena_printf(a, "%s>%s", s->id ? s->id : s->title, ret);
	}
	return ret;
}

bool grub_is_xen(const char *kernel)
{
	size_t len = strcspn(kernel, " \t");
	const char *base = kernel;

	for (size_t k = 0; k < len; k++)
		if (kernel[k] == '/')
			base = kernel + k + 1;
	return strncmp(base, "xen.gz", 6) == 0 || strncmp(base, "xen-", 4) == 0 || strncmp(base, "xen.efi", 7) == 0;
}
