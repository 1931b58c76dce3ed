/* netplan's YAML: which interfaces it matches, names and addresses. */
#include <string.h>

#include "guest/files/netfiles.h"
#include "guest/files/yaml.h"

/* network: / ethernets: / ID: … */
enum { AT_NETWORK, AT_KIND, AT_ID, AT_KEY, AT_SUBKEY };

static bool is_virtual_kind(const char *kind)
{
	static const char *const kinds[] = {"bonds",	     "bridges",		 "vlans", "tunnels", "vrfs",
					    "dummy-devices", "virtual-ethernets"};

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		if (strcmp(kind, kinds[k]) == 0)
			return true;
	return false;
}

static bool is_true(const char *value)
{
	return !strcasecmp(value, "true") || !strcasecmp(value, "yes") || !strcasecmp(value, "on") ||
	       !strcasecmp(value, "y");
}

static enum net_key match_key(const char *key)
{
	return strcmp(key, "macaddress") == 0 ? NET_MAC
	       : strcmp(key, "driver") == 0   ? NET_DRIVER
	       : strcmp(key, "name") == 0     ? NET_NAME
					      : NET_KEY_UNKNOWN;
}

/* A scalar inside an ethernets entry. */
static void ethernet_scalar(struct net_items *ret, const struct yaml_node *n, unsigned section)
{
	const char *key = n->path[AT_KEY];
	enum net_key what = NET_KEY_UNKNOWN;
	char *value = n->value;

	if (n->depth == AT_SUBKEY + 1 && strcmp(key, "match") == 0) {
		what = match_key(n->path[AT_SUBKEY]);
	} else if (n->depth == AT_KEY + 1 && strcmp(key, "set-name") == 0) {
		what = NET_GIVES_NAME;
	} else if (n->depth == AT_KEY + 1 && strcmp(key, "addresses") == 0) {
		what = NET_ADDRESS;
	} else if (n->depth == AT_KEY + 1 && strncmp(key, "dhcp", 4) == 0 && strlen(key) == 5 && is_true(value)) {
		what = NET_METHOD;
		value = arena_strdup(ret->arena, "dhcp");
	}
	if (!what)
		return;

	struct net_item *item = net_item_add(ret, what, section, n->line, value, n->value_at);

	item->pair_at = n->pair_at;
	item->style = n->flow ? NET_STYLE_YAML_FLOW : NET_STYLE_YAML;
}

static bool same_entry(const struct yaml_node *a, const struct yaml_node *b)
{
	return a && strcmp(a->path[AT_KIND], b->path[AT_KIND]) == 0 && strcmp(a->path[AT_ID], b->path[AT_ID]) == 0;
}

static bool has_match(const struct yaml *y, const struct yaml_node *of)
{
	VEC_FOR (n, &y->nodes)
		if (n->depth > AT_KEY && same_entry(of, n) && strcmp(n->path[AT_KEY], "match") == 0)
			return true;
	return false;
}

void netplan_parse(const struct lines *l, struct net_items *ret)
{
	const struct yaml_node *entry = NULL;
	struct yaml y;

	yaml_scan(l, &y);
	VEC_FOR (n, &y.nodes) {
		if (n->depth <= AT_ID || strcmp(n->path[AT_NETWORK], "network") != 0)
			continue;

		bool ethernet = strcmp(n->path[AT_KIND], "ethernets") == 0;

		if (!ethernet && !is_virtual_kind(n->path[AT_KIND]))
			continue;
		if (!same_entry(entry, n)) {
			entry = n;
			ret->sections++;
			/* Without match the ID is the interface's name. */
			if (!ethernet || !has_match(&y, n))
				net_item_add(ret, ethernet ? NET_NAME : NET_VIRTUAL, ret->sections - 1, n->line,
					     n->path[AT_ID], (struct span){0});
		}
		if (ethernet && n->value && n->depth > AT_KEY)
			ethernet_scalar(ret, n, ret->sections - 1);
	}
}
