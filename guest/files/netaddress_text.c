/* A fixed address in network files of words: interfaces(5), dhcpcd.conf, resolv.conf; and which interfaces are parts of
 * others. */
#include <string.h>

#include "guest/files/ini.h"
#include "guest/files/netaddress.h"
#include "guest/files/netmask.h"
#include "guest/files/shellvars.h"
#include "guest/files/yaml.h"

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* The n-th word of a line, counted from 0; NULL when there are fewer. */
static char *word_of(const struct lines *l, size_t line, unsigned n)
{
	struct span s;
	size_t pos = 0;

	do
		if (!span_next(l->v.v[line].text, &pos, &s))
			return NULL;
	while (n--);
	return span_dup(l->arena, l->v.v[line].text, s);
}

/* --- interfaces(5) --- */

static bool begins_stanza(const char *key)
{
	static const char *const keys[] = {"iface",  "auto",	 "mapping", "source", "source-directory",
					   "rename", "template", NULL};

	return is_one_of(key, keys) || strncmp(key, "allow-", 6) == 0 || strncmp(key, "no-", 3) == 0;
}

static enum ifupdown_stanza stanza_at(const struct lines *l, size_t line, const struct net_address *a)
{
	const char *key = word_of(l, line, 0), *name = word_of(l, line, 1), *family = word_of(l, line, 2);

	if (!key || !name || !family || strcmp(key, "iface") != 0 || strcmp(name, a->interface) != 0)
		return IFUPDOWN_NONE;
	return strcmp(family, a->ip->v6 ? "inet6" : "inet") == 0 ? IFUPDOWN_FAMILY : IFUPDOWN_OTHER_FAMILY;
}

enum ifupdown_stanza ifupdown_stanza_in(const struct lines *l, const struct net_address *a)
{
	enum ifupdown_stanza best = IFUPDOWN_NONE;

	for (size_t i = 0; i < l->v.n; i++) {
		enum ifupdown_stanza stanza = stanza_at(l, i, a);

		best = stanza > best ? stanza : best;
	}
	return best;
}

static size_t stanza_end(const struct lines *l, size_t at)
{
	for (at++; at < l->v.n; at++) {
		const char *key = word_of(l, at, 0);

		if (key && begins_stanza(key))
			break;
	}
	return at;
}

/* What goes with the old address; the indentation of what is there is taken for the new lines. */
static const char *drop_old_options(struct lines *l, size_t stanza, const struct static_ip *ip)
{
	static const char *const old[] = {"address",  "netmask",     "gateway", "broadcast",  "network",
					  "hostname", "pointopoint", "client",	"leasehours", NULL},
				 *const dns[] = {"dns-nameservers", "dns-nameserver", NULL};
	const char *indent = "    ";
	bool seen = false;
	size_t end = stanza_end(l, stanza);

	for (size_t i = stanza + 1; i < end;) {
		const char *key = word_of(l, i, 0), *text = l->v.v[i].text;

		if (key && *key != '#' && !seen) {
			indent = arena_strndup(l->arena, text, line_indent(text));
			seen = true;
		}
		if (key && (is_one_of(key, old) || (ip->dns.n && is_one_of(key, dns)))) {
			lines_remove(l, i);
			end--;
		} else {
			i++;
		}
	}
	return indent;
}

/* address with netmask beside it: what all versions of ifupdown and busybox read. */
static void add_options(struct lines *l, size_t at, const char *indent, const struct static_ip *ip)
{
	char mask[NETMASK_TEXT];

	lines_insert(l, at++, arena_printf(l->arena, "%saddress %s", indent, ip->address));
	lines_insert(l, at++,
		     ip->v6 ? arena_printf(l->arena, "%snetmask %u", indent, ip->prefix)
			    : arena_printf(l->arena, "%snetmask %s", indent, netmask_text(ip->prefix, mask)));
	if (ip->gateway)
		lines_insert(l, at++, arena_printf(l->arena, "%sgateway %s", indent, ip->gateway));
	if (ip->dns.n)
		lines_insert(
		    l, at, arena_printf(l->arena, "%sdns-nameservers %s", indent, net_servers(l->arena, ip, "", " ")));
}

