/* Network files that are little more than a name and an address: Arch's netctl profiles, Gentoo's /etc/conf.d/net,
 * dhcpcd.conf, ALT's /etc/net/ifaces. What they name stays as it is. */
#include <string.h>
#include <strings.h>

#include "guest/files/netfiles.h"
#include "guest/files/shellvars.h"

static const struct span nowhere = {0, 0};

/* The words of a value, without quotes and brackets: "('eth0' 'eth1')". */
static bool next_word(const char *text, size_t *pos, struct span *ret)
{
	static const char between[] = " \t\r'\"()";

	*pos += strspn(text + *pos, between);
	*ret = (struct span){*pos, strcspn(text + *pos, between)};
	*pos += ret->len;
	return ret->len > 0;
}

static void add_names(struct net_items *ret, const struct lines *l, size_t line, const char *value)
{
	struct span s;

	for (size_t pos = 0; next_word(value, &pos, &s);)
		net_item_add(ret, NET_NAME, ret->sections++, line, span_dup(l->arena, value, s), nowhere);
}

static char *first_of(struct arena *a, const char *value)
{
	struct span s;
	size_t pos = 0;

	return next_word(value, &pos, &s) ? span_dup(a, value, s) : NULL;
}

/* What stands behind NAME= on a line, to its end; NULL when it is another name. */
static const char *value_of(const char *text, const char *name)
{
	size_t at = line_indent(text), n = strlen(name);

	return strncmp(text + at, name, n) == 0 && text[at + n] == '=' ? text + at + n + 1 : NULL;
}

/* netctl.profile(5) */
void netctl_parse(const struct lines *l, struct net_items *ret)
{
	const char *connection = shellvars_get(l, "Connection");
	bool ethernet = !connection || strcmp(connection, "ethernet") == 0;

	ret->sections = 1;
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *value;

		if ((value = value_of(text, "Interface")) && first_of(l->arena, value))
			net_item_add(ret, ethernet ? NET_NAME : NET_VIRTUAL, 0, i, first_of(l->arena, value), nowhere);
		else if ((value = value_of(text, "Address")) && first_of(l->arena, value))
			net_item_add(ret, NET_ADDRESS, 0, i, first_of(l->arena, value), nowhere);
		else if ((value = value_of(text, "IP")))
			net_item_add(ret, NET_METHOD, 0, i, first_of(l->arena, value), nowhere);
		else if (!ethernet && (value = value_of(text, "BindsToInterfaces")))
			add_names(ret, l, i, value);
	}
}

static bool is_made(const struct lines *l, const char *name)
{
	static const char *const makers[] = {"slaves_", "bridge_", "vlan_", "tuntap_", "brctl_"};

	for (size_t k = 0; k < sizeof makers / sizeof *makers; k++)
		if (shellvars_get(l, arena_printf(l->arena, "%s%s", makers[k], name)))
			return true;
	return strchr(name, '.');
}

/* netifrc: config_eth0="192.168.0.7/24", slaves_bond0="eth0 eth1" */
void conf_d_net_parse(const struct lines *l, struct net_items *ret)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *value;
		struct shellvar var;
		char *name;

		if (!shellvar_parse(text, &var))
			continue;
		name = span_dup(l->arena, text, var.name);
		value = span_dup(l->arena, text, var.value);
		if (strncmp(name, "slaves_", 7) == 0 || strncmp(name, "bridge_", 7) == 0) {
			add_names(ret, l, i, value);
		} else if (strncmp(name, "config_", 7) == 0) {
			bool dhcp = strstr(value, "dhcp");

			net_item_add(ret, is_made(l, name + 7) ? NET_VIRTUAL : NET_NAME, ret->sections, i, name + 7,
				     nowhere);
			if (dhcp)
				net_item_add(ret, NET_METHOD, ret->sections, i, arena_strdup(l->arena, "dhcp"),
					     nowhere);
			else if (strchr(value, '.') && first_of(l->arena, value))
				net_item_add(ret, NET_ADDRESS, ret->sections, i, first_of(l->arena, value), nowhere);
			ret->sections++;
		}
	}
}

/* dhcpcd.conf(5): "interface eth0" begins a block. */
void dhcpcd_parse(const struct lines *l, struct net_items *ret)
{
	bool inside = false;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *address = strstr(text, "ip_address=");
		struct span key, value;
		size_t pos = 0;

		if (!span_next(text, &pos, &key) || text[key.at] == '#')
			continue;
		if (span_is(text, key, "interface") && span_next(text, &pos, &value)) {
			inside = true;
			net_item_add(ret, NET_NAME, ret->sections++, i, span_dup(l->arena, text, value), nowhere);
		} else if (inside && span_is(text, key, "static") && address && first_of(l->arena, address + 11)) {
			net_item_add(ret, NET_ADDRESS, ret->sections - 1, i, first_of(l->arena, address + 11), nowhere);
		}
	}
}

/* etcnet: /etc/net/ifaces/NAME/options with TYPE=eth, or of something made: bri, bond, vlan (HOST='eth0') … */
void etcnet_parse(const struct lines *l, struct net_items *ret)
{
	const char *type = shellvars_get(l, "TYPE"), *host = shellvars_get(l, "HOST"),
		   *method = shellvars_get(l, "BOOTPROTO"), *base = ret->path ? strstr(ret->path, "/ifaces/") : NULL;
	char *name;

	if (!type || !base)
		return;
	name = arena_strndup(l->arena, base + 8, strcspn(base + 8, "/"));
	net_item_add(ret, strcmp(type, "eth") == 0 ? NET_NAME : NET_VIRTUAL, ret->sections++, 0, name, nowhere);
	if (method)
		net_item_add(ret, NET_METHOD, 0, 0, arena_strdup(l->arena, method), nowhere);
	if (host)
		add_names(ret, l, 0, host);
}
