/* ifupdown's interfaces(5): stanzas, the interfaces they configure and those they are made of. */
#include <string.h>

#include "guest/files/netfiles.h"
#include "guest/files/netmask.h"

struct stanza {
	struct net_items *out;
	const char *name; /* of the iface stanza, NULL outside */
	unsigned section;
	size_t line;
	char *address;
	bool has_mode, has_master; /* of a bond */
};

static char *word(const struct lines *l, size_t i, size_t *pos)
{
	struct span s;

	return span_next(l->v.v[i].text, pos, &s) ? span_dup(l->arena, l->v.v[i].text, s) : NULL;
}

static bool makes_interface(const char *key)
{
	static const char *const keys[] = {"bridge_ports", "bridge-ports", "bond-slaves",     "bond_slaves",
					   "ovs_ports",	   "ovs_bonds",	   "vlan-raw-device", "vlan_raw_device"};

	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		if (strcmp(key, keys[k]) == 0)
			return true;
	return false;
}

static bool names_interfaces(const char *key)
{
	return strstr(key, "ports") || strstr(key, "bonds") || strstr(key, "slaves") || strstr(key, "raw");
}

static void add_virtual(struct stanza *s, const struct lines *l)
{
	net_item_add(s->out, NET_VIRTUAL, s->section, s->line, arena_strdup(l->arena, s->name), (struct span){0});
}

/* "bridge_ports ens192 ens224": this interface is virtual, those are real. */
static void parts(struct stanza *s, const struct lines *l, size_t i, const char *key, size_t pos)
{
	char *name;

	add_virtual(s, l);
	if (!names_interfaces(key))
		return;
	while ((name = word(l, i, &pos)))
		if (strcmp(name, "none") != 0 && strcmp(name, "all") != 0 && strcmp(name, "regex") != 0)
			net_item_add(s->out, NET_NAME, s->out->sections++, i, name, (struct span){0});
}

/* Open vSwitch's ports are cards, as a rule: the other types are made. */
static bool is_made_by_ovs(const char *key, const char *value)
{
	return strcmp(key, "ovs_type") == 0 && strcmp(value, "OVSPort") != 0;
}

static void option(struct stanza *s, const struct lines *l, size_t i, const char *key, size_t pos)
{
	if (makes_interface(key)) {
		parts(s, l, i, key, pos);
		return;
	}

	char *value = word(l, i, &pos);

	if (!value)
		return;
	if (is_made_by_ovs(key, value))
		add_virtual(s, l);
	s->has_mode |= !strcmp(key, "bond-mode") || !strcmp(key, "bond_mode");
	s->has_master |= !strcmp(key, "bond-master") || !strcmp(key, "bond_master");
	if (strcmp(key, "address") == 0 && !s->address) {
		s->address = value;
		net_item_add(s->out, NET_ADDRESS, s->section, i, value, (struct span){0});
	} else if (strcmp(key, "netmask") == 0 && s->address && !strchr(s->address, '/')) {
		VEC_FOR (item, &s->out->v)
			if (item->section == s->section && item->key == NET_ADDRESS)
				item->value = arena_printf(l->arena, "%s/%u", s->address, netmask_prefix(value));
	}
}

static void iface(struct stanza *s, const struct lines *l, size_t i, size_t pos)
{
	char *name = word(l, i, &pos), *family = name ? word(l, i, &pos) : NULL,
	     *method = family ? word(l, i, &pos) : NULL;

	*s = (struct stanza){.out = s->out, .name = name, .line = i};
	if (!name)
		return;
	s->section = s->out->sections++;
	net_item_add(s->out, NET_NAME, s->section, i, name, (struct span){0});
	if (method)
		net_item_add(s->out, NET_METHOD, s->section, i, method, (struct span){0});
}

/* The bond's options may stand in its slaves' stanzas, too. */
static void end_stanza(struct stanza *s, const struct lines *l)
{
	if (s->name && s->has_mode && !s->has_master)
		add_virtual(s, l);
	s->name = NULL;
}

static bool ends_stanza(const char *key)
{
	return !strcmp(key, "auto") || !strncmp(key, "allow-", 6) || !strcmp(key, "mapping") ||
	       !strncmp(key, "source", 6) || !strcmp(key, "rename") || !strncmp(key, "no-", 3);
}

void ifupdown_parse(const struct lines *l, struct net_items *ret)
{
	struct stanza s = {.out = ret};

	for (size_t i = 0; i < l->v.n; i++) {
		size_t pos = 0;
		char *key = word(l, i, &pos);

		if (!key || key[0] == '#')
			continue;
		if (strcmp(key, "iface") == 0 || ends_stanza(key))
			end_stanza(&s, l);
		if (strcmp(key, "iface") == 0)
			iface(&s, l, i, pos);
		else if (s.name)
			option(&s, l, i, key, pos);
	}
	end_stanza(&s, l);
}
