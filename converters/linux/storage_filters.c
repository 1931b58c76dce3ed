/* Step storage-filters: LVM and md look at the disks under their new names too. */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/devnames.h"
#include "guest/files/lines.h"
#include "guest/files/lvmconf.h"
#include "guest/files/mdadmconf.h"
#include "guest/files/multipath.h"

static const char *without_dev(const char *name)
{
	return strncmp(name, "/dev/", 5) == 0 ? name + 5 : name;
}

/* By its letter, as the names that are put in have it; else by the order of the disks, or the only one. */
static int guessed_disk(const struct machine *m, const struct devname *p, bool accepts)
{
	int disk;

	if (p->kind == DEVNAME_SD || p->kind == DEVNAME_XVD)
		return (int)p->number;
	if (!accepts)
		return -1;
	disk = devnames_disk_by_order(m, p);
	return disk < 0 && m->disks.n == 1 ? 0 : disk;
}

/* The disk that a name's disk part was found to be; a guess when no file names it elsewhere and no other name has that
 * disk. */
static int disk_of(const struct step_context *c, const char *name, const struct devname *p, bool accepts)
{
	int guess = guessed_disk(c->machine, p, accepts);

	VEC_FOR (d, &c->inspection->device_names) {
		const char *base = without_dev(d->name);
		struct devname other;

		if (d->disk < 0 || !devname_parse(base, &other) || other.kind != p->kind)
			continue;
		if (other.disk_len == p->disk_len && strncmp(base, name, p->disk_len) == 0)
			return d->disk;
		if (d->disk == guess)
			guess = -1;
	}
	return guess;
}

struct renaming {
	const struct step_context *c;
	struct arena *arena;
	const char *path;
	const char *stem; /* of the new names: "vd" or "sd" */
	bool multipath;
};

static const char *renamed(const char *name, bool accepts, void *opaque)
{
	const struct renaming *r = opaque;
	const char *stem = r->stem;
	struct devname p;
	char id[8];

	/* "sd" before "[ab]" or ".*": the letters stay. */
	if (!strcmp(name, "sd") || !strcmp(name, "hd") || !strcmp(name, "xvd"))
		return stem;
	if (!devname_parse(name, &p) || p.kind == DEVNAME_VD)
		return NULL;

	int disk = disk_of(r->c, name, &p, accepts);

	if (disk < 0)
		return NULL;
	disk_id((unsigned)disk, id);
	return p.partition ? arena_printf(r->arena, "%s%s%u", stem, id + 2, p.partition)
			   : arena_printf(r->arena, "%s%s", stem, id + 2);
}

static void report_unknown(const char *pattern, unsigned line, void *opaque)
{
	const struct renaming *r = opaque;
	struct inspection *i = r->c->inspection;

	finding_add(i, "W-BOOT-LVM-FILTER", SEVERITY_WARNING, arena_printf(&i->arena, "%s:%u", r->path, line),
		    "Accept the physical volumes by their new names, or remove the filter.",
		    "LVM's filter '%s' names a device by an identity or a name that the new hardware hasn't", pattern);
}

static void extend_filters(struct lines *l, const char *path, void *opaque)
{
	const struct renaming *told = opaque;
	/* virtio-blk and, where virtio can't be, SATA or SCSI: which one isn't known before the initramfs is made. */
	struct renaming virtio = {told->c, l->arena, path, "vd"}, sata = {told->c, l->arena, path, "sd"};
	struct lvm_filters f = {renamed, report_unknown, &virtio, told->multipath};

	lvmconf_extend_filters(l, &f);
	f = (struct lvm_filters){renamed, NULL, &sata, told->multipath};
	lvmconf_extend_filters(l, &f);
}

static void open_mdadm(struct lines *l, const char *path, void *opaque)
{
	mdadmconf_open(l);
}

static int run(const struct step_context *c, struct err *err)
{
	static const char *const lvm[] = {"/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf"}, *const mdadm[] = {
											      "/etc/mdadm/mdadm.conf",
											      "/etc/mdadm.conf"};
	struct renaming told = {.c = c};

	if (multipath_used(c->guest, &told.multipath, err) < 0)
		return -1;
	for (size_t k = 0; k < 2; k++) {
		if (step_edit_lines(c, lvm[k], extend_filters, &told,
				    "LVM finds its volumes on the disks under their new names too", err) < 0 ||
		    step_edit_lines(c, mdadm[k], open_mdadm, NULL,
				    "arrays are found by their UUID on whatever the disks are called now", err) < 0)
			return -1;
	}
	return 0;
}

const struct step step_storage_filters = {
    .id = "storage-filters",
    .summary = "LVM and md find their disks",
    .applies = step_always,
    .run = run,
};
