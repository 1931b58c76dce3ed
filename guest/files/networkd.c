/* systemd's .network, .netdev and .link files. */
#include <string.h>

#include "guest/files/ini.h"
#include "guest/files/netfiles.h"

struct ini_meaning {
	const char *section, *key;
	enum net_key what;
};

static const struct ini_meaning meanings[] = {
    {"Match", "Name", NET_NAME},	 {"Match", "OriginalName", NET_NAME},
    {"Match", "MACAddress", NET_MAC},	 {"Match", "PermanentMACAddress", NET_MAC},
    {"Match", "Driver", NET_DRIVER},	 {"Match", "Path", NET_PATH},
    {"Link", "Name", NET_GIVES_NAME},	 {"NetDev", "Name", NET_VIRTUAL},
    {"Network", "Address", NET_ADDRESS}, {"Address", "Address", NET_ADDRESS},
    {"Network", "DHCP", NET_METHOD},
};

static enum net_key meaning_of(const struct ini *i)
{
	for (size_t k = 0; k < sizeof meanings / sizeof *meanings; k++)
		if (ini_is(i, meanings[k].section, meanings[k].key))
			return meanings[k].what;
	return strcmp(i->section, "Link") == 0 ? NET_LINK_KEY : NET_KEY_UNKNOWN;
}

static bool says_no(const char *value)
{
	return !strcasecmp(value, "no") || !strcasecmp(value, "false") || !strcasecmp(value, "none") || !*value;
}

/* Every word of a list is an item; they share the pair. */
static void add_values(struct net_items *ret, const struct ini *i, enum net_key what)
{
	const char *text = i->lines->v.v[i->line].text;
	size_t pos = i->value_at.at;
	struct span s;

	while (span_next(text, &pos, &s)) {
		struct net_item *item = net_item_add(ret, what, 0, i->line, span_dup(ret->arena, text, s), s);
		size_t from = line_indent(text);

		item->style = NET_STYLE_INI;
		item->pair_at = (struct span){from, i->value_at.at + i->value_at.len - from};
	}
}

void networkd_parse(const struct lines *l, struct net_items *ret)
{
	struct ini i = INI_OF((struct lines *)l);

	ret->sections = 1;
	while (ini_next(&i)) {
		enum net_key what = meaning_of(&i);

		if (what == NET_METHOD && says_no(i.value))
			continue;
		if (what == NET_METHOD)
			net_item_add(ret, what, 0, i.line, arena_strdup(ret->arena, "dhcp"), i.value_at);
		else if (what == NET_LINK_KEY)
			net_item_add(ret, what, 0, i.line, arena_printf(ret->arena, "%s=%s", i.key, i.value),
				     i.value_at);
		else if (what)
			add_values(ret, &i, what);
	}
}
