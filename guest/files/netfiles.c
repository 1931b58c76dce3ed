/* The table of network files, how they are found, and edits of what they say. */
#include "guest/files/netfiles.h"

#include <string.h>
#include <sys/stat.h>

struct net_item *net_item_add(struct net_items *n, enum net_key key, unsigned section, size_t line, char *value,
			      struct span value_at)
{
	struct net_item *item = vec_push(n->arena, &n->v);

	*item = (struct net_item){.key = key,
				  .value = value,
				  .section = section,
				  .line = line,
				  .value_at = value_at,
				  .style = NET_STYLE_PLAIN};
	return item;
}

/* --- edits --- */

void net_item_set(struct lines *l, const struct net_item *item, const char *value)
{
	line_splice(l, item->line, item->value_at.at, item->value_at.len, value);
}

/* A rule with keys of udev before 098 is for one that knows no ATTR. */
static const char *udev_attribute(const struct lines *l, const struct net_item *item)
{
	const char *rule = l->v.v[item->line].text;

	return strstr(rule, "SYSFS{") || strstr(rule, "BUS==") ? "SYSFS" : "ATTR";
}

bool net_item_to_mac(struct lines *l, const struct net_item *item, const char *mac)
{
	const char *with = NULL;

	switch (item->style) {
	case NET_STYLE_YAML:
	case NET_STYLE_YAML_FLOW:
		with = arena_printf(l->arena, "macaddress: \"%s\"", mac);
		break;
	case NET_STYLE_INI:
		with = arena_printf(l->arena, "MACAddress=%s", mac);
		break;
	case NET_STYLE_UDEV:
		with = arena_printf(l->arena, "%s{address}==\"%s\"", udev_attribute(l, item), mac);
		break;
	case NET_STYLE_PLAIN:
	case NET_STYLE_UNKNOWN:
		break;
	}
	if (!with || !item->pair_at.len)
		return false;
	line_splice(l, item->line, item->pair_at.at, item->pair_at.len, with);
	return true;
}

/* Removes a pair out of several on one line, with one comma beside it. */
static void drop_from_list(struct lines *l, const struct net_item *item)
{
	const char *text = l->v.v[item->line].text;
	size_t from = item->pair_at.at, to = from + item->pair_at.len, behind = to + line_indent(text + to);

	if (text[behind] == ',') {
		to = behind + 1;
		to += line_indent(text + to);
	} else {
		while (from && is_blank(text[from - 1]))
			from--;
		if (from && text[from - 1] == ',')
			from--;
	}
	line_splice(l, item->line, from, to - from, "");
}

bool net_item_drop(struct lines *l, const struct net_item *item)
{
	if (!item->pair_at.len)
		return false;
	switch (item->style) {
	case NET_STYLE_YAML_FLOW:
	case NET_STYLE_UDEV:
		drop_from_list(l, item);
		return true;
	case NET_STYLE_YAML:
	case NET_STYLE_INI:
	case NET_STYLE_PLAIN:
		lines_remove(l, item->line);
		return true;
	case NET_STYLE_UNKNOWN:
		break;
	}
	return false;
}

/* --- files --- */

struct walk {
	struct guest *guest;
	struct arena *arena;
	int (*each)(struct net_file *f, void *opaque, struct err *err);
	void *opaque;
	VEC(char *) seen; /* interfaces files: each is read once, whatever sources it */
};

struct net_pattern {
	const char *pattern, *system;
	net_parser *parse;
};

static const struct net_pattern patterns[] = {
    {"/etc/netplan/*.yaml", "netplan", netplan_parse},
    {"/etc/systemd/network/*.network", "networkd", networkd_parse},
    {"/etc/systemd/network/*.netdev", "networkd", networkd_parse},
    {"/etc/systemd/network/*.link", "link", networkd_parse},
    {"/etc/NetworkManager/system-connections/*", "networkmanager", nmkeyfile_parse},
    {"/etc/udev/rules.d/*.rules", "udev", udevrules_parse},
    {"/etc/sysconfig/network-scripts/ifcfg-*", "ifcfg", ifcfg_parse},
    {"/etc/sysconfig/network/ifcfg-*", "ifcfg", ifcfg_parse},
    {"/etc/netctl/*", "netctl", netctl_parse},
    {"/etc/conf.d/net", "netifrc", conf_d_net_parse},
    {"/etc/dhcpcd.conf", "dhcpcd", dhcpcd_parse},
    {"/etc/net/ifaces/*/options", "etcnet", etcnet_parse},
};

