/* Step network-address: the fixed address that the command line gives a network card, in the guest's own network
 * system. */
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "converters/linux/linux.h"
#include "guest/files/netaddress.h"
#include "guest/files/netfiles.h"

/* Lines of one file: the editors take out one after the other. Real ones have some hundreds. */
enum { LINES_MAX = 20000 };

struct search;

/* A system's files: how an address is written into them, and where a new one goes. */
struct address_kind {
	const char *system; /* as in netfiles.h */
	const char *under;  /* its files lie there */
	net_address_writer *write;
	const char *sign;	/* pattern of what is there when the guest uses the system; may be NULL */
	const char *unit;	/* … where systemd starts it: one in use is linked there; NULL: as sign */
	const char *new_file;	/* NULL: only edited; its path, or what stands before the card's label … */
	const char *new_end;	/* … and behind it; NULL: one file for all cards */
	mode_t mode;		/* of a new file */
	bool needs_name;	/* can't match a card by its MAC */
	bool one_file_per_card; /* else one for all */
	/* For the card's files behind the one that gets the address; NULL: each gets it. */
	net_address_writer *drop;
	/* What belongs to it in other files; NULL: nothing. */
	int (*beside)(const struct search *s, const char *path, struct err *err);
};

/* One that configures the card. */
struct own_file {
	const char *path;
	const struct address_kind *kind;
	enum ifupdown_stanza stanza; /* of ifupdown */
};

struct search {
	const struct step_context *c;
	struct net_address address;
	struct arena *arena;
	VEC(struct own_file) own;
	const char *port_in; /* a file that makes it a part of something else */
	const char *reason;
};

static void not_written(const struct search *s, const char *where, const char *why)
{
	finding_add(s->c->inspection, "W-NET-ADDRESS", SEVERITY_WARNING, where,
		    "Give the address inside the guest after its first boot.",
		    "network card %s does not get the address %s: %s", s->address.mac, s->address.ip->address, why);
}

/* One file through its editor. *ret_done: it holds the address now; else that is a finding and the file stays. */
static int write_file(const struct search *s, const char *path, net_address_writer *write, mode_t mode, bool *ret_done,
		      struct err *err)
{
	const struct step_context *c = s->c;
	struct lines l;
	char *text;

	if (guest_text(c->guest, path, s->arena, &text, err) < 0)
		return -1;
	lines_split(&l, s->arena, text ? text : "");
	*ret_done = l.v.n <= LINES_MAX && write(&l, &s->address);
	if (!*ret_done)
		not_written(s, path,
			    l.v.n > LINES_MAX ? "the file has over 20000 lines"
					      : "what is there can't be edited line by line");
	if (!*ret_done || !l.changed)
		return 0;
	if (text || mode == 0644)
		return guest_edit(c->guest, c->log, path, lines_join(&l), s->reason, err);
	text = lines_join(&l);
	return guest_put(c->guest, c->log, path, text, strlen(text), mode, s->reason, text, err);
}

/* --- systems --- */

#define IFCFG "/etc/sysconfig/network-scripts/"

/* What the scripts and the interface's own routes say of the default route. */
static int write_ifcfg_routes(const struct search *s, const char *path, struct err *err)
{
	const char *config = strstr(path, "ifcfg-") + strlen("ifcfg-"), *v = s->address.ip->v6 ? "6" : "",
		   *names[] = {config, s->address.interface};
	bool done;

	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		if (names[k] && write_file(s, arena_printf(s->arena, IFCFG "route%s-%s", v, names[k]),
					   ifcfg_routes_drop, 0644, &done, err) < 0)
			return -1;
	return write_file(s, "/etc/sysconfig/network", ifcfg_global_drop, 0644, &done, err);
}

#define SUSE "/etc/sysconfig/network/"

