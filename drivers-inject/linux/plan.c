/* What one kernel needs: where its modules are, and which of them its initramfs must get. */
#include "drivers-inject/linux/graft.h"

#include <string.h>

#include "core/base/archive.h"
#include "core/base/checked.h"
#include "drivers-inject/linux/booster.h"
#include "drivers-inject/linux/genkernel.h"
#include "drivers-inject/linux/nash.h"
#include "guest/files/kconfig.h"
#include "guest/files/uki.h"

/* The largest module of a distribution's kernel (amdgpu) has 25 MiB. */
#define MODULE_FILE_MAX (64 * MIB)

/* An initramfs inside a unified image is looked into, but nothing can be added. */
static int open_unified(struct graft_plan *p, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(UKI_MAX);
	struct uki_section at;

	p->no_graft = "its initramfs is part of a unified image";
	if (p->g->ops->read(p->g, p->kernel->unified, &b, err) < 0)
		return -1;
	if (uki_section(b.data, b.len, ".initrd", &at, NULL) == 0 && at.length)
		initramfs_parse(b.data + at.offset, at.length, &p->im, NULL);
	return 0;
}

/* Something in the image would load what is added to it. */
static bool loads_modules(const struct graft_plan *p)
{
	return strcmp(p->im->generator, "initramfs-tools") == 0 || nash_is(p->im) || genkernel_list(p->im) ||
	       booster_is(p->im, p->kernel->version) || initramfs_loads_by_alias(p->im);
}

/* dracut's module squash: what init mounts hides the rest. */
static bool is_packed(const struct initramfs *im)
{
	return initramfs_find(im, "squash-root.img") || initramfs_find(im, "squashfs-root.img") ||
	       initramfs_find(im, "erofs-root.img");
}

/* An image that can't be read is the inspector's finding; here it only means that nothing can be added. */
static int open_initramfs(struct graft_plan *p, struct err *err)
{
	struct err local = ERR_INIT;
	struct guest_stat st;

	if (!p->kernel->initrd && p->kernel->unified)
		return open_unified(p, err);
	if (!p->kernel->initrd) {
		p->no_graft = "it has no initramfs";
		return 0;
	}
	if (p->g->ops->stat(p->g, p->kernel->initrd, true, &st, err) < 0)
		return -1;
	p->old_size = st.size;
	if (initramfs_read(p->g, p->kernel->initrd, NULL, &p->im, &local) < 0) {
		if (local.code == ERR_INTERNAL)
			return err_set(err, local.code, "%s", local.text);
		p->no_graft = "its initramfs can't be read";
	} else if (is_packed(p->im)) {
		p->no_graft = "its files are in an image of a file system inside it";
	} else if (!loads_modules(p)) {
		p->no_graft = "nothing in its initramfs would load them";
	}
	return 0;
}

int graft_plan_open(struct guest *g, struct kernel *k, struct graft_plan *ret, struct err *err)
{
	*ret = (struct graft_plan){.g = g, .kernel = k, .part = BUF_INIT(INITRAMFS_FILE_MAX)};
	if (modules_load(g, k->modules, true, &ret->modules, err) < 0)
		return -1;
	if (k->config && guest_text(g, k->config, &ret->arena, &ret->config, err) < 0)
		return -1;
	return open_initramfs(ret, err);
}

void graft_plan_done(struct graft_plan *p)
{
	modules_free(p->modules);
	initramfs_free(p->im);
	buf_done(&p->part);
	arena_done(&p->arena);
}

size_t graft_plan_memory(const struct graft_plan *p)
{
	return arena_size(&p->arena) + arena_size(&p->modules->arena) + (p->im ? arena_size(&p->im->arena) : 0) +
	       p->part.len;
}

/* The guest's path of a path in modules.dep. */
static const char *module_file(struct graft_plan *p, const char *path)
{
	return *path == '/' ? path : arena_printf(&p->arena, "%s/%s", p->kernel->modules, path);
}

/* What the module needs, itself at the end; false when some of it isn't there. */
static int closure_on_disk(struct graft_plan *p, const char *module, struct module_list *list, bool *ret,
			   struct err *err)
{
	struct guest_stat st;

