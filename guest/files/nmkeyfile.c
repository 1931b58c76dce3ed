/* NetworkManager's keyfiles (nm-settings-keyfile(5)): one connection a file. */
#include <string.h>

#include "guest/files/ini.h"
#include "guest/files/netfiles.h"

static bool is_ethernet_section(const char *section)
{
	return !strcmp(section, "ethernet") || !strcmp(section, "802-3-ethernet");
}

static bool is_virtual_type(const char *type)
{
	static const char *const types[] = {"bridge",	     "bond",  "vlan",	   "team",	"dummy",
					    "tun",	     "vrf",   "wireguard", "ip-tunnel", "macvlan",
					    "ipvlan",	     "vxlan", "loopback",  "macsec",	"ovs-bridge",
					    "ovs-interface", "veth",  "hsr",	   "gsm",	"cdma"};

	for (size_t k = 0; type && k < sizeof types / sizeof *types; k++)
		if (strcmp(type, types[k]) == 0)
			return true;
	return false;
}

static enum net_key name_key(const char *type)
{
	/* A port of Open vSwitch is no interface, and has the name of the card in it at times. */
	if (type && strcmp(type, "ovs-port") == 0)
		return NET_KEY_UNKNOWN;
	return is_virtual_type(type) ? NET_VIRTUAL : NET_NAME;
}

static enum net_key meaning_of(const struct ini *i, const char *type)
{
	if (ini_is(i, "connection", "interface-name"))
		return name_key(type);
	if (is_ethernet_section(i->section) && strcmp(i->key, "mac-address") == 0)
		return NET_MAC;
	if (ini_is(i, "match", "interface-name"))
		return NET_NAME;
	if (ini_is(i, "match", "driver"))
		return NET_DRIVER;
	if (ini_is(i, "match", "path"))
		return NET_PATH;
	if (strcmp(i->section, "ipv4") == 0 && strcmp(i->key, "method") == 0)
		return NET_METHOD;
	if (strcmp(i->section, "ipv4") == 0 && strncmp(i->key, "address", 7) == 0 && strcmp(i->key, "addresses") != 0)
		return NET_ADDRESS;
	return NET_KEY_UNKNOWN;
}

static void add(struct net_items *ret, const struct ini *i, enum net_key what)
{
	char *value = i->value;

	if (what == NET_METHOD)
		value = arena_strdup(ret->arena, !strcmp(value, "auto")	    ? "dhcp"
						 : !strcmp(value, "manual") ? "static"
									    : "manual");
	if (what == NET_ADDRESS) /* "10.0.0.5/24,10.0.0.1": the gateway stands behind */
		value = arena_strndup(ret->arena, value, strcspn(value, ",;"));
	if (what == NET_NAME || what == NET_DRIVER || what == NET_PATH) /* lists end in ';' */
		value = arena_strndup(ret->arena, value, strcspn(value, ";"));

	struct net_item *item = net_item_add(ret, what, 0, i->line, value, i->value_at);
	size_t from = line_indent(i->lines->v.v[i->line].text);

	/* [match] has no key for a MAC. */
	item->style = what == NET_MAC ? NET_STYLE_INI : NET_STYLE_PLAIN;
	item->pair_at = (struct span){from, i->value_at.at + i->value_at.len - from};
}

/* A VLAN's parent is a real interface. */
static void add_parent(struct net_items *ret, const struct ini *i)
{
	if (ini_is(i, "vlan", "parent"))
		net_item_add(ret, NET_NAME, ret->sections++, i->line, i->value, i->value_at);
}

void nmkeyfile_parse(const struct lines *l, struct net_items *ret)
{
	struct ini i = INI_OF((struct lines *)l);
	const char *type = ini_get((struct lines *)l, "connection", "type");

	ret->sections = 1;
	while (ini_next(&i)) {
		enum net_key what = meaning_of(&i, type);

		if (what)
			add(ret, &i, what);
		add_parent(ret, &i);
	}
}