/* SUSE keeps routes and name servers apart. */
static int write_suse(const struct search *s, const char *path, struct err *err)
{
	const char *config = strstr(path, "ifcfg-") + strlen("ifcfg-");
	bool done;

	if (write_file(s, arena_printf(s->arena, SUSE "ifroute-%s", config), suse_ifroute_set, 0644, &done, err) < 0 ||
	    write_file(s, SUSE "routes", suse_routes_drop, 0644, &done, err) < 0)
		return -1;
	return guest_exists(s->c->guest, SUSE "config")
		   ? write_file(s, SUSE "config", suse_config_set, 0644, &done, err)
		   : 0;
}

/* The address and the route have files of their own in the interface's folder. */
static int write_etcnet(const struct search *s, const char *options, struct err *err)
{
	const char *v = s->address.ip->v6 ? "ipv6" : "ipv4";
	int folder = (int)(strrchr(options, '/') - options);
	bool done;

	if (write_file(s, arena_printf(s->arena, "%.*s/%saddress", folder, options, v), etcnet_address_set, 0644, &done,
		       err) < 0)
		return -1;
	return write_file(s, arena_printf(s->arena, "%.*s/%sroute", folder, options, v), etcnet_route_set, 0644, &done,
			  err);
}

/* Without resolvconf nobody reads dns-nameservers, and busybox never does. */
static int write_resolv_conf(const struct search *s, const char *path, struct err *err)
{
	struct guest *g = s->c->guest;
	struct guest_stat st;
	bool done;

	if (!s->address.ip->dns.n || guest_exists(g, "/sbin/resolvconf") || guest_exists(g, "/usr/sbin/resolvconf"))
		return 0;
	if (g->ops->stat(g, "/etc/resolv.conf", false, &st, err) < 0)
		return -1;
	return S_ISREG(st.mode) ? write_file(s, "/etc/resolv.conf", resolv_conf_set, 0644, &done, err) : 0;
}

static const struct address_kind kinds[] = {
    {.system = "netplan",
     .under = "/etc/netplan/",
     .write = netplan_set_address,
     .sign = "/usr/sbin/netplan",
     .new_file = "/etc/netplan/90-rehost-",
     .new_end = ".yaml",
     .mode = 0600},
    {.system = "networkmanager",
     .under = "/etc/NetworkManager/",
     .write = nmkeyfile_set_address,
     .sign = "/usr/sbin/NetworkManager",
     .unit = "/etc/systemd/system/*/NetworkManager.service",
     .new_file = "/etc/NetworkManager/system-connections/rehost-",
     .new_end = ".nmconnection",
     .mode = 0600,
     .one_file_per_card = true},
    {.system = "ifcfg",
     .under = IFCFG,
     .write = ifcfg_set_address,
     .sign = "/etc/sysconfig/network-scripts",
     .new_file = IFCFG "ifcfg-",
     .new_end = "",
     .mode = 0644,
     .needs_name = true,
     .one_file_per_card = true,
     .beside = write_ifcfg_routes},
    {.system = "ifcfg",
     .under = SUSE,
     .write = suse_ifcfg_set_address,
     .sign = SUSE "config",
     .new_file = SUSE "ifcfg-",
     .new_end = "",
     .mode = 0644,
     .needs_name = true,
     .one_file_per_card = true,
     .beside = write_suse},
    {.system = "networkd",
     .under = "/etc/systemd/network/",
     .write = networkd_set_address,
     .unit = "/etc/systemd/system/*/systemd-networkd.service",
     .new_file = "/etc/systemd/network/00-rehost-",
     .new_end = ".network",
     .mode = 0644,
     .one_file_per_card = true},
    {.system = "ifupdown",
     .under = "/etc/network/",
     .write = ifupdown_set_address,
     .sign = "/etc/network/interfaces",
     .new_file = "/etc/network/interfaces",
     .mode = 0644,
     .needs_name = true,
     .drop = ifupdown_drop_address,
     .beside = write_resolv_conf},
    {.system = "netctl",
     .under = "/etc/netctl/",
     .write = netctl_set_address,
     .mode = 0644,
     .needs_name = true,
     .one_file_per_card = true},
    {.system = "netifrc",
     .under = "/etc/conf.d/",
     .write = netifrc_set_address,
     .sign = "/etc/conf.d/net",
     .new_file = "/etc/conf.d/net",
     .mode = 0644,
     .needs_name = true},
    {.system = "etcnet",
     .under = "/etc/net/ifaces/",
     .write = etcnet_options_set,
     .new_file = "/etc/net/ifaces/",
     .new_end = "/options",
     .mode = 0644,
     .needs_name = true,
     .one_file_per_card = true,
     .beside = write_etcnet},
    {.system = "dhcpcd",
     .under = "/etc/",
     .write = dhcpcd_set_address,
     .sign = "/etc/dhcpcd.conf",
     .new_file = "/etc/dhcpcd.conf",
     .mode = 0644,
     .needs_name = true},
};