bool ifupdown_starts(const struct lines *l, const char *interface)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *key = word_of(l, i, 0), *name;

		if (!key || (strcmp(key, "auto") != 0 && strncmp(key, "allow-", 6) != 0))
			continue;
		for (unsigned k = 1; (name = word_of(l, i, k)); k++)
			if (strcmp(name, interface) == 0)
				return true;
	}
	return false;
}

static void add_stanza(struct lines *l, const struct net_address *a)
{
	if (l->v.n)
		lines_insert(l, l->v.n, "");
	/* Older versions take a second one for an error. */
	if (!a->started && !ifupdown_starts(l, a->interface))
		lines_insert(l, l->v.n, arena_printf(l->arena, "auto %s", a->interface));
	lines_insert(l, l->v.n,
		     arena_printf(l->arena, "iface %s %s static", a->interface, a->ip->v6 ? "inet6" : "inet"));
	add_options(l, l->v.n, "    ", a->ip);
}

static void drop_stanzas(struct lines *l, size_t from, const struct net_address *a)
{
	for (size_t i = from; i < l->v.n;) {
		if (stanza_at(l, i, a) != IFUPDOWN_FAMILY) {
			i++;
			continue;
		}
		lines_cut(l, i, stanza_end(l, i) - i);
	}
}

/* Of several stanzas of the interface the first gets the address, the others go. */
bool ifupdown_set_address(struct lines *l, const struct net_address *a)
{
	size_t i = 0;
	const char *indent;

	while (i < l->v.n && stanza_at(l, i, a) != IFUPDOWN_FAMILY)
		i++;
	if (i == l->v.n) {
		add_stanza(l, a);
		return true;
	}
	drop_stanzas(l, stanza_end(l, i), a);
	indent = drop_old_options(l, i, a->ip);
	line_splice(l, i, 0, strlen(l->v.v[i].text),
		    arena_printf(l->arena, "iface %s %s static", a->interface, a->ip->v6 ? "inet6" : "inet"));
	add_options(l, i + 1, indent, a->ip);
	return true;
}

bool ifupdown_drop_address(struct lines *l, const struct net_address *a)
{
	drop_stanzas(l, 0, a);
	return true;
}

/* --- dhcpcd.conf --- */

static bool is_old_dhcpcd(const char *text, const struct static_ip *ip)
{
	const char *key = ip->v6 ? "ip6_address=" : "ip_address=";
	size_t at = line_indent(text);

	if (strncmp(text + at, "static", 6) != 0)
		return false;
	at += 6 + line_indent(text + at + 6);
	return strncmp(text + at, key, strlen(key)) == 0 || (!ip->v6 && strncmp(text + at, "routers=", 8) == 0) ||
	       (ip->dns.n && strncmp(text + at, "domain_name_servers=", 20) == 0);
}

/* Line behind "interface NAME" after its old settings are gone; 0: there is no such block. */
static size_t dhcpcd_block(struct lines *l, const struct net_address *a)
{
	size_t body = 0;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *key = word_of(l, i, 0), *name = word_of(l, i, 1);
		bool begins = key && (!strcmp(key, "interface") || !strcmp(key, "profile") || !strcmp(key, "ssid"));

		if (body && begins)
			return body;
		if (begins && name && strcmp(key, "interface") == 0 && strcmp(name, a->interface) == 0)
			body = i + 1;
		else if (body && is_old_dhcpcd(l->v.v[i].text, a->ip))
			lines_remove(l, i--);
	}
	return body;
}

bool dhcpcd_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	size_t at = dhcpcd_block(l, a);

	if (!at) {
		lines_insert(l, l->v.n, arena_printf(l->arena, "interface %s", a->interface));
		at = l->v.n;
	}
	lines_insert(
	    l, at++,
	    arena_printf(l->arena, "static %s=%s/%u", ip->v6 ? "ip6_address" : "ip_address", ip->address, ip->prefix));
	if (ip->gateway) /* dhcpcd has no such option for IPv6: it listens to the router */
		lines_insert(l, at++, arena_printf(l->arena, "%sstatic routers=%s", ip->v6 ? "#" : "", ip->gateway));
	if (ip->dns.n)
		lines_insert(
		    l, at, arena_printf(l->arena, "static domain_name_servers=%s", net_servers(l->arena, ip, "", " ")));
	return true;
}

/* --- resolv.conf --- */

