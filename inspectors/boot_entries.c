/* Every boot entry with its file and line: GRUB 2, GRUB legacy, Boot Loader Specification, extlinux. */
#include "inspectors/registry.h"

#include <stdio.h>
#include <string.h>

#include "guest/files/grubcfg.h"
#include "guest/files/ini.h"
#include "inspectors/kernels.h"

struct collector {
	struct guest *guest;
	struct inspection *inspection;
	struct arena *scratch;
};

/* The guest's path of a path as the boot loader sees it: below the file system that holds /boot, or a btrfs root. */
static char *guest_path(const struct collector *c, const char *path)
{
	static const char *const mounts[] = {"", "/boot", "/boot/efi", "/efi"};
	struct arena *a = &c->inspection->arena;

	if (!path || path[0] != '/')
		return arena_strdup(a, path);
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		for (size_t k = 0; k < sizeof mounts / sizeof *mounts; k++) {
			const char *candidate = arena_printf(c->scratch, "%s%s", mounts[k], p);

			if (guest_exists(c->guest, candidate))
				return arena_strdup(a, candidate);
		}
		/* "/@/boot/vmlinuz": a btrfs subvolume's name stands before the path. */
		if (p[1] != '@')
			break;
	}
	return arena_strdup(a, path);
}

static void add_entry(const struct collector *c, const char *file, const struct grub_entry *e, bool is_default)
{
	struct arena *a = &c->inspection->arena;
	struct boot_entry *b = vec_push(a, &c->inspection->boot_entries);

	*b = (struct boot_entry){.title = arena_strdup(a, e->title),
				 .file = arena_strdup(a, file),
				 .line = e->line,
				 .kernel = guest_path(c, e->kernel),
				 .initrd = guest_path(c, e->initrd),
				 .cmdline = arena_strdup(a, e->cmdline),
				 .is_default = is_default};
}

static int read_lines(const struct collector *c, const char *path, struct lines *l, bool *ret_there, struct err *err)
{
	char *text;

	if (guest_text(c->guest, path, c->scratch, &text, err) < 0)
		return -1;
	*ret_there = text != NULL;
	lines_split(l, c->scratch, text ? text : "");
	return 0;
}

static void add_menu(const struct collector *c, const char *file, const struct grub_menu *menu, const char *saved)
{
	const char *wanted = menu->default_saved ? saved : menu->default_entry;
	const struct grub_entry *chosen = grub_menu_find(menu, wanted ? wanted : "0");

	VEC_FOR (e, &menu->entries)
		if (e->kernel)
			add_entry(c, file, e, e == chosen);
}

static int grub2_menu(const struct collector *c, const char *folder, struct err *err)
{
	const char *file = arena_printf(c->scratch, "%s/grub.cfg", folder);
	struct grub_menu menu;
	struct lines l;
	char *env;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0 ||
	    guest_text(c->guest, arena_printf(c->scratch, "%s/grubenv", folder), c->scratch, &env, err) < 0)
		return -1;
	grubcfg_parse(&l, &menu);
	add_menu(c, file, &menu, env ? grubenv_get(c->scratch, env, "saved_entry") : NULL);
	return 0;
}

static int legacy_menu(const struct collector *c, const char *file, struct err *err)
{
	struct grub_menu menu;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	menulst_parse(&l, &menu);
	add_menu(c, file, &menu, NULL);
	return 0;
}

/* The rest of a line behind its keyword, NULL when the keyword is another one. */
static char *keyword_value(const struct lines *l, size_t i, const char *keyword)
{
	const char *text = l->v.v[i].text;
	struct span word;
	size_t pos = 0;

	if (!span_next(text, &pos, &word) || word.len != strlen(keyword) ||
	    strncasecmp(text + word.at, keyword, word.len) != 0)
		return NULL;
	return arena_strdup(l->arena, text + pos + line_indent(text + pos));
}

