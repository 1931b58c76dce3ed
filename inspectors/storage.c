/* Which device names the guest's configuration uses, what they mean, and which of them can't be made to last. */
#include "inspectors/registry.h"

#include <stdlib.h>
#include <string.h>

#include "guest/files/devnames.h"
#include "guest/files/multipath.h"

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

/* Members share the UUID of what they make up; subvolumes and what is mounted twice are listed beside themselves. */
static bool is_copy(const struct filesystem *a, const struct filesystem *b)
{
	return a->uuid && *a->uuid && b->uuid && strcasecmp(a->uuid, b->uuid) == 0 &&
	       strcmp(a->device, b->device) != 0 &&
	       !(a->type && (strstr(a->type, "_member") || strcmp(a->type, "btrfs") == 0));
}

static void report_duplicates(struct inspection *i)
{
	for (size_t y = 1; y < i->filesystems.n; y++) {
		const struct filesystem *b = &i->filesystems.v[y], *a = i->filesystems.v;

		while (a < b && !is_copy(a, b))
			a++;
		if (a < b)
			finding_add(i, "W-UUID-DUPLICATE", SEVERITY_WARNING, a->device,
				    "Give one of them a new UUID, or detach the copy.",
				    "%s and %s have the same UUID %s: which one is mounted by it is chance", a->device,
				    b->device, a->uuid);
	}
}

static bool has_map_name(const struct inspection *i)
{
	VEC_FOR (d, &i->device_names) {
		struct devname parsed;

		if (devname_parse(d->name, &parsed) && parsed.kind == DEVNAME_MPATH)
			return true;
	}
	return false;
}

struct aliases {
	struct inspection *i;
	struct names names; /* sorted */
};

/* What may follow an alias in a name: "-part" and the number of a partition. */
enum { PARTITION_TAIL_MAX = 8 };

struct piece {
	const char *text;
	size_t len;
};

static int compare_alias(const void *key, const void *alias)
{
	const struct piece *p = key;
	const char *have = *(const char *const *)alias;
	int order = strncmp(p->text, have, p->len);

	return order || !have[p->len] ? order : -1;
}

/* The name of a map, or of a partition of one. */
static bool is_alias(const struct names *aliases, const char *name)
{
	size_t n = strlen(name), least = n > PARTITION_TAIL_MAX ? n - PARTITION_TAIL_MAX : 1;
	unsigned partition;

	for (size_t len = n; aliases->list.n && len >= least; len--)
		if (devname_map_partition(name + len, &partition) &&
		    bsearch(&(struct piece){name, len}, aliases->list.v, aliases->list.n, sizeof *aliases->list.v,
			    compare_alias))
			return true;
	return false;
}

/* A name of the user's own for a map means what multipath.conf says; which disk that is only the WWID tells. */
static const char *report_alias(const struct device_use *use, void *opaque)
{
	const struct aliases *a = opaque;
	const char *base = strncmp(use->name, "/dev/mapper/", 12) == 0 ? use->name + 12 : "";

	if (is_alias(&a->names, base))
		finding_add(a->i, use->optional ? "I-MULTIPATH-ALIAS" : "W-BOOT-MULTIPATH-ALIAS",
			    use->optional ? SEVERITY_INFO : SEVERITY_WARNING,
			    arena_printf(&a->i->arena, "/etc/fstab:%u", use->line),
			    "Name the file system by UUID there before the machine is moved.",
			    "%s is a name that multipath.conf gives to a disk of the source's storage; the virtual "
			    "disk doesn't get it",
			    use->name);
	return NULL;
}

static int report_aliases(struct guest *g, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct aliases told = {.i = i};
	const struct device_visitor v = {report_alias, &told};
	struct lines l;
	char *fstab;

	if (multipath_aliases(g, &a, &told.names, err) < 0 || guest_text(g, "/etc/fstab", &a, &fstab, err) < 0)
		return -1;
	names_sort(&told.names);
	lines_split(&l, &a, fstab ? fstab : "");
	fstab_devices(&l, &v);
	return 0;
}

static int report_multipath(struct guest *g, struct inspection *i, struct err *err)
{
	bool used;

	if (multipath_used(g, &used, err) < 0)
		return -1;
	if (!used && !has_map_name(i))
		return 0;
	finding_add(
	    i, "I-MULTIPATH", SEVERITY_INFO, MULTIPATH_CONF, NULL,
	    "the guest reached its disks over several paths; here each is one virtio disk, which multipath leaves "
	    "alone by default, and the names of its maps were replaced");
	return report_aliases(g, i, err);
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	if (devnames_survey(g, m, i, err) < 0)
		return -1;
	VEC_FOR (d, &i->device_names)
		report(i, d);
	report_duplicates(i);
	return report_multipath(g, i, err);
}

const struct inspector inspector_storage = {.id = "storage", .applies = is_linux, .run = run};
