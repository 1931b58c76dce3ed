/* Step device-names-boot: boot entries and the settings they are made from name root and resume by UUID. */
#include <string.h>

#include "converters/linux/device_names.h"
#include "guest/files/devnames.h"
#include "guest/files/lines.h"
#include "guest/files/shellvars.h"

/* With GRUB_DISABLE_LINUX_UUID=true the next update-grub writes the device name of the day. */
static void let_grub_use_uuids(struct lines *l, const char *path, void *opaque)
{
	const struct step_context *c = opaque;
	const struct filesystem *root = devnames_root(c->machine, c->inspection);
	const char *disabled = shellvars_get(l, "GRUB_DISABLE_LINUX_UUID");

	if (!root || !disabled || strcmp(disabled, "true") != 0)
		return;
	if (devnames_uuid_unique(c->inspection, root))
		shellvars_set(l, "GRUB_DISABLE_LINUX_UUID", "false");
	else
		shellvars_set(l, "GRUB_DISABLE_LINUX_PARTUUID", "false");
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names files = {0};
	const char *reason = "the next update-grub writes root=UUID=, not the device name of the day";

	if (device_names_replace(c, DEVICE_FILES_BOOT, err) < 0 ||
	    step_edit_lines(c, "/etc/default/grub", let_grub_use_uuids, (void *)c, reason, err) < 0 ||
	    c->guest->ops->glob(c->guest, "/etc/default/grub.d/*.cfg", &a, &files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list)
		if (step_edit_lines(c, *file, let_grub_use_uuids, (void *)c, reason, err) < 0)
			return -1;
	return 0;
}

const struct step step_device_names_boot = {
    .id = "device-names-boot",
    .summary = "root and resume found by UUID",
    .applies = step_always,
    .run = run,
};
