/* The part that is appended to an initramfs: modules, merged indexes and what has them loaded, as one cpio archive. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/archive.h"
#include "core/base/checked.h"
#include "core/base/cpio.h"
#include "drivers-inject/linux/booster.h"
#include "drivers-inject/linux/genkernel.h"
#include "drivers-inject/linux/graft.h"
#include "drivers-inject/linux/nash.h"

/* Modules and indexes together; with every index of a distribution's kernel it is under 10 MiB. */
#define PART_MAX (256 * MIB)

/* The archive while it is made. */
struct making {
	struct graft_plan *p;
	const char *dir; /* of the modules in the image: "usr/lib/modules/6.1.0-18-amd64" */
	struct buf cpio;
	VEC(const char *) folders; /* made by us */
	uint32_t ino;
};

static int add_entry(struct making *m, struct cpio_entry *e, const void *content, struct err *err)
{
	e->ino = ++m->ino;
	e->nlink = S_ISDIR(e->mode) ? 2 : 1;
	return cpio_add(&m->cpio, e, content) < 0
		   ? err_set(err, ERR_CONVERT, "part of more than %" PRIu64 " bytes at '%s'", PART_MAX, e->name)
		   : 0;
}

static bool is_made(const struct making *m, const char *folder)
{
	VEC_FOR (have, &m->folders)
		if (strcmp(*have, folder) == 0)
			return true;
	return false;
}

/* Makes what is missing of the folders above a path. An entry for a folder that is there as a symlink would replace the
 * symlink, which for /lib means that nothing in the image works any more; path has been resolved through them. */
