/* Step grub-install-devices: the disks that the next upgrade of GRUB installs itself on, as the new hardware calls
 * them.
 *
 * grub-pc's postinst takes debconf's list when every name in it exists, and asks otherwise. The disk has no by-id name
 * on virtio without a serial number, so the plain name is the one that always exists.
 */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/devicemap.h"
#include "guest/files/devnames.h"

static const char *disk_prefix(enum disk_bus bus)
{
	switch (bus) {
	case DISK_BUS_VIRTIO_SCSI:
	case DISK_BUS_SATA:
	case DISK_BUS_IDE:
	case DISK_BUS_PVSCSI:
	case DISK_BUS_LSISAS:
		return "/dev/sd";
	case DISK_BUS_VIRTIO_BLK:
	case DISK_BUS_UNKNOWN:
		break;
	}
	return "/dev/vd";
}

struct renaming {
	const struct step_context *c;
	struct arena *arena;
};

static const char *new_name(const struct device_use *use, void *opaque)
{
	const struct renaming *r = opaque;
	const struct device_name *d = devnames_find(r->c->inspection, use->name);
	char id[8];

	if (!d || d->disk < 0)
		return NULL;
	disk_id((unsigned)d->disk, id); /* "sda" */

	const char *disk = arena_printf(r->arena, "%s%s", disk_prefix(r->c->caps->disk), id + 2);

	return d->partition ? arena_printf(r->arena, "%s%u", disk, d->partition) : disk;
}

static void rename_devices(struct lines *l, const char *path, void *opaque)
{
	struct renaming r = {opaque, l->arena};
	const struct device_visitor v = {new_name, &r};

	for (const struct grub_disk_file *f = grub_disk_files; f->path; f++)
		if (strcmp(path, f->path) == 0)
			f->walk(l, &v);
}

static int run(const struct step_context *c, struct err *err)
{
	for (const struct grub_disk_file *f = grub_disk_files; f->path; f++)
		if (step_edit_lines(c, f->path, rename_devices, (void *)c, f->reason, err) < 0)
			return -1;
	return 0;
}

const struct step step_grub_install_devices = {
    .id = "grub-install-devices",
    .summary = "GRUB's upgrades find their disk",
    .applies = step_always,
    .run = run,
};
