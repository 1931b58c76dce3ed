/* ifcfg files: of Red Hat's initscripts and NetworkManager (/etc/sysconfig/network-scripts) and of SUSE's wicked
 * (/etc/sysconfig/network, ifcfg(5)); shell assignments, one interface or profile a file. */
#include <string.h>
#include <strings.h>

#include "guest/files/netfiles.h"
#include "guest/files/netmask.h"
#include "guest/files/shellvars.h"

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* What editors and package managers leave; the readers pass these over too. */
static bool is_leftover(const char *path)
{
	static const char *const ends[] = {"~",	       ".bak",	   ".orig",    ".old",	    ".rpmnew",
					   ".rpmorig", ".rpmsave", ".augsave", ".template", ".scpmbackup"};

	for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
		if (ends_with(path, ends[k]))
			return true;
	return false;
}

static bool is_yes(const char *value)
{
	return value && (!strcasecmp(value, "yes") || !strcasecmp(value, "true") || !strcmp(value, "1"));
}

/* Bridges, bonds, VLANs, teams, tunnels: nothing that a card of the machine could be. TeamPort and OVSPort aren't here:
 * they are in the card's own file. */
static bool is_virtual(const struct lines *l, const char *name)
{
	static const char *const types[] = {"Bridge",	  "Bond",    "Vlan",	  "Team",	  "OVSBridge",
					    "OVSIntPort", "OVSBond", "OVSTunnel", "OVSPatchPort", "Tunnel",
					    "GRE",	  "SIT",     "IPIP",	  "Wireless",	  "tun",
					    "tap",	  "macvlan", "macvtap",	  "dummy",	  "ipoib"};
	const char *type = shellvars_get(l, "TYPE"), *suse = shellvars_get(l, "INTERFACETYPE"),
		   *device_type = shellvars_get(l, "DEVICETYPE");

	for (size_t k = 0; k < sizeof types / sizeof *types; k++)
		if ((type && !strcasecmp(type, types[k])) || (suse && !strcasecmp(suse, types[k])) ||
		    (device_type && !strcasecmp(device_type, types[k])))
			return true;
	return is_yes(shellvars_get(l, "VLAN")) || is_yes(shellvars_get(l, "BONDING_MASTER")) ||
	       shellvars_get(l, "BONDING_OPTS") || is_yes(shellvars_get(l, "BRIDGE")) ||
	       shellvars_get(l, "ETHERDEVICE") || shellvars_get(l, "TUNNEL") || strchr(name, '.');
}

/* The interfaces that a virtual one is made of. */
static bool names_parts(const char *key)
{
	return !strcmp(key, "PHYSDEV") || !strcmp(key, "ETHERDEVICE") || !strcmp(key, "BRIDGE_PORTS") ||
	       !strcmp(key, "BOND_IFACES") || !strncmp(key, "BONDING_SLAVE", 13);
}

static void add_parts(struct net_items *ret, const struct lines *l, size_t line, struct span value)
{
	const char *text = arena_strndup(l->arena, l->v.v[line].text, value.at + value.len);
	size_t pos = value.at;
	struct span s;

	while (span_next(text, &pos, &s))
		net_item_add(ret, NET_NAME, ret->sections++, line, span_dup(l->arena, text, s), (struct span){0});
}

static bool is_address(const char *key)
{
	return !strcmp(key, "IPADDR") || !strcmp(key, "IPADDR0") || !strcmp(key, "IPADDR_0");
}

static bool has_address(const struct lines *l)
{
	return shellvars_get(l, "IPADDR") || shellvars_get(l, "IPADDR0") || shellvars_get(l, "IPADDR_0");
}

/* BOOTPROTO=none stands beside static addresses too. */
static char *method_of(const struct lines *l, const char *value)
{
	bool dhcp = strncasecmp(value, "dhcp", 4) == 0 || !strcasecmp(value, "bootp");

	return arena_strdup(l->arena, dhcp ? "dhcp" : has_address(l) ? "static" : "manual");
}

