/* Step network-names: network cards keep the names that the guest's configuration uses, by MAC; matches by driver or
 * place on the bus, which the new hardware has not, go. */
#include <ctype.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "converters/linux/linux.h"
#include "guest/files/netfiles.h"
#include "guest/files/netnames.h"

#define LINK_FOLDER  "/etc/systemd/network"
#define RULES_FILE   "/etc/udev/rules.d/70-persistent-net.rules"
#define OWN_RULES    "/etc/udev/rules.d/70-rehost-net.rules"
#define IFCFG_FOLDER "/etc/sysconfig/network-scripts/"
#define OWN_PREFIX   "10-rehost-"
#define OWN_PREFIX_0 "00-0-rehost-" /* where a file of the guest sorts before the other */

struct editor {
	const struct step_context *c;
	struct net_file *file;
	const char *path; /* that it gets, since its name holds a MAC; NULL: it keeps its own */
	const char *why;  /* what was done to this file, for the log */
};

static bool is_own(const char *path)
{
	return strstr(path, "/" OWN_PREFIX) || strstr(path, "/" OWN_PREFIX_0);
}

static const struct nic_name *nic_name_of(const struct inspection *i, size_t nic)
{
	VEC_FOR (n, &i->nic_names)
		if (n->nic == nic)
			return n;
	return NULL;
}

/* The card with this MAC, now or as the guest's files state it; -1. */
static int nic_by_mac(const struct step_context *c, const char *mac)
{
	for (size_t n = 0; n < c->machine->nics.n; n++) {
		const struct nic_name *name = nic_name_of(c->inspection, n);

		if (strcasecmp(c->machine->nics.v[n].mac, mac) == 0 ||
		    (name && name->mac_was && strcasecmp(name->mac_was, mac) == 0))
			return (int)n;
	}
	return -1;
}

static int nic_by_name(const struct step_context *c, const char *interface)
{
	VEC_FOR (n, &c->inspection->nic_names)
		if (n->name && strcmp(n->name, interface) == 0)
			return (int)n->nic;
	return -1;
}

static const struct net_item *item_in(const struct net_file *f, unsigned section, enum net_key key)
{
	VEC_FOR (item, &f->items.v)
		if (item->section == section && item->key == key)
			return item;
	return NULL;
}

/* The one card that a section of a file is for, -1 when that isn't one. */
static int nic_of_section(const struct step_context *c, const struct net_file *f, unsigned section)
{
	const struct net_item *mac = item_in(f, section, NET_MAC), *gives = item_in(f, section, NET_GIVES_NAME),
			      *name = item_in(f, section, NET_NAME);
	int nic = mac ? nic_by_mac(c, mac->value) : -1;

	if (nic < 0 && gives)
		nic = nic_by_name(c, gives->value);
	if (nic < 0 && name)
		nic = nic_by_name(c, name->value);
	return nic < 0 && c->machine->nics.n == 1 ? 0 : nic;
}

/* True when a driver match is right on the new hardware too. */
static bool driver_holds(const struct step_context *c, const char *pattern)
{
	bool negated = *pattern == '!';

	return (fnmatch(pattern + negated, net_bus_driver(c->caps->net), 0) == 0) != negated;
}

/* A list of drivers is a match when one of them is. */
static bool section_driver_holds(const struct step_context *c, const struct net_file *f, unsigned section)
{
	VEC_FOR (item, &f->items.v)
		if (item->section == section && item->key == NET_DRIVER && driver_holds(c, item->value))
			return true;
	return false;
}

/* The log needs no more reasons for one file. */
enum { WHY_MAX = 4096 };

static void note(struct editor *e, const char *what)
{
	struct arena *a = e->file->lines.arena;

	if (e->why && strlen(e->why) > WHY_MAX)
		return;
	if (!e->why || !strstr(e->why, what))
		e->why = e->why ? arena_printf(a, "%s; %s", e->why, what) : what;
}

/* Another match of the section says enough: its MAC, or a name that stays. */
static bool match_is_spare(const struct net_file *f, unsigned section)
{
	const struct net_item *name = item_in(f, section, NET_NAME);

	return item_in(f, section, NET_MAC) || (name && strcmp(f->system, "link") != 0 && !strpbrk(name->value, "*?["));
}

