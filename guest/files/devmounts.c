/* Which file systems of the machine the guest's fstab mounts by names that depend on the source's hardware. */
#include "guest/files/devmounts.h"

#include <string.h>

#include "guest/files/devnames.h"
#include "guest/files/fstab.h"

/* The first subvol= of the options. */
static char *subvolume_of(struct arena *a, const char *options)
{
	static const char key[] = "subvol=";

	for (const char *p = options; p && *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (strncmp(p, key, strlen(key)) == 0 && n > strlen(key))
			return arena_strndup(a, p + strlen(key), n - strlen(key));
		p += n;
	}
	return NULL;
}

/* What stands behind the device in `was` can't be cut off there: it may be "/dev/disk/by-id/x" or "/dev/mapper/x". */
char *device_mount_instead(const struct device_mount *m, const char *was, struct arena *a)
{
	static const char volume[] = "btrfsvol:";

	if (strncmp(was, volume, strlen(volume)) == 0 && m->subvolume)
		return arena_printf(a, "%s%s/%s", volume, m->device, m->subvolume);
	return arena_strdup(a, m->device);
}

int device_mounts_find(struct guest *g, const struct machine *m, struct inspection *i, struct arena *a,
		       struct device_mounts *ret, struct err *err)
{
	struct lines l;
	char *text;

	if (devnames_survey(g, m, i, err) < 0 || guest_text(g, "/etc/fstab", a, &text, err) < 0)
		return -1;
	lines_split(&l, a, text ? text : "");
	VEC_FOR (line, &l.v) {
		const struct filesystem *fs;
		struct fstab_entry e;

		if (!fstab_entry(a, line->text, &e))
			continue;
		fs = devnames_filesystem(m, i, span_dup(a, line->text, e.spec));
		if (fs)
			*vec_push(a, &ret->v) = (struct device_mount){.path = e.mountpoint,
								      .device = arena_strdup(a, fs->device),
								      .subvolume = subvolume_of(a, e.options)};
	}
	return 0;
}