/* IPADDR=10.0.0.5 with PREFIX, PREFIXLEN or NETMASK beside it, or IPADDR='10.0.0.5/24'. */
static char *address_of(const struct lines *l, char *value)
{
	const char *prefix = shellvars_get(l, "PREFIX"), *length = shellvars_get(l, "PREFIXLEN"),
		   *mask = shellvars_get(l, "NETMASK");

	if (strchr(value, '/') || !*value)
		return value;
	if (!prefix)
		prefix = length;
	if (prefix)
		return arena_printf(l->arena, "%s/%s", value, prefix);
	return mask ? arena_printf(l->arena, "%s/%u", value, netmask_prefix(mask)) : value;
}

static void assignment(struct net_items *ret, const struct lines *l, size_t line, const struct shellvar *var)
{
	const char *text = l->v.v[line].text, *key = span_dup(l->arena, text, var->name);
	char *value = span_dup(l->arena, text, var->value);

	if (strcmp(key, "HWADDR") == 0 && *value)
		net_item_add(ret, NET_MAC, 0, line, value, var->value);
	else if (strcmp(key, "BOOTPROTO") == 0)
		net_item_add(ret, NET_METHOD, 0, line, method_of(l, value), var->value);
	else if (is_address(key))
		net_item_add(ret, NET_ADDRESS, 0, line, address_of(l, value), var->value);
}

/* The line that names the interface, the first one when the file's name does. */
static size_t name_line(const struct lines *l)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct shellvar var;

		if (shellvar_parse(l->v.v[i].text, &var) && shellvar_named(l->v.v[i].text, &var, "DEVICE"))
			return i;
	}
	return 0;
}

/* The text behind "ifcfg-" in the file's name, NULL without one. */
static const char *config_of(const char *path)
{
	const char *base = path ? strstr(path, "/ifcfg-") : NULL;

	return base ? base + strlen("/ifcfg-") : NULL;
}

/* "eth0-range0": more addresses for eth0. */
static bool is_range(const char *config)
{
	const char *range = config ? strstr(config, "-range") : NULL;

	return range && !range[strlen("-range") + strspn(range + strlen("-range"), "0123456789")];
}

/* SUSE's configurations by something else than the interface. */
#define BY_MAC	 "eth-id-"
#define BY_PLACE "eth-bus-"

static const char *behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text && strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* The interface; "" when the file doesn't name one: Red Hat's scripts and NetworkManager take the name of a file for
 * that of a profile. */
static char *interface_of(const struct lines *l, const char *path, const char *config)
{
	const char *device = shellvars_get(l, "DEVICE");

	if (!device && config && !strstr(path, "/network-scripts/") && !behind(config, BY_MAC) &&
	    !behind(config, BY_PLACE))
		device = config;
	return arena_strdup(l->arena, device ? device : "");
}

/* What SUSE's getcfg matches by the file's name; there is no place in the text to edit it. */
static void add_match(struct net_items *ret, const char *config)
{
	const char *mac = behind(config, BY_MAC), *place = behind(config, BY_PLACE);

	if (mac || place)
		net_item_add(ret, mac ? NET_MAC : NET_PATH, 0, 0, arena_strdup(ret->arena, mac ? mac : place),
			     (struct span){0});
}

void ifcfg_parse(const struct lines *l, struct net_items *ret)
{
	const char *config = config_of(ret->path);
	char *name = interface_of(l, ret->path, config);
	bool made = is_virtual(l, name);

	if ((ret->path && is_leftover(ret->path)) || is_range(config) || !l->v.n)
		return;
	ret->sections = 1;
	if (*name)
		net_item_add(ret, made ? NET_VIRTUAL : NET_NAME, 0, name_line(l), name, (struct span){0});
	else if (!strstr(ret->path ? ret->path : "", "/network-scripts/"))
		add_match(ret, config);
	for (size_t i = 0; i < l->v.n; i++) {
		struct shellvar var;

		if (!shellvar_parse(l->v.v[i].text, &var))
			continue;
		if (*name || !made)
			assignment(ret, l, i, &var);
		if (made && names_parts(span_dup(l->arena, l->v.v[i].text, var.name)))
			add_parts(ret, l, i, var.value);
	}
	/* "eth0.30" without PHYSDEV */
	if (made && strchr(name, '.') && !shellvars_get(l, "PHYSDEV") && !shellvars_get(l, "ETHERDEVICE"))
		net_item_add(ret, NET_NAME, ret->sections++, 0, arena_strndup(l->arena, name, strcspn(name, ".")),
			     (struct span){0});
}