/* A driver or a place of the source's hardware. */
static void mend_match(struct editor *e, struct net_item *item)
{
	const struct step_context *c = e->c;
	struct lines *l = &e->file->lines;
	int nic = nic_of_section(c, e->file, item->section);

	if (match_is_spare(e->file, item->section) && net_item_drop(l, item)) {
		note(e, arena_printf(l->arena, "the new card hasn't %s; the section's other match is enough",
				     item->value));
	} else if (nic >= 0 && net_item_to_mac(l, item, c->machine->nics.v[nic].mac)) {
		note(e, arena_printf(l->arena, "the new card hasn't %s; its MAC lasts", item->value));
		item->key = NET_MAC; /* makes the section's other matches spare */
	} else if (item->key == NET_DRIVER) {
		net_item_set(l, item, net_bus_driver(c->caps->net));
		note(e, arena_printf(l->arena, "the new cards' driver isn't %s", item->value));
	} else {
		finding_add(c->inspection, "W-NET-PATH-MATCH", SEVERITY_WARNING,
			    arena_printf(&c->inspection->arena, "%s:%zu", e->file->path, item->line + 1),
			    "Match the MAC of the network card that is meant.",
			    "the network configuration is for the card at %s, a place that the new hardware hasn't",
			    item->value);
	}
}

/* SUSE's ifcfg-eth-id-MAC for another MAC. */
static const char *path_with_mac(const struct net_file *f, const struct net_item *item, const char *mac)
{
	return arena_printf(f->lines.arena, "%.*s%s", (int)(strlen(f->path) - strlen(item->value)), f->path, mac);
}

static void mend_mac(struct editor *e, const struct net_item *item)
{
	const struct step_context *c = e->c;
	int nic = nic_by_mac(c, item->value);

	if (nic < 0 || strcasecmp(c->machine->nics.v[nic].mac, item->value) == 0)
		return;
	if (item->value_at.len || !*item->value)
		net_item_set(&e->file->lines, item, c->machine->nics.v[nic].mac);
	else
		e->path = path_with_mac(e->file, item, c->machine->nics.v[nic].mac);
	note(e, arena_printf(e->file->lines.arena, "the source doesn't say that the card has MAC %s (%s)", item->value,
			     nic_name_of(c->inspection, (size_t)nic)->reason));
}

static bool same_pair(const struct net_item *a, const struct net_item *b)
{
	return a && a->line == b->line && a->pair_at.len && a->pair_at.at == b->pair_at.at;
}

static int write_back(const struct editor *e, struct err *err)
{
	const struct step_context *c = e->c;
	const struct net_file *f = e->file;

	if (!e->path && !f->lines.changed)
		return 0;
	if (guest_edit(c->guest, c->log, e->path ? e->path : f->path, lines_join(&f->lines), e->why, err) < 0)
		return -1;
	return e->path ? guest_drop(c->guest, c->log, f->path, e->why, err) : 0;
}

static int edit_file(struct net_file *f, void *opaque, struct err *err)
{
	const struct step_context *c = opaque;
	struct editor e = {.c = c, .file = f};
	const struct net_item *done = NULL;

	if (is_own(f->path))
		return 0;
	/* From the end, so that places before an edit stay right. */
	for (size_t k = f->items.v.n; k-- > 0;) {
		struct net_item *item = &f->items.v.v[k];
		bool stale =
		    item->key == NET_PATH || (item->key == NET_DRIVER && !section_driver_holds(c, f, item->section));

		if (item->key == NET_MAC)
			mend_mac(&e, item);
		else if (stale && !same_pair(done, item))
			mend_match(&e, item);
		if (stale)
			done = item;
	}
	return write_back(&e, err);
}

/* --- names --- */

/* What a .link file of the guest sets for a card without naming it: only the first file that matches counts in udev,
 * so the new file must set it too. */
struct link_search {
	const struct step_context *c;
	size_t nic;
	const char *path; /* first match, NULL */
	char *settings;	  /* its other [Link] lines */
};

static bool link_matches(const struct link_search *s, const struct net_file *f)
{
	const struct net_item *mac = item_in(f, 0, NET_MAC), *name = item_in(f, 0, NET_NAME);
	int nic = nic_of_section(s->c, f, 0);

	if (mac)
		return nic == (int)s->nic;
	if (item_in(f, 0, NET_DRIVER) || item_in(f, 0, NET_PATH))
		return nic < 0 || nic == (int)s->nic;
	return !name || fnmatch(name->value, "eth0", 0) == 0;
}

static bool is_naming_key(const char *setting)
{
	static const char *const keys[] = {"NamePolicy=", "AlternativeNamesPolicy=", "Description="};

	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		if (strncmp(setting, keys[k], strlen(keys[k])) == 0)
			return true;
	return false;
}

static int search_link(struct net_file *f, void *opaque, struct err *err)
{
	struct link_search *s = opaque;
	struct arena *a = f->lines.arena;

	if (s->path || strcmp(f->system, "link") != 0 || is_own(f->path) || item_in(f, 0, NET_GIVES_NAME) ||
	    !link_matches(s, f))
		return 0;
	s->path = arena_strdup(a, f->path);
	s->settings = arena_strdup(a, "");
	VEC_FOR (item, &f->items.v)
		if (item->key == NET_LINK_KEY && !is_naming_key(item->value))
			s->settings = arena_printf(a, "%s%s\n", s->settings, item->value);
	return 0;
}