static int add_folders(struct making *m, const char *path, struct err *err)
{
	struct arena *a = &m->p->arena;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		char *folder = arena_strndup(a, path, (size_t)(slash - path));
		const struct initramfs_member *there = initramfs_at(m->p->im, folder);

		if (there && !S_ISDIR(there->mode))
			return err_set(err, ERR_CONVERT, "'%s' in the initramfs is no folder", folder);
		if (there || is_made(m, folder))
			continue;
		*vec_push(a, &m->folders) = folder;
		if (add_entry(m, &(struct cpio_entry){.name = folder, .mode = S_IFDIR | 0755}, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* A file at the place that path has in the image. The kernel rewrites an existing file in place, and with it every
 * other name that the file has; so one of several names is first replaced by a symlink, which unlinks it. */
static int add_file(struct making *m, const char *path, const void *content, size_t len, struct err *err)
{
	const char *place = initramfs_place(m->p->im, path, &m->p->arena);
	const struct initramfs_member *there = place ? initramfs_at(m->p->im, place) : NULL;
	struct cpio_entry e = {.name = place, .mode = S_IFREG | 0644, .size = (uint32_t)len};

	if (!place)
		return err_set(err, ERR_CONVERT, "'%s' in the initramfs: symlinks go round", path);
	if (add_folders(m, place, err) < 0)
		return -1;
	if (there && there->shared &&
	    add_entry(m, &(struct cpio_entry){.name = place, .mode = S_IFLNK | 0777, .link = "."}, NULL, err) < 0)
		return -1;
	return add_entry(m, &e, content, err);
}

/* Where a module lies in the modules folder of the image: its path on disk, relative and without compression, since not
 * every modprobe in an initramfs can inflate. */
static const char *stored_path(struct making *m, const struct module *module)
{
	struct arena *a = &m->p->arena;

	if (nash_is(m->p->im))
		return nash_file(module, a);
	if (booster_is(m->p->im, m->p->kernel->version))
		return arena_printf(a, "%s.ko", module->name);

	const char *path = module->path, *prefix = arena_printf(a, "/lib/modules/%s/", m->p->kernel->version);
	const char *end;

	if (strncmp(path, prefix, strlen(prefix)) == 0)
		path += strlen(prefix);
	else if (*path == '/')
		path = arena_printf(a, "extra/%s.ko", module->name);
	end = strstr(path, ".ko");
	return arena_strndup(a, path, (size_t)(end - path) + 3);
}

/* The path in the image's modules.dep of a module on disk, which is there or gets there. */
static const char *path_in_image(struct making *m, const char *disk_path)
{
	const struct initramfs_member *there;
	char name[MODULE_NAME_MAX];

	if (!module_name_of(disk_path, name))
		return disk_path;
	there = initramfs_module(m->p->im, m->p->kernel->version, name);
	return there ? there->path + strlen(m->dir) + 1 : stored_path(m, modules_find(m->p->modules, name));
}

static int add_modules(struct making *m, struct err *err)
{
	VEC_FOR (it, &m->p->add.list) {
		AUTO(buf_done) struct buf content = {0};
		const char *path = arena_printf(&m->p->arena, "%s/%s", m->dir, stored_path(m, it));

		if (graft_read_module(m->p, it->path, &content, err) < 0 ||
		    add_file(m, path, buf_str(&content), content.len, err) < 0)
			return -1;
	}
	return 0;
}

static const struct initramfs_member *index_member(const struct making *m, const char *file)
{
	AUTO(arena_done) struct arena a = {0};

	return initramfs_find(m->p->im, arena_printf(&a, "%s/%s", m->dir, file));
}

/* Reads an index of the image, its text when there is one, else its binary form. */
static int read_index(struct making *m, struct modules *into, const char *file,
		      int (*text)(struct modules *, const char *, struct err *),
		      int (*binary)(struct modules *, const void *, size_t, struct err *), struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const struct initramfs_member *t = index_member(m, file),
				      *b = index_member(m, arena_printf(&a, "%s.bin", file));

	if ((t && !t->content) || (!t && b && !b->content))
		return err_set(err, ERR_CONVERT, "'%s' in the initramfs is no file", (t ? t : b)->path);
	if (t)
		return text(into, t->content, err);
	return b && binary ? binary(into, b->content, b->size, err) : 0;
}

static int read_indexes(struct making *m, struct modules *into, struct err *err)
{
	if (read_index(m, into, "modules.dep", modules_parse_dep, modules_parse_dep_bin, err) < 0 ||
	    read_index(m, into, "modules.alias", modules_parse_alias, modules_parse_alias_bin, err) < 0 ||
	    read_index(m, into, "modules.symbols", modules_parse_alias, modules_parse_alias_bin, err) < 0)
		return -1;
	return read_index(m, into, "modules.softdep", modules_parse_softdep, NULL, err);
}

static void adopt(struct making *m, struct modules *merged, const struct module *module)
{
	const char **needs = arena_alloc(&m->p->arena, (module->nneeds + 1) * sizeof *needs);

	for (size_t i = 0; i < module->nneeds; i++)
		needs[i] = path_in_image(m, module->needs[i]);
	modules_adopt(merged, m->p->modules, module, stored_path(m, module), needs, module->nneeds);
}

static int add_index(struct making *m, struct modules *merged, const char *file, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(PART_MAX);

	if (modules_print(merged, file, &b, err) < 0)
		return -1;
	return add_file(m, arena_printf(&m->p->arena, "%s/%s", m->dir, file), buf_str(&b), b.len, err);
}

/* Indexes are written as text and binary: kmod reads the binary form, busybox the text. Images that hold only the
 * binary form stay so. */
static int add_indexes(struct making *m, struct err *err)
{
	static const char *const both[] = {"modules.dep", "modules.alias", "modules.symbols"};
	AUTO(modules_freep) struct modules *merged = modules_new();

	if (!merged)
		return err_nomem(err);
	if (read_indexes(m, merged, err) < 0)
		return -1;
	VEC_FOR (it, &m->p->add.list)
		adopt(m, merged, it);
	for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
		const char *binary = arena_printf(&m->p->arena, "%s.bin", both[i]);

		if (((index_member(m, both[i]) || !index_member(m, binary)) &&
		     add_index(m, merged, both[i], err) < 0) ||
		    add_index(m, merged, binary, err) < 0)
			return -1;
	}
	return merged->softdeps.n ? add_index(m, merged, "modules.softdep", err) : 0;
}

/* An image without modules lacks the lists of built-in ones too, without which modprobe takes those for missing. */
static int add_builtin_lists(struct making *m, struct err *err)
{
	static const char *const files[] = {"modules.builtin", "modules.builtin.bin", "modules.builtin.alias.bin"};

	if (index_member(m, "modules.builtin") || index_member(m, "modules.builtin.bin"))
		return 0;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(MODULES_INDEX_MAX);
		const char *on_disk = arena_printf(&m->p->arena, "%s/%s", m->p->kernel->modules, files[i]);

		if (!guest_exists(m->p->g, on_disk))
			continue;
		if (m->p->g->ops->read(m->p->g, on_disk, &b, err) < 0 ||
		    add_file(m, arena_printf(&m->p->arena, "%s/%s", m->dir, files[i]), buf_str(&b), b.len, err) < 0)
			return -1;
	}
	return 0;
}

static bool names_line(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += strspn(line, "\n \t");
		if (strncmp(line, name, n) == 0 && strchr(" \t\r\n", line[n]))
			return true;
		if (!*line)
			break;
	}
	return false;
}

/* The image's list of modules that its init loads before it looks for the root file system; NULL: there is none. */
static const char *list_of(const struct initramfs *im)
{
	return strcmp(im->generator, "initramfs-tools") == 0 ? "conf/modules" : genkernel_list(im);
}

