/* What the user asked for on the kernel's command line, or in a configuration that `rehost iso` put on the ISO. */
#ifndef REHOST_BOOT_ISO_AGENT_SETTINGS_H
#define REHOST_BOOT_ISO_AGENT_SETTINGS_H

#include <stdbool.h>

#include "boot-iso/agent/words.h"
#include "core/base/err.h"

/* Full screens where something is asked and the terminal can; text for what runs by itself. */
enum ui_wish { UI_WISH_AUTO = 0, UI_WISH_TEXT, UI_WISH_SCREEN };
enum post { POST_ASK = 0, POST_POWEROFF, POST_REBOOT, POST_SHELL };
enum net_method { NET_STATIC = 0, NET_DHCP, NET_AUTO6, NET_OFF };

/* One ip= word. */
struct net_address {
	char *card; /* name, MAC with dashes, or the name of a VLAN or bond; NULL: each card that has a link */
	enum net_method method;
	char *address; /* NET_STATIC: with prefix length, "10.0.0.5/24" or "fd00::5/64" */
	char *gateway; /* NULL none */
};

struct net_vlan {
	char *name, *card;
	unsigned id; /* 1 to 4094 */
};

struct net_bond {
	char *name;
	struct words cards;
	struct words options; /* "mode=active-backup", for the files of /sys/class/net/NAME/bonding */
};

struct settings {
	struct arena arena; /* owns everything below */
	char *server;	    /* "host", "host:port" or "[address]:port"; NULL: ask */
	char *token;
	char *to;	    /* a folder or disk for images instead of a server; NULL: none */
	char *name;	    /* of the guest; NULL: the machine's own */
	struct words disks; /* names or serial numbers; none: all that aren't left out */
	struct words nics;  /* names or MACs; none: all */
	enum post post;
	enum ui_wish ui;
	bool force;	       /* a new file system is made on `to`, whatever it holds */
	bool tight;	       /* images are begun that may not fit */
	bool zero_read_errors; /* of images */
	bool show_inventory;   /* print what was found, and nothing more */
	VEC(struct net_address) addresses;
	VEC(struct net_vlan) vlans;
	VEC(struct net_bond) bonds;
	struct words nameservers;
};

/* Adds the words of text: separated by white space, "quotes" protect it. Later words win; words that aren't ours are
 * skipped, an unknown rehost.* word and a wrong value are ERR_USAGE. */
int settings_add(struct settings *s, const char *text, struct err *err);
/* Forgets ip=, vlan=, bond= and nameserver=. */
void settings_forget_network(struct settings *s);
void settings_done(struct settings *s);

#endif
