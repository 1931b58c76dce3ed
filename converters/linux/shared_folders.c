/* Step shared-folders: mounts of the old hypervisor's shared folders must not hold up the boot. */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/fstab.h"
#include "guest/files/lines.h"

static bool is_shared_folder(const char *type)
{
	static const char *const types[] = {"vmhgfs", "fuse.vmhgfs-fuse", "vboxsf", "prl_fs"};

	for (size_t k = 0; k < sizeof types / sizeof *types; k++)
		if (strcmp(type, types[k]) == 0)
			return true;
	return false;
}

static void add_noauto(struct lines *l, const char *path, void *opaque)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct fstab_entry e;

		if (!fstab_entry(l->arena, l->v.v[i].text, &e) || !is_shared_folder(e.type) || e.optional)
			continue;
		if (e.options)
			line_splice(l, i, e.options_at.at + e.options_at.len, 0, ",noauto");
		else
			line_splice(l, i, strlen(l->v.v[i].text), 0, " noauto");
	}
}

static int run(const struct step_context *c, struct err *err)
{
	return step_edit_lines(c, "/etc/fstab", add_noauto, NULL,
			       "the old hypervisor's shared folders aren't there, and a missing mount stops the boot",
			       err);
}

const struct step step_shared_folders = {
    .id = "shared-folders",
    .summary = "shared folders aren't waited for",
    .applies = step_always,
    .run = run,
};
