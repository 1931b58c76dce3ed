/* Which file systems of the machine the guest's fstab mounts by names that depend on the source's hardware. */
#include "guest/files/devmounts.h"

#include "guest/files/devnames.h"
#include "guest/files/fstab.h"

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
			*vec_push(a, &ret->v) =
			    (struct device_mount){.path = e.mountpoint, .device = arena_strdup(a, fs->device)};
	}
	return 0;
}