	*ret = modules_find(p->modules, module) && modules_closure(p->modules, module, &p->arena, list, NULL) == 0;
	VEC_FOR (m, &list->list) {
		if (!*ret)
			break;
		if (p->g->ops->stat(p->g, module_file(p, m->path), true, &st, err) < 0)
			return -1;
		*ret = st.mode != 0;
	}
	return 0;
}

static int find_place(struct graft_plan *p, const char *module, enum module_place *ret, struct err *err)
{
	struct module_list list = {0};
	bool there;

	if (modules_is_builtin(p->modules, module) || kconfig_builds_in(p->config, module)) {
		*ret = MODULE_BUILT_IN;
		return 0;
	}
	if (p->im && initramfs_module(p->im, p->kernel->version, module)) {
		*ret = MODULE_IN_INITRAMFS;
		return 0;
	}
	if (closure_on_disk(p, module, &list, &there, err) < 0)
		return -1;
	*ret = there ? MODULE_ON_DISK : MODULE_MISSING;
	return 0;
}

int graft_place(struct graft_plan *p, const char *module, enum module_place *ret, struct err *err)
{
	VEC_FOR (k, &p->known) {
		if (strcmp(k->name, module) == 0) {
			*ret = k->place;
			return 0;
		}
	}
	if (find_place(p, module, ret, err) < 0)
		return -1;
	*vec_push(&p->arena, &p->known) = (struct module_known){arena_strdup(&p->arena, module), *ret};
	return 0;
}

int graft_can(struct graft_plan *p, const char *module, bool *ret, struct err *err)
{
	enum module_place place;

	if (graft_place(p, module, &place, err) < 0)
		return -1;
	*ret = place == MODULE_BUILT_IN || place == MODULE_IN_INITRAMFS || (place == MODULE_ON_DISK && !p->no_graft);
	return 0;
}

static bool is_planned(const struct graft_plan *p, const struct module *module)
{
	VEC_FOR (have, &p->add.list)
		if (strcmp(have->name, module->name) == 0)
			return true;
	return false;
}

/* What is in the image is loaded by its alias or a list; in some images only a list of their own does. */
static bool is_loaded(const struct graft_plan *p, const char *module)
{
	if (initramfs_loads_by_alias(p->im))
		return true;
	if (genkernel_list(p->im))
		return genkernel_loads(p->im, module);
	return !booster_is(p->im, p->kernel->version) || booster_loads(p->im, module);
}

int graft_want(struct graft_plan *p, const char *module, struct err *err)
{
	struct module_list list = {0};
	enum module_place place;

	if (p->no_graft)
		return 0;
	if (graft_place(p, module, &place, err) < 0)
		return -1;
	if (place == MODULE_IN_INITRAMFS && !is_loaded(p, module))
		*vec_push(&p->arena, &p->roots) = module;
	if (place != MODULE_ON_DISK)
		return 0;
	if (modules_closure(p->modules, module, &p->arena, &list, err) < 0)
		return -1;
	*vec_push(&p->arena, &p->roots) = module;
	VEC_FOR (m, &list.list)
		if (!is_planned(p, m) && !initramfs_module(p->im, p->kernel->version, m->name))
			*vec_push(&p->arena, &p->add.list) = *m;
	return 0;
}

bool graft_has_net(const struct graft_plan *p)
{
	if (!p->im)
		return false;
	VEC_FOR (m, &p->im->members)
		if (strstr(m->path, "/kernel/drivers/net/ethernet/") || strstr(m->path, "/vmxnet3.ko"))
			return true;
	return false;
}

int graft_read_module(struct graft_plan *p, const char *path, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(MODULE_FILE_MAX);
	const char *file = module_file(p, path), *compression;
	size_t used;

	out->max = MODULE_FILE_MAX;
	if (p->g->ops->read(p->g, file, &raw, err) < 0)
		return -1;
	if (archive_inflate(buf_str(&raw), raw.len, out, &used, &compression, err) < 0)
		return err_wrap(err, "module '%s'", file);
	if (strcmp(compression, "none") == 0) {
		buf_done(out);
		*out = raw;
		raw = (struct buf){0};
	}
	if (out->len < 4 || memcmp(out->data, "\177ELF", 4) != 0)
		return err_set(err, ERR_CONVERT, "module '%s': is no ELF file", file);
	return 0;
}