/* Type 1 entries: https://uapi-group.org/specifications/specs/boot_loader_specification/ */
static int loader_entry(const struct collector *c, const char *file, struct err *err)
{
	struct grub_entry e = {.title = "", .cmdline = ""};
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	for (size_t i = 0; i < l.v.n; i++) {
		char *title = keyword_value(&l, i, "title"), *kernel = keyword_value(&l, i, "linux"),
		     *initrd = keyword_value(&l, i, "initrd"), *options = keyword_value(&l, i, "options");

		if (title)
			e.title = title;
		if (initrd)
			e.initrd = initrd;
		if (options)
			e.cmdline = *e.cmdline ? arena_printf(c->scratch, "%s %s", e.cmdline, options) : options;
		if (kernel) {
			e.kernel = kernel;
			e.line = (unsigned)i + 1;
		}
	}
	if (e.kernel)
		add_entry(c, file, &e, false);
	return 0;
}

static int loader_entries(const struct collector *c, const char *folder, struct err *err)
{
	struct names files = {0};

	if (c->guest->ops->glob(c->guest, arena_printf(c->scratch, "%s/loader/entries/*.conf", folder), c->scratch,
				&files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list)
		if (loader_entry(c, *file, err) < 0)
			return -1;
	return 0;
}

/* extlinux: LABEL blocks with KERNEL or LINUX, INITRD, APPEND; DEFAULT names a label. */
static int extlinux_menu(const struct collector *c, const char *file, struct err *err)
{
	struct grub_entry e = {0};
	char *fallback = NULL;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	for (size_t i = 0; i <= l.v.n; i++) {
		char *label = i < l.v.n ? keyword_value(&l, i, "label") : "", *value;

		if (label) {
			if (e.kernel)
				add_entry(c, file, &e, fallback && strcmp(fallback, e.title) == 0);
			e = (struct grub_entry){.title = label, .cmdline = ""};
		} else if ((value = keyword_value(&l, i, "default"))) {
			fallback = value;
		} else if ((value = keyword_value(&l, i, "kernel")) || (value = keyword_value(&l, i, "linux"))) {
			e.kernel = value;
			e.line = (unsigned)i + 1;
		} else if ((value = keyword_value(&l, i, "initrd"))) {
			e.initrd = value;
		} else if ((value = keyword_value(&l, i, "append"))) {
			e.cmdline = value;
		}
	}
	return 0;
}

/* "bootable": some entry boots it. */
static void mark_kernels(struct guest *g, struct inspection *i)
{
	VEC_FOR (e, &i->boot_entries) {
		struct kernel *k = e->kernel ? kernel_of_path(g, i, e->kernel) : NULL;

		if (k)
			k->bootable = true;
	}
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena scratch = {0};
	const struct collector c = {g, i, &scratch};

	if (grub2_menu(&c, "/boot/grub", err) < 0 || grub2_menu(&c, "/boot/grub2", err) < 0 ||
	    legacy_menu(&c, "/boot/grub/menu.lst", err) < 0 || legacy_menu(&c, "/boot/grub/grub.conf", err) < 0 ||
	    loader_entries(&c, "/boot", err) < 0 || loader_entries(&c, "/boot/efi", err) < 0 ||
	    loader_entries(&c, "/efi", err) < 0 || extlinux_menu(&c, "/boot/extlinux/extlinux.conf", err) < 0 ||
	    extlinux_menu(&c, "/extlinux.conf", err) < 0)
		return -1;
	if (!i->boot_entries.n)
		finding_add(i, "W-BOOT-NO-ENTRIES", SEVERITY_WARNING, NULL,
			    "Check which boot loader the guest uses, and boot the result before you rely on it.",
			    "no boot entry of GRUB, systemd-boot or extlinux was found");
	mark_kernels(g, i);
	return 0;
}

const struct inspector inspector_boot_entries = {.id = "boot-entries", .applies = is_linux, .run = run};
