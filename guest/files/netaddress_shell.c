/* A fixed address in network files of shell assignments: ifcfg of Red Hat and SUSE, netctl, netifrc. */
#include <stdio.h>
#include <string.h>

#include "guest/files/netaddress.h"
#include "guest/files/netmask.h"
#include "guest/files/shellvars.h"

static void set(struct lines *l, const char *name, const char *value)
{
	shellvars_set(l, name, value);
}

static const char *with_prefix(struct arena *a, const struct static_ip *ip)
{
	return arena_printf(a, "%s/%u", ip->address, ip->prefix);
}

static void set_or_drop(struct lines *l, const char *name, const char *value)
{
	if (value)
		set(l, name, value);
	else
		shellvars_drop(l, name, NULL);
}

/* --- Red Hat --- */

enum { IFCFG_SERVERS_MAX = 10 /* the scripts read two, NetworkManager as many as there are */ };

static void set_ifcfg_v6(struct lines *l, const struct static_ip *ip)
{
	shellvars_drop(l, "IPV6ADDR*", "IPV6ADDR");
	shellvars_drop(l, "DHCPV6C", NULL);
	set(l, "IPV6INIT", "yes");
	set(l, "IPV6_AUTOCONF", "no");
	set(l, "IPV6ADDR", with_prefix(l->arena, ip));
	set_or_drop(l, "IPV6_DEFAULTGW", ip->gateway);
}

/* NETMASK is understood by all of them, PREFIX not by RHEL 5. */
static void set_ifcfg_v4(struct lines *l, const struct static_ip *ip)
{
	char mask[NETMASK_TEXT];

	shellvars_drop(l, "IPADDR*", "IPADDR");
	shellvars_drop(l, "NETMASK*", "NETMASK");
	shellvars_drop(l, "GATEWAY*", "GATEWAY");
	shellvars_drop(l, "PREFIX*", NULL);
	shellvars_drop(l, "BROADCAST*", NULL);
	shellvars_drop(l, "NETWORK", NULL);
	set(l, "BOOTPROTO", "none");
	set(l, "IPADDR", ip->address);
	set(l, "NETMASK", netmask_text(ip->prefix, mask));
	set_or_drop(l, "GATEWAY", ip->gateway);
}

/* DNS1, DNS2 …: all of them, when some are given. */
static void set_ifcfg_servers(struct lines *l, const struct static_ip *ip)
{
	for (size_t k = 0; k < ip->dns.n; k++)
		set(l, arena_printf(l->arena, "DNS%zu", k + 1), ip->dns.v[k]);
	for (size_t k = ip->dns.n; ip->dns.n && k < IFCFG_SERVERS_MAX; k++)
		shellvars_drop(l, arena_printf(l->arena, "DNS%zu", k + 1), NULL);
}

bool ifcfg_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;

	if (!l->v.n) {
		set(l, "DEVICE", a->interface);
		set(l, "TYPE", "Ethernet");
		set(l, "HWADDR", a->mac);
	}
	if (ip->v6)
		set_ifcfg_v6(l, ip);
	else
		set_ifcfg_v4(l, ip);
	set(l, "ONBOOT", "yes");
	set_ifcfg_servers(l, ip);
	return true;
}

bool ifcfg_global_drop(struct lines *l, const struct net_address *a)
{
	if (a->ip->gateway)
		shellvars_drop(l, a->ip->v6 ? "IPV6_DEFAULTGW" : "GATEWAY", NULL);
	return true;
}

/* "0" of ADDRESS0=0.0.0.0, of the last when there are more; NULL: none. */
static const char *number_of_default(const struct lines *l)
{
	const char *ret = NULL;

	VEC_FOR (line, &l->v) {
		struct shellvar var;

		if (shellvar_parse(line->text, &var) && shellvar_named(line->text, &var, "ADDRESS*") &&
		    span_is(line->text, var.value, "0.0.0.0"))
			ret = span_dup(l->arena, line->text, var.name) + strlen("ADDRESS");
	}
	return ret;
}

/* "default via 10.0.0.1 dev eth0"; ADDRESS0=0.0.0.0 gets the new GATEWAY0, since there must be no gap in the numbers.
 */
bool ifcfg_routes_drop(struct lines *l, const struct net_address *a)
{
	const char *number = a->ip->gateway && !a->ip->v6 ? number_of_default(l) : NULL;

	for (size_t i = l->v.n; i-- > 0;) {
		const char *text = l->v.v[i].text;
		struct span to;
		size_t pos = 0;

		if (span_next(text, &pos, &to) &&
		    (span_is(text, to, "default") || span_is(text, to, "::/0") || span_is(text, to, "0.0.0.0/0")))
			lines_remove(l, i);
	}
	if (number)
		set(l, arena_printf(l->arena, "GATEWAY%s", number), a->ip->gateway);
	return true;
}

/* --- SUSE --- */

