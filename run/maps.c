/* Network maps of the command line: what each NIC connects to. */
#include "run/maps.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"

static void connect_nic(struct machine *m, struct nic *nic, enum net_kind kind, const char *target)
{
	nic->target = arena_strdup(&m->arena, target);
	nic->target_kind = kind;
}

/* Does an earlier map of the list name the same network? */
static bool is_named_before(const char *const *list, const char *const *map, size_t len)
{
	for (; list < map; list++)
		if (!strncmp(*list, *map, len + 1))
			return true;
	return false;
}

/* One map of a list: "in:out" for NICs on `in`, "out" for the rest. Named maps are applied before default ones. */
static int apply_list(const char *const *list, enum net_kind kind, const char *option, bool named, struct machine *m,
		      struct err *err)
{
	const char *const *first = list;
	bool have_default = false;

	for (; list && *list; list++) {
		const char *colon = strchr(*list, ':');
		size_t len = colon ? (size_t)(colon - *list) : 0;

		if (!(*list)[0] || (colon && (colon == *list || !colon[1])))
			return err_set(err, ERR_USAGE, "%s '%s': expected IN:OUT or OUT", option, *list);
		if (!colon && have_default)
			return err_set(err, ERR_USAGE, "%s '%s': a default map was given already", option, *list);
		if (colon && is_named_before(first, list, len))
			return err_set(err, ERR_USAGE, "%s '%s': a map of '%.*s' was given already", option, *list,
				       (int)len, *list);
		have_default |= !colon;
		if (named != !!colon)
			continue;
		VEC_FOR (nic, &m->nics)
			if (!nic->target && (!colon || (nic->network && strlen(nic->network) == len &&
							!strncmp(nic->network, *list, len))))
				connect_nic(m, nic, kind, colon ? colon + 1 : *list);
	}
	return 0;
}

enum { MAC_LEN = 17 };

/* --- addresses --- */

/* Of the family of the card's address. */
static bool is_address(const char *text, bool v6)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) == 1;
}

static int wrong_address(const char *map, const char *word, bool v6, struct err *err)
{
	return err_set(err, ERR_USAGE, "--mac '%s': '%s' is no IPv%d address", map, word, v6 ? 6 : 4);
}

static bool take_prefix(struct static_ip *ip, const char *word)
{
	unsigned long bits;
	char *end;

	if (!*word)
		return true;
	bits = strtoul(word, &end, 10);
	ip->prefix = (unsigned)bits;
	return *end == '\0' && *word >= '0' && *word <= '9' && bits > 0 && bits <= (ip->v6 ? 128 : 32);
}

/* The words of "ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]", one by one. */
static int take_word(struct static_ip *ip, unsigned place, char *word, struct machine *m, const char *map,
		     struct err *err)
{
	enum { ADDRESS, GATEWAY, PREFIX };

	if (place == ADDRESS) {
		ip->v6 = strchr(word, ':') != NULL;
		ip->prefix = ip->v6 ? 64 : 24;
		ip->address = word;
	} else if (place == PREFIX) {
		return take_prefix(ip, word)
			   ? 0
			   : err_set(err, ERR_USAGE, "--mac '%s': '%s' is no length of a prefix, 1 to %d", map, word,
				     ip->v6 ? 128 : 32);
	} else if (!*word) {
		return 0;
	} else if (place == GATEWAY) {
		ip->gateway = word;
	} else {
		*vec_push(&m->arena, &ip->dns) = word;
	}
	return is_address(word, ip->v6) ? 0 : wrong_address(map, word, ip->v6, err);
}

static int give_address(const char *map, const char *words, struct nic *nic, struct machine *m, struct err *err)
{
	char *rest = arena_strdup(&m->arena, words), *word;

	if (nic->ip)
		return err_set(err, ERR_USAGE, "--mac '%s': this network card has an address already", map);
	nic->ip = arena_alloc(&m->arena, sizeof *nic->ip);
	for (unsigned place = 0; (word = strsep(&rest, ",")); place++)
		if (take_word(nic->ip, place, word, m, map, err) < 0)
			return -1;
	return 0;
}

/* --- --mac --- */

static struct nic *nic_of(struct machine *m, const char *map)
{
	VEC_FOR (nic, &m->nics)
		if (!strncasecmp(nic->mac, map, MAC_LEN))
			return nic;
	return NULL;
}

static int apply_mac(const char *map, struct machine *m, struct err *err)
{
	const char *rest = strlen(map) > MAC_LEN && map[MAC_LEN] == ':' ? map + MAC_LEN + 1 : "",
		   *out = strchr(rest, ':') ? strchr(rest, ':') + 1 : "";
	bool ip = !strncmp(rest, "ip:", 3), network = !strncmp(rest, "network:", 8),
	     bridge = !strncmp(rest, "bridge:", 7);
	struct nic *nic;

	if (!*out || (!ip && !network && !bridge))
		return err_set(err, ERR_USAGE,
			       "--mac '%s': expected MAC:network:OUT, MAC:bridge:OUT or "
			       "MAC:ip:ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]",
			       map);
	nic = nic_of(m, map);
	if (!nic)
		return err_set(err, ERR_USAGE, "--mac '%s': the machine has no network card with this address", map);
	if (ip)
		return give_address(map, out, nic, m, err);
	if (nic->target)
		return err_set(err, ERR_USAGE, "--mac '%s': this network card is connected already", map);
	connect_nic(m, nic, network ? NET_NETWORK : NET_BRIDGE, out);
	return 0;
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
		    nic->mac, nic->network, nic->network, nic->network);
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
