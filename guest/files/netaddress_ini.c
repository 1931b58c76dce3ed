/* A fixed address in NetworkManager's keyfiles and in .network files. */
#include <string.h>

#include "guest/files/ini.h"
#include "guest/files/netaddress.h"

/* Is it to go? */
typedef bool ini_judge(const struct ini *i, const struct net_address *a);

static void drop_keys(struct lines *l, ini_judge *judge, const struct net_address *a)
{
	struct ini i = INI_OF(l);

	while (ini_next(&i)) {
		if (!judge(&i, a))
			continue;
		lines_remove(l, i.line);
		i.next = i.line;
	}
}

/* Line behind "[section]", which is put at the end when there is none. */
static size_t section_body(struct lines *l, const char *section)
{
	const char *header = arena_printf(l->arena, "[%s]", section);

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text + line_indent(l->v.v[i].text);

		if (strncmp(text, header, strlen(header)) == 0)
			return i + 1;
	}
	if (l->v.n && *l->v.v[l->v.n - 1].text)
		lines_insert(l, l->v.n, "");
	lines_insert(l, l->v.n, header);
	return l->v.n;
}

/* --- NetworkManager --- */

static bool is_old_nm(const struct ini *i, const struct net_address *a)
{
	static const char *const keys[] = {"method", "address", "addresses", "gateway"};

	if (strcmp(i->section, a->ip->v6 ? "ipv6" : "ipv4") != 0)
		return false;
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		if (strcmp(i->key, keys[k]) == 0)
			return true;
	if (strncmp(i->key, "address", 7) == 0 && i->key[7] >= '0' && i->key[7] <= '9')
		return true;
	return a->ip->dns.n && strcmp(i->key, "dns") == 0;
}

/* Before any profile that fits every card. */
static void begin_keyfile(struct lines *l, const struct net_address *a)
{
	size_t at = section_body(l, "connection");

	lines_insert(l, at++, arena_printf(l->arena, "id=%s", a->label));
	lines_insert(l, at++, "type=ethernet");
	lines_insert(l, at++, "autoconnect-priority=100");
	if (a->interface)
		lines_insert(l, at, arena_printf(l->arena, "interface-name=%s", a->interface));
	at = section_body(l, "ethernet");
	lines_insert(l, at, arena_printf(l->arena, "mac-address=%s", a->mac));
}

bool nmkeyfile_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	size_t at;

	if (!l->v.n)
		begin_keyfile(l, a);
	drop_keys(l, is_old_nm, a);
	at = section_body(l, ip->v6 ? "ipv6" : "ipv4");
	lines_insert(l, at++,
		     arena_printf(l->arena, "address1=%s/%u%s%s", ip->address, ip->prefix, ip->gateway ? "," : "",
				  ip->gateway ? ip->gateway : ""));
	if (ip->dns.n)
		lines_insert(l, at++, arena_printf(l->arena, "dns=%s;", net_servers(l->arena, ip, "", ";")));
	lines_insert(l, at, "method=manual");
	return true;
}

/* --- systemd-networkd --- */

static bool is_header(const struct line *line)
{
	return line->text[line_indent(line->text)] == '[';
}

/* The section whose header stands on a line, by itself. */
static struct lines section_at(const struct lines *l, size_t header)
{
	struct lines ret = *l;

	ret.v.v += header;
	ret.v.n = 1;
	while (header + ret.v.n < l->v.n && !is_header(&ret.v.v[ret.v.n]))
		ret.v.n++;
	return ret;
}

/* In a section of their own: which value tells the family, and whether the section is about a default route. */
static bool is_section_stale(struct lines *section, bool v6)
{
	const char *name = section->v.v[0].text + line_indent(section->v.v[0].text);
	bool route = strncmp(name, "[Route]", 7) == 0, ours = false, general = true;
	struct ini i = INI_OF(section);

	if (!route && strncmp(name, "[Address]", 9) != 0)
		return false;
	while (ini_next(&i)) {
		if (strcmp(i.key, route ? "Gateway" : "Address") == 0)
			ours = net_of_family(i.value, strlen(i.value), v6);
		if (strcmp(i.key, "Destination") == 0)
			general = strcmp(i.value, "0.0.0.0/0") == 0 || strcmp(i.value, "::/0") == 0;
	}
	return ours && general;
}

static void drop_sections(struct lines *l, bool v6)
{
	for (size_t i = 0; i < l->v.n;) {
		struct lines section = section_at(l, i);

		if (is_header(&l->v.v[i]) && is_section_stale(&section, v6))
			lines_cut(l, i, section.v.n);
		else
			i += section.v.n;
	}
}

static bool is_old_networkd(const struct ini *i, const struct net_address *a)
{
	if (strcmp(i->section, "Network") != 0)
		return false;
	if (strcmp(i->key, "Address") == 0 || strcmp(i->key, "Gateway") == 0)
		return net_of_family(i->value, strlen(i->value), a->ip->v6);
	return strcmp(i->key, "DHCP") == 0 || (a->ip->dns.n && strcmp(i->key, "DNS") == 0);
}

/* DHCP of the other family stays. */
static const char *dhcp_left(struct lines *l, bool v6)
{
	static const char *const both[] = {"yes", "true", "both", "1", "on"};
	const char *was = ini_get(l, "Network", "DHCP"), *other = v6 ? "ipv4" : "ipv6";

	for (size_t k = 0; was && k < sizeof both / sizeof *both; k++)
		if (strcasecmp(was, both[k]) == 0)
			return other;
	return was && strcasecmp(was, other) == 0 ? other : NULL;
}

bool networkd_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	const char *dhcp;
	size_t at;

	if (!l->v.n) {
		lines_insert(l, 0, "[Match]");
		lines_insert(l, 1,
			     a->interface ? arena_printf(l->arena, "Name=%s", a->interface)
					  : arena_printf(l->arena, "PermanentMACAddress=%s", a->mac));
	}
	dhcp = dhcp_left(l, ip->v6);
	drop_sections(l, ip->v6);
	drop_keys(l, is_old_networkd, a);
	at = section_body(l, "Network");
	if (dhcp)
		lines_insert(l, at++, arena_printf(l->arena, "DHCP=%s", dhcp));
	lines_insert(l, at++, arena_printf(l->arena, "Address=%s/%u", ip->address, ip->prefix));
	if (ip->gateway)
		lines_insert(l, at++, arena_printf(l->arena, "Gateway=%s", ip->gateway));
	VEC_FOR (dns, &ip->dns)
		lines_insert(l, at++, arena_printf(l->arena, "DNS=%s", *dns));
	return true;
}
