/* What the guest's network files say about interfaces: names, matches, addresses; each with its place, so that it can
 * be edited there. ifupdown, netplan, systemd-networkd and .link files, NetworkManager keyfiles, udev rules, ifcfg,
 * netctl, netifrc, dhcpcd, etcnet.
 */
#ifndef REHOST_GUEST_FILES_NETFILES_H
#define REHOST_GUEST_FILES_NETFILES_H

#include "guest/files/lines.h"
#include "guest/guest.h"

enum net_key {
	NET_KEY_UNKNOWN = 0,
	NET_NAME,	/* the section is for the interface of this name (or glob) */
	NET_GIVES_NAME, /* the section gives its interface this name */
	NET_MAC,	/* … applies to the interface with this MAC */
	NET_DRIVER,	/* … with this driver */
	NET_PATH,	/* … at this place of the bus */
	NET_METHOD,	/* "static", "dhcp", "manual" */
	NET_ADDRESS,	/* address/prefix */
	NET_VIRTUAL,	/* the section makes this interface: bridge, bond, VLAN … */
	NET_LINK_KEY,	/* any other key of a .link file's [Link] */
};

/* How a match is written, for edits. */
enum net_style {
	NET_STYLE_UNKNOWN = 0,
	NET_STYLE_PLAIN,
	NET_STYLE_YAML,
	NET_STYLE_YAML_FLOW,
	NET_STYLE_INI,
	NET_STYLE_UDEV
};

struct net_item {
	enum net_key key;
	char *value;
	unsigned section; /* of the file, from 0: a stanza, an entry under ethernets, a rule, or the whole file */
	size_t line;	  /* 0-based */
	struct span value_at;
	struct span pair_at; /* key and value together; len 0: can't be replaced as one */
	enum net_style style;
};

struct net_items {
	struct arena *arena;
	const char *path; /* of the file, for kinds that are named after their interface */
	VEC(struct net_item) v;
	unsigned sections;
};

typedef void net_parser(const struct lines *l, struct net_items *ret);
net_parser ifupdown_parse, netplan_parse, networkd_parse, nmkeyfile_parse, udevrules_parse, ifcfg_parse, netctl_parse,
    conf_d_net_parse, dhcpcd_parse, etcnet_parse;

/* Edits. Lines shift, so of several edits of one file the last in the text must come first. */
void net_item_set(struct lines *l, const struct net_item *item, const char *value);
/* Turns a match by driver or path into one by MAC; false when it stands where that can't be written. */
bool net_item_to_mac(struct lines *l, const struct net_item *item, const char *mac);
bool net_item_drop(struct lines *l, const struct net_item *item);

/* One existing file with what it says. */
struct net_file {
	const char
	    *system; /* "ifupdown", "netplan", "networkd", "link", "networkmanager", "udev", "ifcfg", "netctl" … */
	const char *path;
	struct lines lines;
	struct net_items items;
};

/* Calls each for every network file of the guest, parsed; all memory in the arena. */
int net_files_each(struct guest *g, struct arena *a, int (*each)(struct net_file *f, void *opaque, struct err *err),
		   void *opaque, struct err *err);

/* Adds an item; for the parsers. */
struct net_item *net_item_add(struct net_items *n, enum net_key key, unsigned section, size_t line, char *value,
			      struct span value_at);

#endif
