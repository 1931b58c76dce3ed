/* Every boot entry with its file and line: GRUB 2, GRUB legacy, Boot Loader Specification, extlinux. */
#include "inspectors/registry.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/files/grubvars.h"
#include "guest/files/loaderentries.h"
#include "inspectors/kernels.h"

struct file_id {
	uint64_t dev, ino;
};

struct collector {
	struct guest *guest;
	struct inspection *inspection;
	struct arena *scratch;
	VEC(struct file_id) seen; /* menu.lst is often a link to grub.conf */
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

static struct boot_entry *add_entry(const struct collector *c, const char *file, const struct grub_entry *e,
				    bool is_default)
{
	struct arena *a = &c->inspection->arena;
	struct boot_entry *b = vec_push(a, &c->inspection->boot_entries);

	*b = (struct boot_entry){.title = arena_strdup(a, e->title),
				 .file = arena_strdup(a, file),
				 .line = e->line,
				 .kernel = guest_path(c, e->kernel),
				 .initrd = guest_path(c, e->initrd),
				 .cmdline = arena_strdup(a, e->cmdline),
				 .is_default = is_default,
				 .hypervisor = e->hypervisor};
	return b;
}

/* Where the default is set, and what it calls the entry. */
static void note_menu(const struct collector *c, struct boot_entry *b, enum boot_menu menu, const char *file,
		      const char *id)
{
	b->menu = menu;
	b->menu_file = arena_strdup(&c->inspection->arena, file);
	b->id = arena_strdup(&c->inspection->arena, id);
}

/* A file that has been read under another name counts as missing. */
static int first_time(struct collector *c, const char *path, bool *ret, struct err *err)
{
	struct guest_stat st;

	if (c->guest->ops->stat(c->guest, path, true, &st, err) < 0)
		return -1;
	*ret = S_ISREG(st.mode);
	VEC_FOR (id, &c->seen)
		*ret &= id->dev != st.dev || id->ino != st.ino;
	*vec_push(c->scratch, &c->seen) = (struct file_id){st.dev, st.ino};
	return 0;
}

static int read_lines(struct collector *c, const char *path, struct lines *l, bool *ret_there, struct err *err)
{
	char *text = NULL;

	if (first_time(c, path, ret_there, err) < 0 ||
	    (*ret_there && guest_text(c->guest, path, c->scratch, &text, err) < 0))
		return -1;
	lines_split(l, c->scratch, text ? text : "");
	return 0;
}

static const char *id_in_menu(const struct collector *c, const struct grub_menu *menu, const struct grub_entry *e,
			      enum boot_menu kind)
{
	if (kind == BOOT_MENU_GRUB_LEGACY)
		return arena_printf(c->scratch, "%u", e->position);
	return kind == BOOT_MENU_EXTLINUX ? e->id : grub_entry_id(menu, e, c->scratch);
}

static void add_menu(const struct collector *c, const char *file, const struct grub_menu *menu, const char *saved,
		     enum boot_menu kind)
{
	const char *wanted = menu->default_saved ? saved : menu->default_entry;
	const struct grub_entry *chosen = grub_menu_find(menu, wanted ? wanted : "0");

