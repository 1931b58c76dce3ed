/* The machine's network cards from /sys/class/net and udev's data. */
#include <string.h>

#include "boot-iso/agent/hardware.h"

enum { ARPHRD_ETHER_TYPE = 1 };

/* A card of the machine: it hangs on a device, and speaks Ethernet. */
static bool is_card(const struct tree *t, const char *name)
{
	return tree_has(t, "sys/class/net/%s/device", name) &&
	       tree_number(t, 0, "sys/class/net/%s/type", name) == ARPHRD_ETHER_TYPE;
}

static void read_names(struct hardware *h, const struct tree *t, struct hw_nic *n)
{
	struct arena *a = &h->arena;
	const char *index = tree_text(t, a, "sys/class/net/%s/ifindex", n->name);
	const char *data = index ? udev_data(t, a, arena_printf(a, "n%s", index)) : NULL;

	n->onboard_name = udev_property(a, data, "ID_NET_NAME_ONBOARD");
	n->slot_name = udev_property(a, data, "ID_NET_NAME_SLOT");
	n->path_name = udev_property(a, data, "ID_NET_NAME_PATH");
	n->mac_name = udev_property(a, data, "ID_NET_NAME_MAC");
	n->port = tree_text(t, a, "sys/class/net/%s/phys_port_name", n->name);
}

static void read_card(struct hardware *h, const struct tree *t, const char *name)
{
	struct hw_nic *n = vec_push(&h->arena, &h->nics);
	uint64_t speed = tree_number(t, 0, "sys/class/net/%s/speed", name);

	n->name = arena_strdup(&h->arena, name);
	n->mac = tree_text(t, &h->arena, "sys/class/net/%s/address", name);
	/* The kernel can't tell while the card is down. */
	n->link = tree_number(t, 0, "sys/class/net/%s/carrier", name) == 1;
	n->speed = speed < UINT32_MAX ? speed : 0;
	adapter_of(t, &h->arena, arena_printf(&h->arena, "sys/class/net/%s/device", name), &n->driver, &n->slot);
	read_names(h, t, n);
}

void nics_read(struct hardware *h, const struct tree *t)
{
	struct words all = tree_list(t, &h->arena, "sys/class/net");

	for (size_t i = 0; i < all.n; i++)
		if (is_card(t, all.v[i]))
			read_card(h, t, all.v[i]);
}
