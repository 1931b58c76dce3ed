/* Which device names the guest's configuration uses, what they mean, and which of them can't be made to last. */
#include "inspectors/registry.h"

#include <string.h>

#include "guest/files/devnames.h"

static void report_unknown(struct inspection *i, const struct device_name *d)
{
	if (d->optional) {
		finding_add(i, "I-DEVICE-UNKNOWN", SEVERITY_INFO, d->used, NULL,
			    "%s is on none of the machine's disks; the guest boots without it", d->name);
		return;
	}
	finding_add(i, "W-BOOT-DEVICE-UNKNOWN", SEVERITY_WARNING, d->used,
		    "Replace the name by the UUID= of the file system that is meant, or remove the line.",
		    "what %s means is not known (%s), so the name stays and may be wrong on the new hardware", d->name,
		    d->reason);
}

static void report(struct inspection *i, const struct device_name *d)
{
	if (d->disk < 0)
		report_unknown(i, d);
	else if (!d->spec && !d->optional)
		finding_add(i, "W-BOOT-DEVICE-AMBIGUOUS", SEVERITY_WARNING, d->used,
			    "Give one of the copies a new UUID (tune2fs -U random, xfs_admin -U generate).",
			    "%s has no UUID or PARTUUID that only it has, so the name stays and may be wrong on the "
			    "new hardware",
			    d->name);
	else if (d->guessed && d->spec)
		finding_add(i, "W-DEVICE-GUESSED", SEVERITY_WARNING, d->used,
			    "Check that this is the file system meant by the name.", "%s was taken for %s: %s", d->name,
			    d->spec, d->reason);
}

static bool same_content(const struct filesystem *a, const struct filesystem *b)
{
	return a->uuid && b->uuid && strcasecmp(a->uuid, b->uuid) == 0 && a->disk == b->disk &&
	       a->partition == b->partition;
}

static void report_duplicates(struct inspection *i)
{
	for (size_t x = 0; x < i->filesystems.n; x++) {
		for (size_t y = x + 1; y < i->filesystems.n; y++) {
			const struct filesystem *a = &i->filesystems.v[x], *b = &i->filesystems.v[y];

			if (!a->uuid || !*a->uuid || !b->uuid || strcasecmp(a->uuid, b->uuid) != 0 ||
			    same_content(a, b) || (a->type && strstr(a->type, "_member")) ||
			    (a->type && strcmp(a->type, "btrfs") == 0))
				continue;
			finding_add(i, "W-UUID-DUPLICATE", SEVERITY_WARNING, a->device,
				    "Give one of them a new UUID, or detach the copy.",
				    "%s and %s have the same UUID %s: which one is mounted by it is chance", a->device,
				    b->device, a->uuid);
		}
	}
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	if (devnames_survey(g, m, i, err) < 0)
		return -1;
	VEC_FOR (d, &i->device_names)
		report(i, d);
	report_duplicates(i);
	return 0;
}

const struct inspector inspector_storage = {.id = "storage", .applies = is_linux, .run = run};
