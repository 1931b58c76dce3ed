/* Network maps of the command line: what each NIC connects to. */
#include "run/maps.h"

#include <string.h>

#include "core/base/log.h"

static void connect_nic(struct machine *m, struct nic *nic, enum net_kind kind, const char *target)
{
	nic->target = arena_strdup(&m->arena, target);
	nic->target_kind = kind;
}

/* One map of a list: "in:out" for NICs on `in`, "out" for the rest. Named maps are applied before default ones. */
static int apply_list(const char *const *list, enum net_kind kind, const char *option, bool named, struct machine *m,
		      struct err *err)
{
	bool have_default = false;

	for (; list && *list; list++) {
		const char *colon = strchr(*list, ':');

		if (!(*list)[0] || (colon && (colon == *list || !colon[1])))
			return err_set(err, ERR_USAGE, "%s '%s': expected IN:OUT or OUT", option, *list);
		if (!colon && have_default)
			return err_set(err, ERR_USAGE, "%s '%s': a default map was given already", option, *list);
		have_default |= !colon;
		if (named != !!colon)
			continue;
		VEC_FOR (nic, &m->nics)
			if (!nic->target &&
			    (!colon || (nic->network && strlen(nic->network) == (size_t)(colon - *list) &&
					!strncmp(nic->network, *list, (size_t)(colon - *list)))))
				connect_nic(m, nic, kind, colon ? colon + 1 : *list);
	}
	return 0;
}

static int apply_mac(const char *map, struct machine *m, struct err *err)
{
	enum { MAC_LEN = 17 };
	enum net_kind kind = NET_UNKNOWN;
	const char *rest = strlen(map) > MAC_LEN && map[MAC_LEN] == ':' ? map + MAC_LEN + 1 : "";

	if (!strncmp(rest, "network:", 8))
		kind = NET_NETWORK;
	else if (!strncmp(rest, "bridge:", 7))
		kind = NET_BRIDGE;
	if (kind == NET_UNKNOWN || !strchr(rest, ':')[1])
		return err_set(err, ERR_USAGE, "--mac '%s': expected MAC:network:OUT or MAC:bridge:OUT", map);
	VEC_FOR (nic, &m->nics)
		if (!strncasecmp(nic->mac, map, MAC_LEN)) {
			connect_nic(m, nic, kind, strchr(rest, ':') + 1);
			return 0;
		}
	return err_set(err, ERR_USAGE, "--mac '%s': the machine has no network card with this address", map);
}

/* Another hypervisor's network names mean nothing to libvirt, whose own "default" is there after installation. */
static void connect_rest(struct machine *m)
{
	VEC_FOR (nic, &m->nics) {
		if (nic->target)
			continue;
		connect_nic(m, nic, NET_NETWORK, "default");
		if (!nic->network || !strcmp(nic->network, "default"))
			continue;
		log_warn(
		    "network card %s, on '%s' at the source, is connected to libvirt's network 'default': choose with "
		    "-n '%s:NAME' or -b '%s:BRIDGE'",
		    nic->mac, nic->network ? nic->network : "", nic->network ? nic->network : "",
		    nic->network ? nic->network : "");
	}
}

int maps_apply(const struct net_maps *maps, struct machine *m, struct err *err)
{
	for (const char *const *mac = maps->macs; mac && *mac; mac++)
		if (apply_mac(*mac, m, err) < 0)
			return -1;
	for (int named = 1; named >= 0; named--)
		if (apply_list(maps->networks, NET_NETWORK, "-n", named, m, err) < 0 ||
		    apply_list(maps->bridges, NET_BRIDGE, "-b", named, m, err) < 0)
			return -1;
	connect_rest(m);
	return 0;
}
