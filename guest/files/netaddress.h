/* A fixed address written into the guest's own network files, in the place of what was there for that interface.
 *
 * Only the address' own family is touched: an IPv4 address leaves what is said of IPv6. A gateway goes with the old
 * address; name servers stay unless others are given.
 */
#ifndef REHOST_GUEST_FILES_NETADDRESS_H
#define REHOST_GUEST_FILES_NETADDRESS_H

#include "core/model/machine.h"
#include "guest/files/lines.h"

struct net_address {
	const char *interface; /* its name in the guest; NULL: not known, which netplan, NetworkManager and networkd can
				* do with, and files of ifcfg that have the MAC */
	const char *label;     /* what it is called in files */
	const char *mac;
	const struct static_ip *ip;
	bool started; /* interfaces(5): some file has an "auto" or "allow-" line for it */
};

/* Edits the text of a file; an empty one becomes a complete file for the interface. False: what is there can't be
 * edited, and the lines may be half changed. */
typedef bool net_address_writer(struct lines *l, const struct net_address *a);

net_address_writer netplan_set_address;	   /* netplan's YAML */
net_address_writer nmkeyfile_set_address;  /* NetworkManager's keyfile of that interface */
net_address_writer networkd_set_address;   /* .network file of that interface */
net_address_writer ifcfg_set_address;	   /* Red Hat's ifcfg file of that interface */
net_address_writer ifcfg_global_drop;	   /* Red Hat's file for all interfaces: no other default route */
net_address_writer ifcfg_routes_drop;	   /* Red Hat's route-NAME, route6-NAME: the same */
net_address_writer suse_ifcfg_set_address; /* SUSE's, which has neither gateway nor name servers */
net_address_writer suse_ifroute_set;	   /* SUSE's ifroute-NAME: the gateway */
net_address_writer suse_routes_drop;	   /* SUSE's file for all interfaces: no other default route */
net_address_writer suse_config_set;	   /* /etc/sysconfig/network/config: name servers */
net_address_writer ifupdown_set_address;   /* interfaces(5), Debian's and Alpine's */
net_address_writer ifupdown_drop_address;  /* … the stanza of that family goes, since another file has it */
net_address_writer netctl_set_address;	   /* profile of that interface */
net_address_writer netifrc_set_address;	   /* Gentoo's /etc/conf.d/net; IPv4 only */
net_address_writer dhcpcd_set_address;	   /* dhcpcd.conf */
net_address_writer resolv_conf_set;	   /* nameserver lines */
net_address_writer etcnet_options_set;	   /* ALT's /etc/net/ifaces/NAME/options … */
net_address_writer etcnet_address_set;	   /* … ipv4address … */
net_address_writer etcnet_route_set;	   /* … ipv4route */

/* "'1.1.1.1' '1.0.0.1'": the name servers in quotes (may be "") with the separator between; "" when there are none. */
const char *net_servers(struct arena *a, const struct static_ip *ip, const char *quote, const char *separator);
/* An address of len characters is of the family; one that has no ':' is IPv4. */
bool net_of_family(const char *address, size_t len, bool v6);

/* The best stanza that a file of interfaces(5) has for the interface. */
enum ifupdown_stanza { IFUPDOWN_NONE = 0, IFUPDOWN_OTHER_FAMILY, IFUPDOWN_FAMILY };
enum ifupdown_stanza ifupdown_stanza_in(const struct lines *l, const struct net_address *a);
bool ifupdown_starts(const struct lines *l, const char *interface);

/* True when a file of a system ("ifupdown", "netplan" … as in netfiles.h) makes the interface a part of a bond, bridge
 * or team, which then has the addresses. own: the file is the interface's own. */
bool net_is_port(const char *system, struct lines *l, const char *interface, bool own);

#endif