static int add_to_list(struct making *m, struct err *err)
{
	const char *list = list_of(m->p->im);
	const struct initramfs_member *there = list ? initramfs_find(m->p->im, list) : NULL;
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	if (!list)
		return 0;
	if (there && there->content && buf_adds(&b, there->content) < 0)
		return err_set(err, ERR_CONVERT, "'%s' in the initramfs is over %d bytes long", there->path,
			       GUEST_TEXT_MAX);
	if (b.len && b.data[b.len - 1] != '\n' && buf_adds(&b, "\n") < 0)
		return err_nomem(err);
	VEC_FOR (name, &m->p->roots)
		if (!names_line(buf_str(&b), *name) && buf_addf(&b, "%s\n", *name) < 0)
			return err_nomem(err);
	return add_file(m, list, buf_str(&b), b.len, err);
}

static int add_marker(struct making *m, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	if (buf_addf(&b, "modules appended by rehost for kernel %s:", m->p->kernel->version) < 0)
		return err_nomem(err);
	VEC_FOR (it, &m->p->add.list)
		if (buf_addf(&b, " %s", it->name) < 0)
			return err_nomem(err);
	if (buf_adds(&b, "\n") < 0)
		return err_nomem(err);
	return add_entry(
	    m, &(struct cpio_entry){.name = INITRAMFS_GRAFT_MARKER, .mode = S_IFREG | 0644, .size = (uint32_t)b.len},
	    buf_str(&b), err);
}

/* Nothing in a part can remove a file; a symlink to nowhere takes its place. */
static int add_removal(struct making *m, const char *path, struct err *err)
{
	return add_entry(m, &(struct cpio_entry){.name = path, .mode = S_IFLNK | 0777, .link = "removed-by-rehost"},
			 NULL, err);
}

static int add_copies(struct making *m, struct err *err)
{
	VEC_FOR (c, &m->p->copies)
		if ((c->text ? add_file(m, c->path, c->text, strlen(c->text), err) : add_removal(m, c->path, err)) < 0)
			return -1;
	return 0;
}

/* nash's init loads what it names. */
static int add_nash_init(struct making *m, struct err *err)
{
	const char *init = nash_init_with(m->p->im, &m->p->add, &m->p->arena);
	struct cpio_entry e = {.name = "init", .mode = S_IFREG | 0755, .size = (uint32_t)strlen(init)};

	return add_entry(m, &e, init, err);
}

static int add_booster_lists(struct making *m, struct err *err)
{
	struct graft_plan *p = m->p;
	const char *config = booster_config_with(p->im, &p->add, &p->arena), *aliases;
	VEC(const char *) names = {0};

	VEC_FOR (module, &p->add.list)
		*vec_push(&p->arena, &names) = module->name;
	VEC_FOR (root, &p->roots)
		if (initramfs_module(p->im, p->kernel->version, *root)) /* not among those */
			*vec_push(&p->arena, &names) = *root;
	aliases = booster_aliases_with(p->im, p->modules, names.v, names.n, &p->arena);

	if (add_file(m, BOOSTER_ALIASES, aliases, strlen(aliases), err) < 0)
		return -1;
	return add_file(m, BOOSTER_CONFIG, config, strlen(config), err);
}

static int add_drivers(struct making *m, struct err *err)
{
	bool only_named = !m->p->add.list.n; /* they are in the image, but nothing loads them */

	if (booster_is(m->p->im, m->p->kernel->version))
		return add_modules(m, err) < 0 ? -1 : add_booster_lists(m, err);
	if (nash_is(m->p->im))
		return add_modules(m, err) < 0 ? -1 : add_nash_init(m, err);
	if (only_named)
		return add_to_list(m, err);
	if (add_modules(m, err) < 0 || add_indexes(m, err) < 0 || add_builtin_lists(m, err) < 0)
		return -1;
	return add_to_list(m, err);
}

static int fill(struct making *m, struct err *err)
{
	if (add_marker(m, err) < 0 || (m->p->roots.n && add_drivers(m, err) < 0) || add_copies(m, err) < 0)
		return -1;
	return cpio_end(&m->cpio) < 0 ? err_nomem(err) : 0;
}

static int add_zeros(struct buf *b, uint64_t n)
{
	static const char zeros[4];

	return buf_add(b, zeros, (size_t)(n % 4));
}

/* How the part is compressed: as what stands before it, when we can write that; the kernel surely reads it then. */
static const char *part_compression(const struct initramfs_segment *last)
{
	static const char *const usable[] = {"gzip", "xz", "zstd", "lz4"};

	for (size_t i = 0; i < sizeof usable / sizeof *usable; i++)
		if (strcmp(last->compression, usable[i]) == 0)
			return usable[i];
	return "none";
}

/* Behind lz4 the kernel finds only lz4, and takes it for the same stream: no zero may stand between, and the archive is
 * aligned to what the streams before it inflate to. */
