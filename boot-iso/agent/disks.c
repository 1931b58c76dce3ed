/* The machine's disks from /sys/class/block and udev's data; no disk is opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "boot-iso/agent/hardware.h"

enum { SECTOR = 512 /* /sys counts in these, whatever the disk's sector is */ };

/* A path of NVMe's own multipathing (nvme0c0n1) stands beside its disk (nvme0n1) and has no device to open. */
static bool is_hidden(const struct tree *t, const char *name)
{
	return tree_number(t, 0, "sys/class/block/%s/hidden", name) || !tree_has(t, "sys/class/block/%s/dev", name);
}

/* What is no disk: made by software, or a drive for media. */
static bool is_disk(const struct tree *t, const char *name)
{
	static const char *const others[] = {"loop", "ram", "zram", "nbd", "dm-", "md", "sr", "fd", "nullb", NULL};

	for (const char *const *o = others; *o; o++)
		if (!strncmp(name, *o, strlen(*o)))
			return false;
	if (strstr(name, "boot") && !strncmp(name, "mmcblk", 6))
		return false;
	return !is_hidden(t, name) && !tree_has(t, "sys/class/block/%s/partition", name) &&
	       tree_number(t, 0, "sys/class/block/%s/size", name);
}

/* A name in \x20 escapes, as udev keeps it. */
static char *unescaped(char *text)
{
	char *to = text;
	unsigned byte;

	for (const char *from = text; from && *from; to++) {
		if (sscanf(from, "\\x%2x", &byte) == 1) {
			*to = (char)byte;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	if (to)
		*to = '\0';
	while (to && to > text && to[-1] == ' ')
		*--to = '\0';
	return text && *text ? text : NULL;
}

static char *block_data(const struct tree *t, struct arena *a, const char *name)
{
	const char *number = tree_text(t, a, "sys/class/block/%s/dev", name);

	return number ? udev_data(t, a, arena_printf(a, "b%s", number)) : NULL;
}

static char *first(char *a, char *b, char *c)
{
	return a ? a : b ? b : c;
}

/* What a device with such content belongs to; NULL: it stands alone. */
static char *membership(struct arena *a, const char *content)
{
	static const struct {
		const char *content, *words;
	} known[] = {
	    {"linux_raid_member", "a Linux RAID (md)"},
	    {"LVM2_member", "an LVM volume group"},
	    {"LVM1_member", "an LVM volume group"},
	    {"zfs_member", "a ZFS pool"},
	    {"bcache", "a bcache set"},
	    {"DM_snapshot_cow", "a snapshot"},
	    {"drbd", "a DRBD pair"},
	    {"ceph_bluestore", "a Ceph store"},
	};
	const char *end;

	if (!content)
		return NULL;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(content, known[i].content))
			return arena_strdup(a, known[i].words);
	end = strstr(content, "_raid_member");
	return end ? arena_printf(a, "a firmware RAID (%.*s)", (int)(end - content), content) : NULL;
}

static void read_part(struct hardware *h, const struct tree *t, struct hw_disk *d, const char *name)
{
	struct hw_part *p = vec_push(&h->arena, &d->parts);
	const char *data = block_data(t, &h->arena, name);

	p->name = arena_strdup(&h->arena, name);
	p->start = tree_number(t, 0, "sys/class/block/%s/start", name) * SECTOR;
	p->size = tree_number(t, 0, "sys/class/block/%s/size", name) * SECTOR;
	p->content = udev_property(&h->arena, data, "ID_FS_TYPE");
	if (!d->member_of)
		d->member_of = membership(&h->arena, p->content);
}

static void read_parts(struct hardware *h, const struct tree *t, struct hw_disk *d)
{
	struct words all = tree_list(t, &h->arena, "sys/class/block/%s", d->name);

	for (size_t i = 0; i < all.n; i++)
		if (tree_has(t, "sys/class/block/%s/%s/partition", d->name, all.v[i]))
			read_part(h, t, d, all.v[i]);
}

/* What udev and the kernel tell about who made it. */
static void read_identity(struct hardware *h, const struct tree *t, struct hw_disk *d, const char *data)
{
	struct arena *a = &h->arena;

	d->model = first(unescaped(udev_property(a, data, "ID_MODEL_ENC")),
			 tree_text(t, a, "sys/class/block/%s/device/model", d->name),
			 tree_text(t, a, "sys/class/block/%s/device/name", d->name));
	d->serial = first(udev_property(a, data, "ID_SERIAL_SHORT"),
			  tree_text(t, a, "sys/class/block/%s/device/serial", d->name),
			  tree_text(t, a, "sys/class/block/%s/serial", d->name));
	d->wwn = first(udev_property(a, data, "ID_WWN_WITH_EXTENSION"), udev_property(a, data, "ID_WWN"),
		       first(tree_text(t, a, "sys/class/block/%s/wwid", d->name),
			     tree_text(t, a, "sys/class/block/%s/device/wwid", d->name), NULL));
	d->path = udev_property(a, data, "ID_PATH");
	d->bus = udev_property(a, data, "ID_BUS");
	if (!d->bus)
		d->bus = tree_link(t, a, "sys/class/block/%s/device/subsystem", d->name);
	adapter_of(t, a, arena_printf(a, "sys/class/block/%s/device", d->name), &d->driver, &(char *){NULL});
}

static const char *reason_to_leave(const struct hw_disk *d)
{
	if (d->label && !strcmp(d->label, "REHOST_P2V"))
		return HW_LIVE_MEDIUM;
	if (d->removable && d->bus && !strcmp(d->bus, "usb"))
		return "a removable USB disk";
	return NULL;
}

static void read_disk(struct hardware *h, const struct tree *t, const char *name)
{
	struct hw_disk *d = vec_push(&h->arena, &h->disks);
	const char *data = block_data(t, &h->arena, name);

	d->name = arena_strdup(&h->arena, name);
	d->size = tree_number(t, 0, "sys/class/block/%s/size", name) * SECTOR;
	d->logical_sector = (uint32_t)tree_number(t, SECTOR, "sys/class/block/%s/queue/logical_block_size", name);
	d->physical_sector = (uint32_t)tree_number(t, SECTOR, "sys/class/block/%s/queue/physical_block_size", name);
	d->removable = tree_number(t, 0, "sys/class/block/%s/removable", name);
	d->rotational = tree_number(t, 0, "sys/class/block/%s/queue/rotational", name);
	d->read_only = tree_number(t, 0, "sys/class/block/%s/ro", name);
	d->table = udev_property(&h->arena, data, "ID_PART_TABLE_TYPE");
	d->content = udev_property(&h->arena, data, "ID_FS_TYPE");
	d->label = udev_property(&h->arena, data, "ID_FS_LABEL");
	d->member_of = membership(&h->arena, d->content);
	read_identity(h, t, d, data);
	read_parts(h, t, d);
	d->left_out = reason_to_leave(d);
}

/* What is unknown comes last. */
static int compare_texts(const char *a, const char *b)
{
	return a && b ? strverscmp(a, b) : (b != NULL) - (a != NULL);
}

static int by_place(const void *a, const void *b)
{
	const struct hw_disk *x = a, *y = b;
	int ret = compare_texts(x->path, y->path);

	if (!ret)
		ret = compare_texts(x->serial ? x->serial : x->wwn, y->serial ? y->serial : y->wwn);
	return ret ? ret : strverscmp(x->name, y->name);
}

void disks_read(struct hardware *h, const struct tree *t)
{
	struct words all = tree_list(t, &h->arena, "sys/class/block");

	for (size_t i = 0; i < all.n; i++)
		if (is_disk(t, all.v[i]))
			read_disk(h, t, all.v[i]);
	if (h->disks.n)
		qsort(h->disks.v, h->disks.n, sizeof *h->disks.v, by_place);
}