bool resolv_conf_set(struct lines *l, const struct net_address *a)
{
	for (size_t i = l->v.n; a->ip->dns.n && i-- > 0;) {
		const char *key = word_of(l, i, 0);

		if (key && strcmp(key, "nameserver") == 0)
			lines_remove(l, i);
	}
	VEC_FOR (server, &a->ip->dns)
		lines_insert(l, l->v.n, arena_printf(l->arena, "nameserver %s", *server));
	return true;
}

/* --- parts of others --- */

static bool line_names(const struct lines *l, size_t line, unsigned from, const char *interface)
{
	const char *word;

	for (unsigned k = from; (word = word_of(l, line, k)); k++)
		if (strcmp(word, interface) == 0)
			return true;
	return false;
}

/* "bridge_ports ens192", "bond-slaves ens192"; "bond-master bond0" in the interface's own stanza. */
static bool is_ifupdown_port(const struct lines *l, const char *interface)
{
	static const char *const lists[] = {"bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves",
					    "slaves",	    "ovs_ports",    "ovs_bonds",   NULL},
				 *const masters[] = {"bond-master", "bond_master", "ovs_bridge", NULL};
	const char *stanza = NULL;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *key = word_of(l, i, 0);

		if (key && strcmp(key, "iface") == 0)
			stanza = word_of(l, i, 1);
		if (key && ((is_one_of(key, lists) && line_names(l, i, 1, interface)) ||
			    (is_one_of(key, masters) && stanza && strcmp(stanza, interface) == 0)))
			return true;
	}
	return false;
}

/* "interfaces: [ens192]" of netplan's bonds and bridges. */
static bool is_netplan_port(const struct lines *l, const char *interface)
{
	struct yaml y;

	yaml_scan(l, &y);
	VEC_FOR (n, &y.nodes)
		if (n->depth == 4 && n->value && strcmp(n->path[3], "interfaces") == 0 &&
		    (strcmp(n->path[1], "bonds") == 0 || strcmp(n->path[1], "bridges") == 0) &&
		    strcmp(n->value, interface) == 0)
			return true;
	return false;
}

static bool any_key(struct lines *l, const char *section, const char *const *keys)
{
	for (; *keys; keys++)
		if (ini_get(l, section, *keys))
			return true;
	return false;
}

static bool any_variable(const struct lines *l, const char *const *names)
{
	for (; *names; names++)
		if (shellvars_get(l, *names))
			return true;
	return false;
}

/* BRIDGE_PORTS='eth0 eth1', BONDING_SLAVE_0='eth0', netctl's BindsToInterfaces=(eth0), netifrc's slaves_bond0="eth0" */
static bool is_listed_port(const struct lines *l, const char *interface)
{
	static const char *const lists[] = {"BRIDGE_PORTS",	 "BONDING_SLAVE*", "BOND_IFACES", "TEAM_PORT_DEVICE*",
					    "BindsToInterfaces", "slaves_*",	   "bridge_*"};
	static const char between[] = " \t\"'()";

	VEC_FOR (line, &l->v) {
		struct shellvar var;
		bool list = false;

		if (!shellvar_parse(line->text, &var))
			continue;
		for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
			list |= shellvar_named(line->text, &var, lists[k]);
		for (const char *p = line->text + var.value.at; list && *p;) {
			size_t len = strcspn(p, between);

			if (len == strlen(interface) && strncmp(p, interface, len) == 0)
				return true;
			p += len + strspn(p + len, between);
		}
	}
	return false;
}

bool net_is_port(const char *system, struct lines *l, const char *interface, bool own)
{
	static const char *const nm[] = {"master", "controller", NULL},
				 *const networkd[] = {"Bond", "Bridge", "VRF", "BatmanAdvanced", NULL},
				 *const ifcfg[] = {"MASTER", "BRIDGE", "TEAM_MASTER", "OVS_BRIDGE", NULL};

	if (strcmp(system, "ifupdown") == 0)
		return is_ifupdown_port(l, interface);
	if (strcmp(system, "netplan") == 0)
		return is_netplan_port(l, interface);
	if (own && strcmp(system, "networkmanager") == 0)
		return any_key(l, "connection", nm);
	if (own && strcmp(system, "networkd") == 0)
		return any_key(l, "Network", networkd);
	if (own && strcmp(system, "ifcfg") == 0 && any_variable(l, ifcfg))
		return true;
	return is_listed_port(l, interface);
}
