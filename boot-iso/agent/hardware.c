/* The machine we run on. */
#include "boot-iso/agent/hardware.h"

#include <stdlib.h>
#include <string.h>

struct hardware *hardware_read(const char *root, struct err *err)
{
	AUTO(tree_close) struct tree t = {.fd = -1};
	struct hardware *h;

	if (tree_open(&t, root, err) < 0)
		return NULL;
	h = calloc(1, sizeof *h);
	if (!h)
		return err_null(err, ERR_INTERNAL, "out of memory");
	system_read(h, &t);
	firmware_read(h, &t);
	disks_read(h, &t);
	nics_read(h, &t);
	return h;
}

void hardware_free(struct hardware *h)
{
	if (!h)
		return;
	arena_done(&h->arena);
	free(h);
}

char *udev_data(const struct tree *t, struct arena *a, const char *device)
{
	return tree_text(t, a, "run/udev/data/%s", device);
}

char *udev_property(struct arena *a, const char *data, const char *name)
{
	return data ? tree_value(a, data, arena_printf(a, "E:%s", name), '=') : NULL;
}

enum { LEVELS_MAX = 12 /* between a disk and its adapter: a USB stick behind two hubs has 9 */ };

void adapter_of(const struct tree *t, struct arena *a, const char *device, char **ret_driver, char **ret_slot)
{
	char *path = arena_strdup(a, device);

	for (int i = 0; i < LEVELS_MAX; i++, path = arena_printf(a, "%s/..", path)) {
		const char *bus = tree_link(t, a, "%s/subsystem", path);

		if (!bus || (strcmp(bus, "pci") != 0 && strcmp(bus, "vmbus") != 0 && strcmp(bus, "virtio") != 0 &&
			     strcmp(bus, "xen") != 0))
			continue;
		*ret_driver = tree_link(t, a, "%s/driver", path);
		/* The address of a virtio device is its parent's. */
		if (!strcmp(bus, "virtio"))
			path = arena_printf(a, "%s/..", path);
		*ret_slot = tree_value(a, tree_text(t, a, "%s/uevent", path), "PCI_SLOT_NAME", '=');
		return;
	}
}