	/* the first entry may be one that only shows up when it can boot something */
	VEC_FOR (e, &menu->entries)
		if (e->kernel && (!chosen || !chosen->kernel))
			chosen = e;
	VEC_FOR (e, &menu->entries) {
		struct boot_entry *b;

		if (!e->kernel)
			continue;
		b = add_entry(c, file, e, e == chosen);
		b->is_saved = e == chosen && menu->default_saved && kind == BOOT_MENU_GRUB_LEGACY;
		note_menu(c, b, kind, file, id_in_menu(c, menu, e, kind));
	}
}

/* --- GRUB 2 --- */

static int take_env(struct collector *c, struct grub_vars *vars, const char *path, struct err *err)
{
	char *text;

	if (guest_text(c->guest, path, c->scratch, &text, err) < 0)
		return -1;
	if (text)
		grub_vars_take_env(vars, text);
	return 0;
}

/* `load_env -f /boot/photon.cfg`: a block of its own. */
static int take_named_envs(struct collector *c, struct grub_vars *vars, const struct lines *l, struct err *err)
{
	VEC_FOR (line, &l->v) {
		const char *text = line->text + line_indent(line->text), *path = strchr(text, '/');

		if (strncmp(text, "load_env ", 9) != 0 || !path || strchr(text, '$'))
			continue;
		path = guest_path(c, arena_strndup(c->scratch, path, strcspn(path, " \t")));
		if (take_env(c, vars, path, err) < 0)
			return -1;
	}
	return 0;
}

static bool reads_bls(const struct lines *l)
{
	VEC_FOR (line, &l->v)
		if (strcmp(line->text + line_indent(line->text), "blscfg") == 0)
			return true;
	return false;
}

static void expand_entry(const struct grub_vars *vars, struct grub_entry *e)
{
	e->kernel = grub_expand(vars, e->kernel);
	e->initrd = grub_expand(vars, e->initrd);
	e->cmdline = grub_expand(vars, e->cmdline);
}

/* Loader entries: who reads them, and what decides which one is booted. */
struct bls_menu {
	const char *folder; /* that holds loader/ */
	const struct grub_vars *vars;
	const char *wanted; /* NULL: the highest version */
	enum boot_menu kind;
	const char *file; /* where the default is set */
};

static int loader_entries(struct collector *c, const struct bls_menu *menu, struct err *err);

static int grub2_menu(struct collector *c, const char *file, struct err *err)
{
	struct grub_vars vars = {.arena = c->scratch};
	const char *folder = arena_strndup(c->scratch, file, (size_t)(strrchr(file, '/') - file)), *saved;
	struct grub_menu menu;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0 ||
	    take_env(c, &vars, arena_printf(c->scratch, "%s/grubenv", folder), err) < 0 ||
	    take_named_envs(c, &vars, &l, err) < 0)
		return -1;
	saved = grub_vars_get(&vars, "saved_entry");
	grub_vars_take_menu(&vars, &l);
	grubcfg_parse(&l, &menu);
	VEC_FOR (e, &menu.entries)
		expand_entry(&vars, e);
	add_menu(c, file, &menu, saved, BOOT_MENU_GRUB);

	const struct bls_menu bls = {"/boot", &vars, menu.default_saved ? saved : menu.default_entry,
				     BOOT_MENU_GRUB_BLS, file};

	return reads_bls(&l) ? loader_entries(c, &bls, err) : 0;
}

/* `default saved`: the number in the file "default" beside the menu, which lines of "#" make up to its size. */
static int legacy_saved(struct collector *c, const char *file, char **ret, struct err *err)
{
	const char *path = arena_printf(c->scratch, "%.*s/default", (int)(strrchr(file, '/') - file), file);

	if (guest_text(c->guest, path, c->scratch, ret, err) < 0)
		return -1;
	if (*ret)
		(*ret)[strspn(*ret, "0123456789")] = '\0';
	return 0;
}

static int legacy_menu(struct collector *c, const char *file, struct err *err)
{
	struct grub_menu menu;
	char *saved = NULL;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	menulst_parse(&l, &menu);
	if (menu.default_saved && legacy_saved(c, file, &saved, err) < 0)
		return -1;
	add_menu(c, file, &menu, saved && *saved ? saved : NULL, BOOT_MENU_GRUB_LEGACY);
	return 0;
}

/* --- Boot Loader Specification --- */

/* "…/entries/abc-1.0.conf" is "abc-1.0". */
static char *entry_id(struct arena *a, const char *file)
{
	const char *name = strrchr(file, '/') + 1;

	return arena_strndup(a, name, strlen(name) - strlen(".conf"));
}

/* More stars than that take fnmatch(3) too long; nobody writes them. */
enum { STARS_MAX = 3 };