/* What stands beside IPADDR, IPADDR_x …, with the same end of the name. */
static void drop_beside(struct lines *l, const char *name)
{
	static const char *const beside[] = {"NETMASK", "PREFIXLEN", "BROADCAST", "REMOTE_IPADDR", "LABEL"};

	for (size_t k = 0; k < sizeof beside / sizeof *beside; k++)
		shellvars_drop(l, arena_printf(l->arena, "%s%s", beside[k], name + strlen("IPADDR")), NULL);
}

enum { SUSE_ADDRESSES_MAX = 256 /* of one card; for each the whole file is looked through */ };

/* Addresses of both families stand in IPADDR, IPADDR_x …. False: there are too many. */
static bool drop_suse_addresses(struct lines *l, bool v6, const char *keep)
{
	unsigned dropped = 0;

	for (size_t i = l->v.n; i-- > 0;) {
		struct shellvar var;
		char *name, *value;

		if (i >= l->v.n || !shellvar_parse(l->v.v[i].text, &var))
			continue;
		name = span_dup(l->arena, l->v.v[i].text, var.name);
		value = span_dup(l->arena, l->v.v[i].text, var.value);
		if (strncmp(name, "IPADDR", 6) != 0 || !net_of_family(value, strlen(value), v6) ||
		    strcmp(name, keep) == 0)
			continue;
		if (dropped++ == SUSE_ADDRESSES_MAX)
			return false;
		lines_remove(l, i);
		drop_beside(l, name);
	}
	drop_beside(l, keep);
	return true;
}

/* What BOOTPROTO says of the other family: of "dhcp" its half, of "dhcp+autoip" … its words; else "static". */
static const char *bootproto_beside(struct arena *a, const char *now, bool v6)
{
	static const struct {
		const char *word, *v4, *v6;
	} words[] = {
	    {"dhcp", "dhcp4", "dhcp6"}, {"dhcp4", "dhcp4", NULL}, {"dhcp6", NULL, "dhcp6"},
	    {"autoip", "autoip", NULL}, {"auto6", NULL, "auto6"},
	};
	const char *first = NULL, *second = NULL;

	for (const char *p = now ? now : ""; *p; p += strcspn(p, "+"), p += *p == '+')
		for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
			size_t n = strlen(words[k].word);
			const char *rest = v6 ? words[k].v4 : words[k].v6;

			if (strcspn(p, "+") != n || strncasecmp(p, words[k].word, n) != 0 || !rest)
				continue;
			if (!first)
				first = rest;
			else if (strcmp(rest, first) != 0)
				second = rest;
		}
	if (second)
		return arena_printf(a, "%s+%s", first, second);
	return first ? first : "static";
}

bool suse_ifcfg_set_address(struct lines *l, const struct net_address *a)
{
	const char *now = shellvars_get(l, "IPADDR"), *name = "IPADDR";

	if (now && *now && !net_of_family(now, strlen(now), a->ip->v6))
		name = a->ip->v6 ? "IPADDR_6" : "IPADDR_4";
	if (!drop_suse_addresses(l, a->ip->v6, name))
		return false;
	set(l, "BOOTPROTO", bootproto_beside(l->arena, shellvars_get(l, "BOOTPROTO"), a->ip->v6));
	if (!shellvars_get(l, "STARTMODE"))
		set(l, "STARTMODE", "auto");
	set(l, name, with_prefix(l->arena, a->ip));
	return true;
}

/* "default 192.168.1.1 - -": of that family. */
static void drop_default_routes(struct lines *l, bool v6)
{
	for (size_t i = l->v.n; i-- > 0;) {
		const char *text = l->v.v[i].text;
		struct span to, via;
		size_t pos = 0;

		if (span_next(text, &pos, &to) && span_is(text, to, "default") && span_next(text, &pos, &via) &&
		    net_of_family(text + via.at, via.len, v6))
			lines_remove(l, i);
	}
}

bool suse_ifroute_set(struct lines *l, const struct net_address *a)
{
	drop_default_routes(l, a->ip->v6);
	if (a->ip->gateway)
		lines_insert(
		    l, l->v.n,
		    arena_printf(l->arena, "default %s - %s", a->ip->gateway, a->interface ? a->interface : "-"));
	return true;
}

bool suse_routes_drop(struct lines *l, const struct net_address *a)
{
	if (a->ip->gateway)
		drop_default_routes(l, a->ip->v6);
	return true;
}

bool suse_config_set(struct lines *l, const struct net_address *a)
{
	if (a->ip->dns.n)
		set(l, "NETCONFIG_DNS_STATIC_SERVERS", net_servers(l->arena, a->ip, "", " "));
	return true;
}

/* --- netctl --- */

/* An array that goes on behind its line can't be taken away line by line. */
static bool has_open_array(const struct lines *l)
{
	VEC_FOR (line, &l->v) {
		const char *open = strstr(line->text, "=(");

		if (open && line->text[line_indent(line->text)] != '#' && !strchr(open, ')'))
			return true;
	}
	return false;
}

static void drop_assignment(struct lines *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = l->v.n; i-- > 0;) {
		const char *text = l->v.v[i].text + line_indent(l->v.v[i].text);

		if (strncmp(text, name, n) == 0 && text[n] == '=')
			lines_remove(l, i);
	}
}