static int write_link(const struct step_context *c, const struct nic_name *n, struct arena *a, struct err *err)
{
	struct link_search s = {.c = c, .nic = n->nic};

	if (net_files_each(c->guest, a, search_link, &s, err) < 0)
		return -1;

	bool before = s.path && strcmp(strrchr(s.path, '/') + 1, OWN_PREFIX) < 0;
	const char *path = arena_printf(a, LINK_FOLDER "/%s%s.link", before ? OWN_PREFIX_0 : OWN_PREFIX, n->name);
	/* Path=*: bridges, VLANs and bonds over the card have its MAC too, but no place on a bus. */
	const char *text = arena_printf(a,
					"# Written by rehost: this network card had this name on the source.\n"
					"[Match]\nMACAddress=%s\nPath=*\n\n[Link]\nName=%s\n%s",
					c->machine->nics.v[n->nic].mac, n->name, s.path ? s.settings : "");

	return guest_edit(c->guest, c->log, path, text, arena_printf(a, "%s keeps its name: %s", n->name, n->reason),
			  err);
}

struct rule_to_add {
	const struct nic_name *n;
	const char *mac;
	bool attr; /* udev knows ATTR{} */
};

/* Before 098 udev called attributes SYSFS{} and had no way to match the kind of hardware, so VLANs ("eth0.7"), which
 * have the card's MAC, are kept out by the length of the name. */
static char *rule_of(struct arena *a, const struct rule_to_add *r)
{
	if (!r->attr)
		return arena_printf(a,
				    "SUBSYSTEM==\"net\", ACTION==\"add\", SYSFS{address}==\"%s\", "
				    "KERNEL==\"eth?|eth??\", NAME=\"%s\"",
				    r->mac, r->n->name);
	return arena_printf(a,
			    "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"%s\", "
			    "ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"%s\"",
			    r->mac, r->n->name);
}

/* Red Hat's scripts name the card that has HWADDR as DEVICE says. */
static bool named_by_ifcfg(const struct step_context *c, const struct nic_name *n)
{
	const char *mac = n->mac_was ? n->mac_was : c->machine->nics.v[n->nic].mac;

	VEC_FOR (f, &c->inspection->networks)
		if (strncmp(f->file, IFCFG_FOLDER, strlen(IFCFG_FOLDER)) == 0 && f->interface && f->mac &&
		    !f->is_virtual && strcmp(f->interface, n->name) == 0 && strcasecmp(f->mac, mac) == 0)
			return true;
	return false;
}

/* Templates have a folder or a link to /dev/null in the place of the usual file, so that udev keeps no names there. */
static int choose_rules(struct guest *g, const char **ret, struct err *err)
{
	struct guest_stat own, st;

	if (g->ops->stat(g, RULES_FILE, false, &own, err) < 0 || g->ops->stat(g, RULES_FILE, true, &st, err) < 0)
		return -1;
	*ret = !own.mode || S_ISREG(st.mode) ? RULES_FILE : OWN_RULES;
	return 0;
}

/* udev before systemd 209 knows no .link files. */
static int write_rule(const struct step_context *c, const struct nic_name *n, struct arena *a, struct err *err)
{
	const struct rule_to_add add = {n, c->machine->nics.v[n->nic].mac, net_udev_knows_attr(c->guest)};
	const char *rule = rule_of(a, &add), *reason = arena_printf(a, "%s keeps its name: %s", n->name, n->reason);
	const char *path;
	struct lines l;
	char *text;

	if (!add.attr && named_by_ifcfg(c, n))
		return 0;
	if (choose_rules(c->guest, &path, err) < 0 || guest_text(c->guest, path, a, &text, err) < 0)
		return -1;
	if (text && strstr(text, rule))
		return 0;
	lines_split(&l, a, text ? text : "");
	lines_insert(&l, l.v.n, rule);
	return guest_edit(c->guest, c->log, path, lines_join(&l), reason, err);
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	bool link_files = net_reads_link_files(c->guest);

	if (net_files_each(c->guest, &a, edit_file, (void *)c, err) < 0)
		return -1;
	if (!net_has_udev(c->guest))
		return 0;
	VEC_FOR (n, &c->inspection->nic_names) {
		if (!n->name || n->stated)
			continue;
		if ((link_files ? write_link(c, n, &a, err) : write_rule(c, n, &a, err)) < 0)
			return -1;
	}
	return 0;
}

static bool applies(const struct step_context *c)
{
	return c->machine->nics.n > 0;
}

const struct step step_network_names = {
    .id = "network-names",
    .summary = "network cards keep their names and addresses",
    .applies = applies,
    .run = run,
};