/* Every edit of an item copies its line, so this is what editing all of a file may cost, in bytes. */
enum { EDITING_MAX = 64 << 20 };

static bool costs_too_much(const struct net_file *f)
{
	size_t sum = 0;

	VEC_FOR (item, &f->items.v) {
		sum += strlen(f->lines.v.v[item->line].text);
		if (sum > EDITING_MAX)
			return true;
	}
	return false;
}

static int parse_file(struct walk *w, const char *path, const char *system, net_parser *parse, struct err *err)
{
	struct net_file f = {.system = system, .path = path, .items = {.arena = w->arena, .path = path}};
	struct guest_stat st;
	char *text;

	if (w->guest->ops->stat(w->guest, path, true, &st, err) < 0)
		return -1;
	if (!S_ISREG(st.mode))
		return 0;
	if (guest_text(w->guest, path, w->arena, &text, err) < 0)
		return -1;
	lines_split(&f.lines, w->arena, text ? text : "");
	parse(&f.lines, &f.items);
	if (costs_too_much(&f))
		return 0;
	return w->each(&f, w->opaque, err);
}

static bool seen_before(struct walk *w, const char *path)
{
	VEC_FOR (s, &w->seen)
		if (strcmp(*s, path) == 0)
			return true;
	*vec_push(w->arena, &w->seen) = arena_strdup(w->arena, path);
	return false;
}

/* So many files source each other in no sane /etc/network. */
enum { SOURCED_MAX = 256 };

static int interfaces_file(struct walk *w, const char *path, struct err *err);

static int interfaces_glob(struct walk *w, const char *pattern, struct err *err)
{
	struct names files = {0};

	if (w->guest->ops->glob(w->guest, pattern, w->arena, &files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list)
		if (interfaces_file(w, *file, err) < 0)
			return -1;
	return 0;
}

/* "source PATTERN" and "source-directory FOLDER"; relative to /etc/network. */
static int sourced(struct walk *w, const struct lines *l, struct err *err)
{
	VEC_FOR (line, &l->v) {
		struct span key, value;
		size_t pos = 0;

		if (!span_next(line->text, &pos, &key) || !span_next(line->text, &pos, &value))
			continue;

		bool folder = span_is(line->text, key, "source-directory");
		char *name = span_dup(w->arena, line->text, value);

		if (!folder && !span_is(line->text, key, "source"))
			continue;
		if (interfaces_glob(w,
				    arena_printf(w->arena, "%s%s%s", name[0] == '/' ? "" : "/etc/network/", name,
						 folder ? "/*" : ""),
				    err) < 0)
			return -1;
	}
	return 0;
}

static int interfaces_file(struct walk *w, const char *path, struct err *err)
{
	struct guest_stat st;
	struct lines l;
	char *text;

	if (w->seen.n >= SOURCED_MAX || seen_before(w, path))
		return 0;
	if (w->guest->ops->stat(w->guest, path, true, &st, err) < 0)
		return -1;
	if (!S_ISREG(st.mode))
		return 0;
	if (parse_file(w, path, "ifupdown", ifupdown_parse, err) < 0 ||
	    guest_text(w->guest, path, w->arena, &text, err) < 0)
		return -1;
	lines_split(&l, w->arena, text ? text : "");
	return sourced(w, &l, err);
}

int net_files_each(struct guest *g, struct arena *a, int (*each)(struct net_file *f, void *opaque, struct err *err),
		   void *opaque, struct err *err)
{
	struct walk w = {.guest = g, .arena = a, .each = each, .opaque = opaque};

	if (interfaces_file(&w, "/etc/network/interfaces", err) < 0)
		return -1;
	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		struct names files = {0};

		if (g->ops->glob(g, patterns[k].pattern, a, &files, err) < 0)
			return -1;
		VEC_FOR (file, &files.list)
			if (parse_file(&w, *file, patterns[k].system, patterns[k].parse, err) < 0)
				return -1;
	}
	return 0;
}