static int pack_lz4(struct making *m, const struct initramfs_segment *last, struct err *err)
{
	AUTO(buf_done) struct buf aligned = BUF_INIT(PART_MAX + 4);

	if (add_zeros(&aligned, 4 - last->end % 4) < 0 || buf_add(&aligned, m->cpio.data, m->cpio.len) < 0)
		return err_nomem(err);
	return archive_deflate("lz4", aligned.data, aligned.len, &m->p->part, err);
}

/* The part begins at a multiple of 4 in the file. */
static int pack(struct making *m, struct err *err)
{
	struct graft_plan *p = m->p;
	const struct initramfs_segment *last = &p->im->segments.v[p->im->segments.n - 1 - p->im->has_graft];

	p->compression = part_compression(last);
	if (strcmp(p->compression, "lz4") == 0)
		return pack_lz4(m, last, err);
	if (add_zeros(&p->part, 4 - p->im->base % 4) < 0)
		return err_nomem(err);
	if (strcmp(p->compression, "none") == 0)
		return buf_add(&p->part, m->cpio.data, m->cpio.len) < 0 ? err_nomem(err) : 0;
	return archive_deflate(p->compression, m->cpio.data, m->cpio.len, &p->part, err);
}

int graft_make_part(struct graft_plan *p, struct err *err)
{
	struct making m = {.p = p, .cpio = BUF_INIT(PART_MAX)};
	int ret;

	if (!p->roots.n && !p->copies.n)
		return 0;
	m.dir = initramfs_place(p->im, initramfs_modules_folder(p->im, p->kernel->version, &p->arena), &p->arena);
	if (!m.dir)
		ret = err_set(err, ERR_CONVERT, "'lib/modules' in the initramfs: symlinks go round");
	else
		ret = fill(&m, err) < 0 ? -1 : pack(&m, err);
	buf_done(&m.cpio);
	return ret < 0 ? err_wrap(err, "modules for '%s'", p->kernel->initrd) : 0;
}

uint64_t graft_new_size(const struct graft_plan *p)
{
	return p->part.len ? p->im->base + p->part.len : p->old_size;
}

static const char *what_loads(const struct graft_plan *p)
{
	if (nash_is(p->im))
		return " and an init that loads them";
	return booster_is(p->im, p->kernel->version) ? " and the lists by which booster loads them"
						     : " with their indexes";
}

static int describe_names(const struct graft_plan *p, struct buf *b)
{
	if (buf_adds(b, " to its lists") < 0)
		return -1;
	VEC_FOR (name, &p->roots)
		if (buf_addf(b, "%s %s", name == p->roots.v ? "" : ",", *name) < 0)
			return -1;
	return 0;
}

static int describe(const struct graft_plan *p, struct buf *b)
{
	if (buf_adds(b, "appends") < 0)
		return -1;
	VEC_FOR (it, &p->add.list)
		if (buf_addf(b, "%s %s", it == p->add.list.v ? "" : ",", it->name) < 0)
			return -1;
	if (p->add.list.n ? buf_adds(b, what_loads(p)) < 0 : p->roots.n && describe_names(p, b) < 0)
		return -1;
	VEC_FOR (c, &p->copies)
		if (buf_addf(b, "%s %s %s", c == p->copies.v && !p->roots.n ? "" : ",", c->path,
			     !c->text ? "as removed"
			     : c->own ? "for the new hardware"
				      : "as the guest has it now") < 0)
			return -1;
	return buf_addf(b, ", %zu bytes (%s) at 0x%" PRIx64 "; the file was %" PRIu64 " bytes long, is now %" PRIu64,
			p->part.len, p->compression, p->im->base, p->old_size, graft_new_size(p));
}

int graft_apply(struct graft_plan *p, struct changelog *log, bool *ret_changed, struct err *err)
{
	AUTO(buf_done) struct buf file = BUF_INIT(INITRAMFS_FILE_MAX), words = BUF_INIT(GUEST_TEXT_MAX);

	*ret_changed = false;
	if (!p->part.len)
		return 0;
	if (p->g->ops->read(p->g, p->kernel->initrd, &file, err) < 0)
		return -1;
	if (file.len < p->im->base)
		return err_set(err, ERR_CONVERT, "'%s' has become shorter: %zu bytes", p->kernel->initrd, file.len);
	if (file.len - p->im->base == p->part.len && memcmp(file.data + p->im->base, p->part.data, p->part.len) == 0)
		return 0;
	file.len = (size_t)p->im->base;
	if (buf_add(&file, p->part.data, p->part.len) < 0 || describe(p, &words) < 0)
		return err_set(err, ERR_CONVERT, "'%s' would be over %" PRIu64 " bytes long", p->kernel->initrd,
			       INITRAMFS_FILE_MAX);
	*ret_changed = true;
	return guest_put(p->g, log, p->kernel->initrd, file.data, file.len, 0600,
			 "the kernel must drive the virtual disks before it can mount the root file system",
			 buf_str(&words), err);
}