static bool id_matches(const char *pattern, const char *id)
{
	unsigned stars = 0;

	for (const char *p = pattern; *p; p++)
		stars += *p == '*';
	return stars > STARS_MAX ? strcmp(pattern, id) == 0 : fnmatch(pattern, id, 0) == 0;
}

static int by_version_last_first(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

/* The entry that is meant: by its id or place (GRUB's default or saved_entry), or by systemd-boot's pattern; else the
 * one with the highest version, which both loaders sort to the top. Sorts the files. */
static const char *wanted_entry(struct collector *c, struct names *files, const char *wanted)
{
	char *end = NULL;
	unsigned long place = wanted ? strtoul(wanted, &end, 10) : 0;

	if (!files->list.n)
		return NULL;
	qsort(files->list.v, files->list.n, sizeof *files->list.v, by_version_last_first);
	if (wanted && *wanted && !*end && place < files->list.n)
		return files->list.v[place];
	VEC_FOR (file, &files->list) {
		const char *id = entry_id(c->scratch, *file);

		if (wanted && (id_matches(wanted, id) || id_matches(wanted, arena_printf(c->scratch, "%s.conf", id))))
			return *file;
	}
	return files->list.v[0];
}

static int loader_entry(struct collector *c, const char *file, const struct bls_menu *menu, bool is_default,
			struct err *err)
{
	bool grub = menu->kind == BOOT_MENU_GRUB_BLS;
	struct grub_entry e;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	loader_entry_parse(&l, &e);
	if (!e.kernel)
		return 0;
	expand_entry(menu->vars, &e);
	note_menu(c, add_entry(c, file, &e, is_default), menu->kind, menu->file,
		  grub ? entry_id(c->scratch, file) : strrchr(file, '/') + 1);
	return 0;
}

static int loader_entries(struct collector *c, const struct bls_menu *menu, struct err *err)
{
	struct names files = {0};
	const char *chosen;

	if (c->guest->ops->glob(c->guest, arena_printf(c->scratch, "%s/loader/entries/*.conf", menu->folder),
				c->scratch, &files, err) < 0)
		return -1;
	chosen = wanted_entry(c, &files, menu->wanted);
	VEC_FOR (file, &files.list)
		if (loader_entry(c, *file, menu, *file == chosen, err) < 0)
			return -1;
	return 0;
}

/* systemd-boot's default stands in loader.conf; entries that only GRUB reads are in the list already. */
static int systemd_boot(struct collector *c, const char *folder, struct err *err)
{
	const struct grub_vars none = {.arena = c->scratch};
	struct bls_menu menu = {folder, &none, NULL, BOOT_MENU_SYSTEMD_BOOT,
				arena_printf(c->scratch, "%s/loader/loader.conf", folder)};
	struct lines l;
	bool there;

	if (read_lines(c, menu.file, &l, &there, err) < 0)
		return -1;
	menu.wanted = loader_conf_default(&l);
	return loader_entries(c, &menu, err);
}

/* --- syslinux --- */

/* Relative paths are relative to the folder of the file. */
static char *beside(const struct collector *c, const char *file, const char *path)
{
	if (!path || path[0] == '/')
		return (char *)path;
	return arena_printf(c->scratch, "%.*s/%s", (int)(strrchr(file, '/') - file), file, path);
}

static int extlinux_menu(struct collector *c, const char *file, struct err *err)
{
	struct grub_menu menu;
	struct lines l;
	bool there;

	if (read_lines(c, file, &l, &there, err) < 0)
		return -1;
	extlinux_parse(&l, &menu);
	VEC_FOR (e, &menu.entries) {
		e->kernel = beside(c, file, e->kernel);
		e->initrd = beside(c, file, e->initrd);
	}
	add_menu(c, file, &menu, NULL, BOOT_MENU_EXTLINUX);
	return 0;
}

/* --- all --- */

static const struct {
	const char *pattern;
	int (*read)(struct collector *c, const char *file, struct err *err);
} menus[] = {
    {"/boot/grub/grub.cfg", grub2_menu},
    {"/boot/grub2/grub.cfg", grub2_menu},
    {"/boot/efi/EFI/*/grub.cfg", grub2_menu},
    {"/boot/grub/menu.lst", legacy_menu},
    {"/boot/grub/grub.conf", legacy_menu},
    {"/boot/efi/EFI/*/grub.conf", legacy_menu},
    {"/boot", systemd_boot},
    {"/boot/efi", systemd_boot},
    {"/efi", systemd_boot},
    {"/boot/extlinux/extlinux.conf", extlinux_menu},
    {"/boot/extlinux.conf", extlinux_menu},
    {"/boot/*linux/*linux.cfg", extlinux_menu},
    {"/boot/efi/EFI/*linux/*linux.cfg", extlinux_menu},
    {"/extlinux.conf", extlinux_menu},
};

static int read_menus(struct collector *c, struct err *err)
{
	for (size_t k = 0; k < sizeof menus / sizeof *menus; k++) {
		struct names files = {0};

		if (c->guest->ops->glob(c->guest, menus[k].pattern, c->scratch, &files, err) < 0)
			return -1;
		VEC_FOR (file, &files.list)
			if (menus[k].read(c, *file, err) < 0)
				return -1;
	}
	return 0;
}

/* Drivers go into what is known; of an image that isn't, nobody can say whether it boots. */
static void report_unknown(struct guest *g, struct inspection *i, const struct boot_entry *e)
{
	struct guest_stat st;

	if (!i->kernels.n || !e->is_default || e->hypervisor || !e->kernel || e->kernel[0] != '/' ||
	    g->ops->stat(g, e->kernel, true, &st, NULL) < 0 || !S_ISREG(st.mode))
		return;
	finding_add(
	    i, "W-BOOT-KERNEL-UNKNOWN", SEVERITY_WARNING, e->kernel,
	    "Install the kernel's package again in the guest, or correct the menu, and convert again.",
	    "the default boot entry '%s' (%s:%u) boots an image that is none of the kernels in /lib/modules, so "
	    "no driver was added for it",
	    e->title, e->file, e->line);
}

/* "bootable": some entry boots it, maybe by a link or another way to the same file. */
static int mark_kernels(struct guest *g, struct inspection *i, struct err *err)
{
	unsigned looks = KERNEL_LOOKS;

	VEC_FOR (e, &i->boot_entries) {
		struct kernel *k;

		if (kernel_of_entry(g, i, e, &looks, &k, err) < 0)
			return -1;
		if (!k) {
			report_unknown(g, i, e);
			continue;
		}
		k->bootable = true;
		e->version = k->version;
	}
	return 0;
}

/* Unified kernel images need no menu: systemd-boot and firmware list the files. */
static int finds_unified(struct collector *c, bool *ret, struct err *err)
{
	static const char *const patterns[] = {"/boot/efi/EFI/Linux/*.efi", "/efi/EFI/Linux/*.efi",
					       "/boot/EFI/Linux/*.efi"};

	*ret = false;
	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		struct names found = {0};

		if (c->guest->ops->glob(c->guest, patterns[k], c->scratch, &found, err) < 0)
			return -1;
		*ret |= found.list.n > 0;
	}
	return 0;
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena scratch = {0};
	struct collector c = {.guest = g, .inspection = i, .scratch = &scratch};

	bool unified;

	if (read_menus(&c, err) < 0 || finds_unified(&c, &unified, err) < 0)
		return -1;
	if (!i->boot_entries.n && !unified)
		finding_add(i, "W-BOOT-NO-ENTRIES", SEVERITY_WARNING, NULL,
			    "Check which boot loader the guest uses, and boot the result before you rely on it.",
			    "no boot entry of GRUB, systemd-boot or extlinux was found");
	return mark_kernels(g, i, err);
}

const struct inspector inspector_boot_entries = {.id = "boot-entries", .applies = is_linux, .run = run};
