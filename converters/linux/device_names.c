/* Device names become UUIDs, in what mounts (fstab, crypttab, units) and in what boots (GRUB and its kin, initramfs).
 */
#include <string.h>

#include "converters/linux/device_names.h"
#include "guest/files/devnames.h"
#include "guest/files/lines.h"

struct replacer {
	const struct step_context *c;
	struct arena *arena;
	bool boot;  /* the file is about booting: command lines, settings of boot loaders */
	char *done; /* "/dev/sda1 is UUID=… (why)", for the log; NULL: nothing replaced */
};

/* Without any initramfs it is the kernel that reads root=, and it knows PARTUUID= only. */
static bool no_initramfs(const struct inspection *i)
{
	VEC_FOR (k, &i->kernels)
		if (k->initrd)
			return false;
	return i->kernels.n > 0;
}

static const char *replace(const struct device_use *asked, void *opaque)
{
	struct replacer *r = opaque;
	struct device_use own = *asked, *use = &own;
	const struct device_name *d = devnames_find(r->c->inspection, use->name);
	const char *with;

	use->partition_id |= r->boot && use->mountpoint && no_initramfs(r->c->inspection);
	with = devnames_replacement(r->c->inspection, use, r->arena);

	if (!with || strcmp(with, use->name) == 0)
		return NULL;
	if (!r->done || !strstr(r->done, arena_printf(r->arena, "%s is ", use->name)))
		r->done = arena_printf(r->arena, "%s%s%s is %s: %s", r->done ? r->done : "", r->done ? "; " : "",
				       use->name, with, d->reason);
	return with;
}

static int replace_in_file(const struct device_file *f, const char *path, struct lines *l, void *opaque,
			   struct err *err)
{
	const struct step_context *c = opaque;
	struct replacer r = {c, l->arena, f->group == DEVICE_FILES_BOOT, NULL};
	const struct device_visitor v = {replace, &r};

	f->walk(l, &v);
	if (!r.done)
		return 0;
	return guest_edit(c->guest, c->log, path, lines_join(l),
			  arena_printf(l->arena, "device names depend on the hardware, UUIDs don't: %s", r.done), err);
}

int device_names_replace(const struct step_context *c, enum device_files group, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	return device_files_each(c->guest, group, &a, replace_in_file, (void *)c, err);
}