/* --- the card's files --- */

static const struct address_kind *kind_of(const char *system, const char *path)
{
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		if (strcmp(kinds[k].system, system) == 0 && strncmp(path, kinds[k].under, strlen(kinds[k].under)) == 0)
			return &kinds[k];
	return NULL;
}

/* In a file for one card only its first section is about the card; the others name parts of what it makes. */
static bool is_for_card(const struct search *s, const struct net_file *f, const struct address_kind *kind)
{
	bool mine = false;

	VEC_FOR (item, &f->items.v) {
		const char *name = s->address.interface;

		if (kind->one_file_per_card && item->section)
			continue;
		if (kind->one_file_per_card && item->key == NET_VIRTUAL)
			return false;
		if (item->key == NET_MAC)
			mine |= strcasecmp(item->value, s->address.mac) == 0;
		else if (item->key == NET_NAME || item->key == NET_GIVES_NAME)
			mine |= name && strcmp(item->value, name) == 0;
	}
	return mine;
}

/* A .network file for several cards stays theirs. */
static bool is_shared(const struct net_file *f)
{
	unsigned names = 0;

	VEC_FOR (item, &f->items.v)
		names += (item->key == NET_NAME) * (strpbrk(item->value, "*?[!") ? 2 : 1);
	return strcmp(f->system, "networkd") == 0 && names > 1;
}

/* What the writer of an ifupdown file has to know of all of them. */
static enum ifupdown_stanza look_at_ifupdown(struct search *s, const struct net_file *f)
{
	if (strcmp(f->system, "ifupdown") != 0 || !s->address.interface)
		return IFUPDOWN_NONE;
	s->address.started |= ifupdown_starts(&f->lines, s->address.interface);
	return ifupdown_stanza_in(&f->lines, &s->address);
}

static int look_at(struct net_file *f, void *opaque, struct err *err)
{
	struct search *s = opaque;
	const struct address_kind *kind = kind_of(f->system, f->path);
	enum ifupdown_stanza stanza = look_at_ifupdown(s, f);
	bool mine;

	if (!kind)
		return 0;
	mine = is_for_card(s, f, kind);
	if (s->address.interface && net_is_port(f->system, &f->lines, s->address.interface, mine))
		s->port_in = arena_strdup(s->arena, f->path);
	if (mine && !is_shared(f))
		*vec_push(s->arena, &s->own) = (struct own_file){arena_strdup(s->arena, f->path), kind, stanza};
	return 0;
}

/* --- writing --- */

static int write_kind(const struct search *s, const struct address_kind *kind, const char *path, struct err *err)
{
	bool done;

	if (write_file(s, path, kind->write, kind->mode, &done, err) < 0)
		return -1;
	return done && kind->beside ? kind->beside(s, path, err) : 0;
}

/* The files of interfaces(5) are one text, and many name a card that they don't configure: the address goes where its
 * stanza is. */
static const struct own_file *best_of_kind(const struct search *s, const struct address_kind *kind)
{
	const struct own_file *best = NULL;

	VEC_FOR (own, &s->own)
		if (own->kind == kind && (!best || own->stanza > best->stanza))
			best = own;
	return best;
}