static void put(struct lines *l, const char *name, const char *value)
{
	lines_insert(l, l->v.n, arena_printf(l->arena, "%s=%s", name, value));
}

bool netctl_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	const char *suffix = ip->v6 ? "6" : "";
	static const char *const keys[] = {"IP", "Address", "Gateway"};

	if (has_open_array(l))
		return false;
	if (!l->v.n) {
		put(l, "Interface", a->interface);
		put(l, "Connection", "ethernet");
	}
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		drop_assignment(l, arena_printf(l->arena, "%s%s", keys[k], suffix));
	put(l, arena_printf(l->arena, "IP%s", suffix), "static");
	put(l, arena_printf(l->arena, "Address%s", suffix),
	    arena_printf(l->arena, "('%s')", with_prefix(l->arena, ip)));
	if (ip->gateway)
		put(l, arena_printf(l->arena, "Gateway%s", suffix), arena_printf(l->arena, "'%s'", ip->gateway));
	if (!ip->dns.n)
		return true;
	drop_assignment(l, "DNS");
	put(l, "DNS", arena_printf(l->arena, "(%s)", net_servers(l->arena, ip, "'", " ")));
	return true;
}

/* --- netifrc --- */

/* A value that goes on over lines and has IPv6 in it can't be kept. */
static bool has_v6_below(const struct lines *l, const char *name)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *rest;
		struct shellvar var;

		if (!shellvar_parse(text, &var) || !shellvar_named(text, &var, name) || !var.quote)
			continue;
		for (rest = text + var.value.at; !strchr(rest, var.quote); rest = l->v.v[i].text)
			if (strchr(rest, ':') || ++i == l->v.n)
				return true;
		if (rest != text + var.value.at && memchr(rest, ':', strcspn(rest, (char[]){var.quote, '\0'})))
			return true;
	}
	return false;
}

/* The address and the IPv6 addresses that stand beside the old one. */
static const char *with_v6_words(struct arena *a, const char *address, const char *now)
{
	char *ret = arena_alloc(a, strlen(address) + strlen(now) + 2), *out = ret + sprintf(ret, "%s", address);
	struct span word;
	size_t pos = 0;

	while (span_next(now, &pos, &word))
		if (memchr(now + word.at, ':', word.len))
			out += sprintf(out, " %.*s", (int)word.len, now + word.at);
	return ret;
}

static bool is_default_route(const char *route)
{
	struct span to;
	size_t pos = 0;

	return !span_next(route, &pos, &to) || span_is(route, to, "default") || span_is(route, to, "0.0.0.0/0");
}

/* All routes stand in one value, a line each: only one that is the IPv4 default route can be replaced. */
static bool is_only_default_route(const struct lines *l, const char *name)
{
	VEC_FOR (line, &l->v) {
		struct shellvar var;

		if (!shellvar_parse(line->text, &var) || !shellvar_named(line->text, &var, name))
			continue;

		const char *value = span_dup(l->arena, line->text, var.value);
		bool closed = !var.quote || line->text[var.value.at + var.value.len] == var.quote;

		if (!closed || strchr(value, ':') || !is_default_route(value))
			return false;
	}
	return true;
}

bool netifrc_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	const char *config = arena_printf(l->arena, "config_%s", a->interface),
		   *routes = arena_printf(l->arena, "routes_%s", a->interface), *now = shellvars_get(l, config);

	/* Both families stand in one value. */
	if (ip->v6 || has_v6_below(l, config) || !is_only_default_route(l, routes))
		return false;
	set(l, config, with_v6_words(l->arena, with_prefix(l->arena, ip), now ? now : ""));
	set_or_drop(l, routes, ip->gateway ? arena_printf(l->arena, "default via %s", ip->gateway) : NULL);
	if (ip->dns.n)
		set(l, arena_printf(l->arena, "dns_servers_%s", a->interface), net_servers(l->arena, ip, "", " "));
	return true;
}

/* --- etcnet --- */

bool etcnet_options_set(struct lines *l, const struct net_address *a)
{
	if (!l->v.n)
		set(l, "TYPE", "eth");
	if (!a->ip->v6)
		set(l, "BOOTPROTO", "static");
	else
		set(l, "CONFIG_IPV6", "yes");
	return true;
}

/* A line each, the whole file. */
static void write_only(struct lines *l, const char *text)
{
	if (l->v.n == 1 && strcmp(l->v.v[0].text, text) == 0)
		return;
	lines_cut(l, 0, l->v.n);
	lines_insert(l, 0, text);
}

bool etcnet_address_set(struct lines *l, const struct net_address *a)
{
	write_only(l, with_prefix(l->arena, a->ip));
	return true;
}

bool etcnet_route_set(struct lines *l, const struct net_address *a)
{
	for (size_t i = l->v.n; i-- > 0;)
		if (strncmp(l->v.v[i].text, "default", 7) == 0)
			lines_remove(l, i);
	if (a->ip->gateway)
		lines_insert(l, l->v.n, arena_printf(l->arena, "default via %s", a->ip->gateway));
	return true;
}
