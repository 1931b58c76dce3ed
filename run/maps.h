/* Network maps of the command line: -n, -b and --mac decide what each NIC connects to, --mac its address, too. */
#ifndef REHOST_RUN_MAPS_H
#define REHOST_RUN_MAPS_H

#include "core/model/machine.h"

struct net_maps {
	const char *const *networks; /* "in:out" or "out", NULL-terminated; may be NULL */
	const char *const *bridges;
	const char *const *macs; /* "MAC:network|bridge:OUT", "MAC:ip:ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]" */
};

/* Fills nic->target in this order: --mac, named map, default map, libvirt's network "default"
 * with a warning; and nic->ip. Without PREFIX it is 24 (IPv4) or 64 (IPv6). A map given twice, a MAC that no NIC has,
 * or a malformed one is ERR_USAGE. */
int maps_apply(const struct net_maps *maps, struct machine *m, struct err *err);

#endif