static int write_own(const struct search *s, const struct own_file *own, struct err *err)
{
	bool done;

	if (!own->kind->drop || own == best_of_kind(s, own->kind))
		return write_kind(s, own->kind, own->path, err);
	return write_file(s, own->path, own->kind->drop, own->kind->mode, &done, err);
}

/* It configures another card; what it says of "lo" and of bridges doesn't tell. */
static bool has_cards(const struct search *s, const struct address_kind *kind)
{
	VEC_FOR (f, &s->c->inspection->networks)
		if (kind_of(f->system, f->file) == kind && !f->is_virtual &&
		    !(f->interface && strcmp(f->interface, "lo") == 0))
			return true;
	return false;
}

/* Its program or folder is there, systemd starts it, or it has files at least. */
static int is_there(const struct search *s, const struct address_kind *kind, bool *ret, struct err *err)
{
	struct guest *g = s->c->guest;
	const char *sign = kind->unit && guest_is_dir(g, "/etc/systemd/system") ? kind->unit : kind->sign;
	struct names found = {0};

	if (sign && g->ops->glob(g, sign, s->arena, &found, err) < 0)
		return -1;
	*ret = found.list.n > 0;
	VEC_FOR (f, &s->c->inspection->networks)
		*ret |= kind_of(f->system, f->file) == kind;
	return 0;
}

/* The first that configures another card, else the first that is there; *ret is NULL when none is. */
static int find_kind(const struct search *s, const struct address_kind **ret, struct err *err)
{
	*ret = NULL;
	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			bool used = has_cards(s, &kinds[k]);

			if (!kinds[k].new_file || (kinds[k].needs_name && !s->address.interface))
				continue;
			if (pass && is_there(s, &kinds[k], &used, err) < 0)
				return -1;
			if (used) {
				*ret = &kinds[k];
				return 0;
			}
		}
	return 0;
}

static const char *new_path(const struct search *s, const struct address_kind *kind)
{
	return kind->new_end ? arena_printf(s->arena, "%s%s%s", kind->new_file, s->address.label, kind->new_end)
			     : kind->new_file;
}

/* Nothing configures the card yet. */
static int write_new(const struct search *s, struct err *err)
{
	const struct address_kind *kind;

	if (find_kind(s, &kind, err) < 0)
		return -1;
	if (kind)
		return write_kind(s, kind, new_path(s, kind), err);
	not_written(s, NULL, "no network system was found that could be told");
	return 0;
}

static const char *name_of(const struct step_context *c, unsigned nic)
{
	VEC_FOR (n, &c->inspection->nic_names)
		if (n->nic == nic && n->name)
			return n->name;
	return NULL;
}

static int give_address(const struct step_context *c, unsigned number, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const struct nic *nic = &c->machine->nics.v[number];
	struct search s = {.c = c, .arena = &a};

	s.address = (struct net_address){.interface = name_of(c, number), .mac = nic->mac, .ip = nic->ip};
	s.address.label = s.address.interface ? s.address.interface : arena_printf(&a, "card%u", number + 1);
	s.reason = arena_printf(&a, "--mac gives network card %s this address", nic->mac);
	if (net_files_each(c->guest, &a, look_at, &s, err) < 0)
		return -1;
	if (s.port_in) {
		not_written(&s, s.port_in, "it is a part of a bond, bridge or team, which has the addresses");
		return 0;
	}
	VEC_FOR (own, &s.own)
		if (write_own(&s, own, err) < 0)
			return -1;
	return s.own.n ? 0 : write_new(&s, err);
}

static int run(const struct step_context *c, struct err *err)
{
	for (unsigned n = 0; n < c->machine->nics.n; n++)
		if (c->machine->nics.v[n].ip && give_address(c, n, err) < 0)
			return -1;
	return 0;
}

static bool applies(const struct step_context *c)
{
	VEC_FOR (nic, &c->machine->nics)
		if (nic->ip)
			return true;
	return false;
}

const struct step step_network_address = {
    .id = "network-address",
    .summary = "network cards get the addresses asked for",
    .applies = applies,
    .run = run,
};
