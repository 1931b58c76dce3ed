/* Step device-names-fstab: fstab, crypttab, mount and swap units name file systems by UUID. */
#include <string.h>

#include "converters/linux/device_names.h"
#include "guest/files/devnames.h"
#include "guest/files/ini.h"
#include "guest/files/unit.h"

#define UNIT_FOLDER "/etc/systemd/system"

/* A link that enables the unit ("swap.target.wants/dev-sda2.swap") is made anew for its new name. */
static int move_link(const struct step_context *c, const char *folder, const char *was, const char *now,
		     struct arena *a, struct err *err)
{
	const char *reason = "the swap unit has a new name", *link = arena_printf(a, "%s/%s", folder, was);
	struct guest_stat st;

	if (c->guest->ops->stat(c->guest, link, false, &st, err) < 0)
		return -1;
	if (!st.mode)
		return 0;
	if (guest_link(c->guest, c->log, arena_printf(a, UNIT_FOLDER "/%s", now), arena_printf(a, "%s/%s", folder, now),
		       reason, err) < 0)
		return -1;
	return guest_drop(c->guest, c->log, link, reason, err);
}

static int move_enablement(const struct step_context *c, const char *was, const char *now, struct arena *a,
			   struct err *err)
{
	static const char *const patterns[] = {UNIT_FOLDER "/*.wants", UNIT_FOLDER "/*.requires"};

	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		struct names folders = {0};

		if (c->guest->ops->glob(c->guest, patterns[k], a, &folders, err) < 0)
			return -1;
		VEC_FOR (folder, &folders.list)
			if (move_link(c, *folder, was, now, a, err) < 0)
				return -1;
	}
	return 0;
}

/* systemd loads a swap unit only under the name that its What= gives, so file and name change together. */
static int rename_swap_unit(const struct device_file *f, const char *path, struct lines *l, void *opaque,
			    struct err *err)
{
	const struct step_context *c = opaque;
	struct arena *a = l->arena;
	const char *what = ini_get(l, "Swap", "What"), *was = strrchr(path, '/') + 1;
	struct device_use use = {.name = what, .type = "swap", .form = FORM_PATH};
	const char *with = what ? devnames_replacement(c->inspection, &use, a) : NULL;

	if (!with)
		return 0;

	const char *now = arena_printf(a, "%s.swap", unit_escape_path(a, with));
	struct ini i = INI_OF(l);

	while (ini_next(&i))
		if (ini_is(&i, "Swap", "What"))
			line_splice(l, i.line, i.value_at.at, i.value_at.len, with);

	const char *reason = arena_printf(a, "%s depends on the hardware; the unit's name follows its device", what);

	if (guest_edit(c->guest, c->log, arena_printf(a, UNIT_FOLDER "/%s", now), lines_join(l), reason, err) < 0 ||
	    guest_drop(c->guest, c->log, path, reason, err) < 0)
		return -1;
	return move_enablement(c, was, now, a, err);
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	if (device_names_replace(c, DEVICE_FILES_MOUNT, err) < 0)
		return -1;
	return device_files_each(c->guest, DEVICE_FILES_SWAP_UNIT, &a, rename_swap_unit, (void *)c, err);
}

const struct step step_device_names_fstab = {
    .id = "device-names-fstab",
    .summary = "file systems mounted by UUID",
    .applies = step_always,
    .run = run,
};
