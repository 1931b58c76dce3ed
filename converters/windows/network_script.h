/* The first boot's command file that gives network cards their settings back. */
#ifndef REHOST_CONVERTERS_WINDOWS_NETWORK_SCRIPT_H
#define REHOST_CONVERTERS_WINDOWS_NETWORK_SCRIPT_H

#include "converters/windows/windows.h"

struct card_address {
	const char *address, *mask; /* mask: of IPv4, in dots; NULL for IPv6 */
	unsigned prefix;	    /* of IPv6 */
};

struct card_gateway {
	const char *address;
	unsigned metric; /* 0: Windows' choice */
};

/* What a card gets; every text is checked before. */
struct card_settings {
	const char *mac;   /* "00:50:56:aa:10:01" */
	const char *key;   /* below SOFTWARE: its value Name is the connection's name; NULL: the name that it gets */
	const char *ghost; /* the device that it was, to be removed; NULL: none */
	const char *guid;  /* of that device's connection */
	const char *suffix;
	unsigned metric; /* of the interface, 0: Windows' choice */
	bool v6;
	VEC(struct card_address) addresses;
	VEC(struct card_gateway) gateways;
	VEC(struct card_address) ipv6; /* beside those above, which are IPv4 then */
	VEC(const char *) dns;
	VEC(const char *) wins;
	unsigned netbios; /* 0: as DHCP says */
};

/* Adds a card to the script; what comes first makes its beginning. */
void network_script_card(const struct step_context *c, struct buf *script, const struct card_settings *card);
/* A device that isn't there any more, with its connection. Both are quotable. */
void network_script_forget(struct buf *script, const char *device, const char *guid);
/* The rest, behind the last card. */
void network_script_end(const struct step_context *c, struct buf *script);

#endif
