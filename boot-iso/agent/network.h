/* How the live system's network is brought up: a plan of commands and files, then its run. */
#ifndef REHOST_BOOT_ISO_AGENT_NETWORK_H
#define REHOST_BOOT_ISO_AGENT_NETWORK_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"

enum { NET_ARGS_MAX = 20 /* the longest is a VLAN's, of 12 */ };

/* Either a command, or a text for a file. */
struct net_step {
	const char *argv[NET_ARGS_MAX];
	const char *file, *text;
	bool may_fail; /* it removes what an earlier run may have left */
};

struct net_plan {
	struct arena arena;
	VEC(struct net_step) steps;
};

/* What the settings ask for; without any ip=, DHCP on every card that has a link. A card that isn't there is an error.
 */
int network_plan(const struct settings *s, const struct hardware *h, struct net_plan *ret, struct err *err);
void net_plan_done(struct net_plan *p);

/* Runs it. The first step that fails ends it; the error has what the command said. */
int network_run(const struct net_plan *p, struct err *err);

/* Switches every card on, without which it doesn't know whether it has a link, and gives it a few seconds. */
void network_cards_up(const struct hardware *h);

/* A host of this name in the network's own domain is taken for the conversion host when none is named; the token tells
 * whether it is. */
#define NETWORK_HOST "rehost"
bool network_find_host(const char *name);

#endif
