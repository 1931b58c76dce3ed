/* Network connections of a Windows guest: their settings in the registry, and which card of the machine each is for. */
#include "inspectors/windows.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"

#define NET_CLASS "{4D36E972-E325-11CE-BFC1-08002BE10318}"

/* A machine that was moved often has dozens of old ones; every one costs several searches in the hive. */
enum { CONNECTIONS_MAX = 128, LOOKS_MAX = 4 * CONNECTIONS_MAX, ADDRESSES_MAX = 256, MAC_BYTES = 6 };

static char *text_of(struct windows_look *l, const char *key, const char *name)
{
	char *ret = NULL;

	if (hive_string(l->system, key, name, &l->i->arena, &ret, NULL) < 0 || (ret && !*ret))
		return NULL;
	return ret;
}

static uint32_t number_of(struct windows_look *l, const char *key, const char *name, uint32_t missing)
{
	uint32_t ret;

	return hive_dword(l->system, key, name, missing, &ret, NULL) < 0 ? missing : ret;
}

/* --------------------------------------------------------------------------------------------------------- MAC */

static bool set_mac(struct windows_nic *n, const uint8_t b[static MAC_BYTES])
{
	static const uint8_t none[MAC_BYTES];

	if (memcmp(b, none, MAC_BYTES) == 0 || (b[0] & 1)) /* a group's address is no card's */
		return false;
	snprintf(n->mac, sizeof n->mac, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return true;
}

/* From Windows 8 on the network setup keeps it. */
static bool mac_of_setup(struct windows_look *l, struct windows_nic *n, const char *name)
{
	const char *key = windows_key(l, "Control\\NetworkSetup2\\Interfaces\\%s\\Kernel", n->guid);
	struct reg_value v;

	return hive_value(l->system, key, name, &l->i->arena, &v, NULL) == 0 && v.there && v.type == REG_BINARY &&
	       v.len == MAC_BYTES && set_mac(n, v.data);
}

bool windows_hex(const char *text, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < 2 * n; i++) {
		int digit = isxdigit((unsigned char)text[i]) ? toupper((unsigned char)text[i]) : -1;

		if (digit < 0)
			return false;
		digit = digit > '9' ? digit - 'A' + 10 : digit - '0';
		to[i / 2] = (uint8_t)(i % 2 ? to[i / 2] | digit : digit << 4);
	}
	return true;
}

/* The instance of a PCI Express card is its serial number, which is the MAC with FFFF or FFFE in its middle: as text
 * "000C29FFFF66A80700" of e1000e, or as two little-endian words "FF565000BB0895FE00" of vmxnet3. */
static bool mac_of_device(struct windows_nic *n)
{
	const char *instance = n->device ? strrchr(n->device, '\\') : NULL;
	uint8_t b[9];

	if (!instance || strlen(++instance) != 2 * sizeof b || !windows_hex(instance, b, sizeof b))
		return false;
	if (b[3] == 0xff && b[4] >= 0xfe)
		return set_mac(n, (uint8_t[]){b[0], b[1], b[2], b[5], b[6], b[7]});
	if (b[0] == 0xff && b[7] >= 0xfe)
		return set_mac(n, (uint8_t[]){b[3], b[2], b[1], b[6], b[5], b[4]});
	return false;
}

/* What the user has set in the card's properties instead of its own: "005056AA1001". */
static bool mac_of_driver(struct windows_look *l, struct windows_nic *n, const char *driver)
{
	char *text = driver ? text_of(l, driver, "NetworkAddress") : NULL;
	uint8_t b[MAC_BYTES];

	return text && strlen(text) == sizeof b * 2 && windows_hex(text, b, sizeof b) && set_mac(n, b);
}

static void find_mac(struct windows_look *l, struct windows_nic *n, const char *driver)
{
	if (!mac_of_setup(l, n, "PermanentAddress") && !mac_of_device(n) && !mac_of_setup(l, n, "CurrentAddress"))
		mac_of_driver(l, n, driver);
}

/* ---------------------------------------------------------------------------------------------------- settings */

static bool is_address(const char *text, int family)
{
	unsigned char b[sizeof(struct in6_addr)];

	return inet_pton(family, text, b) == 1;
}

/* Bits of a mask "255.255.255.0", -1 when it is none. */
static int prefix_of(const char *mask)
{
	struct in_addr b;
	uint32_t v;

	if (inet_pton(AF_INET, mask, &b) != 1)
		return -1;
	v = ntohl(b.s_addr);
	return ~v & (~v + 1) ? -1 : __builtin_popcount(v);
}

/* What stands where an address should be. */
static void is_odd(struct windows_look *l, struct windows_nic *n, const char *text)
{
	if (!n->odd && *text)
		n->odd = arena_strdup(&l->i->arena, text);
}

/* Windows writes zeros where nothing is set. */
static bool is_unset(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0;
}

static int read_addresses(struct windows_look *l, struct windows_nic *n, const char *key, struct err *err)
{
	struct arena *a = &l->i->arena;
	struct names addresses, masks;

	if (hive_strings(l->system, key, "IPAddress", a, &addresses, err) < 0 ||
	    hive_strings(l->system, key, "SubnetMask", a, &masks, err) < 0)
		return -1;
	for (size_t k = 0; k < addresses.list.n && k < masks.list.n && k < ADDRESSES_MAX; k++) {
		int prefix = prefix_of(masks.list.v[k]);

		if (is_unset(addresses.list.v[k]))
			continue;
		if (is_address(addresses.list.v[k], AF_INET) && prefix > 0)
			*vec_push(a, &n->addresses) = (struct windows_address){
			    .address = addresses.list.v[k], .mask = masks.list.v[k], .prefix = (unsigned)prefix};
		else
			is_odd(l, n, prefix > 0 ? addresses.list.v[k] : masks.list.v[k]);
	}
	return 0;
}

static int read_gateways(struct windows_look *l, struct windows_nic *n, const char *key, struct err *err)
{
	struct arena *a = &l->i->arena;
	struct names gateways, metrics;

	if (hive_strings(l->system, key, "DefaultGateway", a, &gateways, err) < 0 ||
	    hive_strings(l->system, key, "DefaultGatewayMetric", a, &metrics, err) < 0)
		return -1;
	for (size_t k = 0; k < gateways.list.n && k < ADDRESSES_MAX; k++) {
		const char *metric = k < metrics.list.n ? metrics.list.v[k] : "0";

		if (!is_address(gateways.list.v[k], AF_INET))
			is_odd(l, n, gateways.list.v[k]);
		else if (!is_unset(gateways.list.v[k]))
			*vec_push(a, &n->gateways) = (struct windows_gateway){
			    .address = gateways.list.v[k], .metric = (unsigned)strtoul(metric, NULL, 10)};
	}
	return 0;
}

/* "10.0.0.1,10.0.0.2" or with blanks. */
static void read_dns(struct windows_look *l, struct windows_nic *n, const char *protocol, int family)
{
	const char *key = windows_key(l, "Services\\%s\\Parameters\\Interfaces\\%s", protocol, n->guid);
	char *save = NULL, *list = text_of(l, key, "NameServer");

	for (char *s = list ? strtok_r(list, ", ", &save) : NULL; s; s = strtok_r(NULL, ", ", &save))
		if (!is_address(s, family))
			is_odd(l, n, s);
		else if (n->dns.n < ADDRESSES_MAX)
			*vec_push(&l->i->arena, &n->dns) = s;
}

static int read_wins(struct windows_look *l, struct windows_nic *n, struct err *err)
{
	const char *key = windows_key(l, "Services\\NetBT\\Parameters\\Interfaces\\Tcpip_%s", n->guid);
	struct names servers;

	if (hive_strings(l->system, key, "NameServerList", &l->i->arena, &servers, err) < 0)
		return -1;
	for (size_t k = 0; k < servers.list.n && k < ADDRESSES_MAX; k++) {
		if (!is_address(servers.list.v[k], AF_INET))
			is_odd(l, n, servers.list.v[k]);
		else if (!is_unset(servers.list.v[k]))
			*vec_push(&l->i->arena, &n->wins) = servers.list.v[k];
	}
	n->netbios = number_of(l, key, "NetbiosOptions", 0);
	return 0;
}

static int read_settings(struct windows_look *l, struct windows_nic *n, struct err *err)
{
	const char *key = windows_key(l, "Services\\Tcpip\\Parameters\\Interfaces\\%s", n->guid);

	n->dhcp = number_of(l, key, "EnableDHCP", 1) != 0;
	n->metric = number_of(l, key, "InterfaceMetric", 0);
	n->suffix = text_of(l, key, "Domain");
	read_dns(l, n, "Tcpip", AF_INET);
	read_dns(l, n, "Tcpip6", AF_INET6);
	if (read_wins(l, n, err) < 0)
		return -1;
	if (n->dhcp)
		return 0;
	return read_addresses(l, n, key, err) < 0 ? -1 : read_gateways(l, n, key, err);
}

/* -------------------------------------------------------------------------------------------------- connections */

/* The key of the driver's settings for a connection: CLASS\0007. */
struct driver {
	char *key, *guid;
};

struct drivers {
	VEC(struct driver) list;
};

static int list_drivers(struct windows_look *l, struct drivers *ret, struct err *err)
{
	const char *class = windows_key(l, "Control\\Class\\" NET_CLASS);
	struct names keys;

	if (hive_subkeys(l->system, class, &l->i->arena, &keys, err) < 0)
		return -1;
	for (size_t k = 0; k < keys.list.n && k < LOOKS_MAX; k++) {
		char *key = arena_printf(&l->i->arena, "%s\\%s", class, keys.list.v[k]);
		char *guid = text_of(l, key, "NetCfgInstanceId");

		if (guid)
			*vec_push(&l->i->arena, &ret->list) = (struct driver){key, guid};
	}
	return 0;
}

static const char *driver_of(const struct drivers *drivers, const char *guid)
{
	VEC_FOR (d, &drivers->list)
		if (strcasecmp(d->guid, guid) == 0)
			return d->key;
	return NULL;
}

/* Tunnels, ports of virtual switches and the like aren't cards. */
static bool is_card(const struct windows_nic *n)
{
	static const char *const software[] = {"ROOT\\", "SW\\", "SWD\\", "BTH\\", "COMPOSITEBUS\\", "{"};

	if (!n->device)
		return n->addresses.n > 0;
	for (size_t k = 0; k < sizeof software / sizeof *software; k++)
		if (strncasecmp(n->device, software[k], strlen(software[k])) == 0)
			return false;
	return true;
}

/* Windows' own (LBFO), Intel's. */
static bool is_team(const struct windows_nic *n)
{
	return n->device && (strcasestr(n->device, "MS_IMPLAT") || strcasestr(n->device, "IANSMINIPORT"));
}

static void report_software(struct windows_look *l, const struct windows_nic *n)
{
	if (is_team(n))
		finding_add(l->i, "W-NET-TEAM", SEVERITY_WARNING, n->device,
			    "Make the team anew after the first start, or give its addresses to a card (--mac "
			    "MAC:ip:…) and remove it.",
			    "the connection '%s' is a team of network cards%s%s: its members go with the old hardware, "
			    "and its settings stay with it",
			    n->name ? n->name : n->guid, n->addresses.n ? " with the address " : "",
			    n->addresses.n ? n->addresses.v[0].address : "");
	else if (n->addresses.n)
		finding_add(l->i, "W-NET-SOFTWARE", SEVERITY_WARNING, n->device,
			    "Look at it after the first start; a team of cards must be made anew.",
			    "the connection '%s' has fixed addresses, but is no card by itself (%s): it stays as it is",
			    n->name ? n->name : n->guid, n->device ? n->device : "");
}

static int read_connection(struct windows_look *l, const char *guid, const struct drivers *drivers,
			   const struct ipv6_store *ipv6, struct err *err)
{
	const char *key = windows_key(l, "Control\\Network\\" NET_CLASS "\\%s\\Connection", guid);
	const char *driver = driver_of(drivers, guid);
	struct windows_nic n = {.guid = arena_strdup(&l->i->arena, guid), .slot = -1, .nic = -1};

	n.name = text_of(l, key, "Name");
	n.device = text_of(l, key, "PnpInstanceID");
	n.description = driver ? text_of(l, driver, "DriverDesc") : NULL;
	if (n.device)
		n.slot = (int)number_of(l, arena_printf(&l->i->arena, "%s\\%s", windows_key(l, "Enum"), n.device),
					"UINumber", UINT32_MAX);
	if (n.slot < 0)
		n.slot = -1;
	if (read_settings(l, &n, err) < 0)
		return -1;
	if (!is_card(&n)) {
		report_software(l, &n);
		return 0;
	}
	find_mac(l, &n, driver);
	windows_ipv6(l, ipv6, driver, &n);
	*vec_push(&l->i->arena, &l->w->nics) = n;
	return 0;
}

static int read_connections(struct windows_look *l, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct drivers drivers = {0};
	struct ipv6_store ipv6 = {0};
	struct names guids;
	size_t looks = 0;

	if (list_drivers(l, &drivers, err) < 0 || windows_ipv6_open(l, &a, &ipv6, err) < 0 ||
	    hive_subkeys(l->system, windows_key(l, "Control\\Network\\" NET_CLASS), &l->i->arena, &guids, err) < 0)
		return -1;
	VEC_FOR (guid, &guids.list) {
		if (**guid != '{')
			continue;
		if (l->w->nics.n == CONNECTIONS_MAX || ++looks > LOOKS_MAX) {
			finding_add(l->i, "W-NET-TOO-MANY", SEVERITY_WARNING, NULL,
				    "Remove cards that are gone in the source's device manager (show hidden devices)",
				    "more than %d network connections are configured: the rest was not looked at",
				    CONNECTIONS_MAX);
			return 0;
		}
		if (read_connection(l, *guid, &drivers, &ipv6, err) < 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- cards */

static bool is_taken(const struct windows_look *l, unsigned nic)
{
	VEC_FOR (n, &l->w->nics)
		if (n->nic == (int)nic)
			return true;
	return false;
}

/* A card with another MAC in the same slot was there before; one whose MAC we made may be any. */
static bool may_be(const struct windows_nic *n, const struct nic *card)
{
	return n->nic < 0 && (!*n->mac || card->mac_generated);
}

static bool has_mac(const struct windows_nic *n, const struct nic *card)
{
	return n->nic < 0 && *n->mac && strcasecmp(n->mac, card->mac) == 0;
}

static bool is_in_slot(const struct windows_nic *n, const struct nic *card)
{
	return n->slot >= 0 && n->slot == card->pci_slot;
}

static bool has_slot(const struct windows_nic *n, const struct nic *card)
{
	return may_be(n, card) && is_in_slot(n, card);
}

static bool is_model(const struct windows_nic *n, enum nic_model model)
{
	static const struct {
		enum nic_model model;
		const char *device;
	} known[] = {
	    {NIC_VMXNET3, "PCI\\VEN_15AD&DEV_07B0"}, {NIC_VMXNET, "PCI\\VEN_15AD&DEV_0720"},
	    {NIC_VMXNET2, "PCI\\VEN_15AD&DEV_0720"}, {NIC_E1000E, "PCI\\VEN_8086&DEV_10D3"},
	    {NIC_E1000, "PCI\\VEN_8086&DEV_100F"},   {NIC_E1000, "PCI\\VEN_8086&DEV_100E"},
	    {NIC_E1000, "PCI\\VEN_8086&DEV_1004"},   {NIC_PCNET, "PCI\\VEN_1022&DEV_2000"},
	    {NIC_RTL8139, "PCI\\VEN_10EC&DEV_8139"}, {NIC_VIRTIO, "PCI\\VEN_1AF4&DEV_1000"},
	    {NIC_VIRTIO, "PCI\\VEN_1AF4&DEV_1041"},
	};

	for (size_t k = 0; n->device && k < sizeof known / sizeof *known; k++)
		if (known[k].model == model && strncasecmp(n->device, known[k].device, strlen(known[k].device)) == 0)
			return true;
	return false;
}

/* What decides between connections of which each may be the card's: its kind, its slot, that it has fixed addresses. */
static unsigned rank(const struct windows_nic *n, const struct nic *card)
{
	return (is_model(n, card->model) ? 4 : 0) + (is_in_slot(n, card) ? 2 : 0) +
	       (n->addresses.n || n->ipv6.n ? 1 : 0);
}

typedef bool connection_test(const struct windows_nic *n, const struct nic *card);

/* The best for a card; *ret_tie: another one is as good. */
static struct windows_nic *best_of(struct windows_look *l, const struct nic *card, connection_test *test, bool *ret_tie)
{
	struct windows_nic *best = NULL;

	*ret_tie = false;
	VEC_FOR (n, &l->w->nics) {
		if (!test(n, card))
			continue;
		if (best && rank(n, card) == rank(best, card))
			*ret_tie = true;
		if (best && rank(n, card) <= rank(best, card))
			continue;
		best = n;
		*ret_tie = false;
	}
	return best;
}

static void give(struct windows_look *l, struct windows_nic *n, unsigned nic, bool guessed, const char *reason)
{
	n->nic = (int)nic;
	n->guessed = guessed;
	n->reason = arena_strdup(&l->i->arena, reason);
}

/* Those that could have had the card have a reason for having none; an address of the command line's choice ends the
 * contest. */
static void tell_losers(struct windows_look *l, const struct nic *card, connection_test *test, const char *what)
{
	VEC_FOR (n, &l->w->nics)
		if (!card->ip && test(n, card))
			n->reason = arena_printf(&l->i->arena, "%s, but another connection was taken", what);
}

/* After a change of the adapter's type two connections have the same MAC. */
static void match_by_mac(struct windows_look *l)
{
	for (unsigned k = 0; k < l->machine->nics.n; k++) {
		const struct nic *card = &l->machine->nics.v[k];
		bool tie;
		struct windows_nic *best = best_of(l, card, has_mac, &tie);

		if (!best)
			continue;
		give(l, best, k, tie, tie ? "the same MAC as another connection" : "the same MAC");
		tell_losers(l, card, has_mac, "the same MAC");
	}
}

static void match_by_slot(struct windows_look *l)
{
	for (unsigned k = 0; k < l->machine->nics.n; k++) {
		const struct nic *card = &l->machine->nics.v[k];
		bool tie;
		struct windows_nic *best = is_taken(l, k) ? NULL : best_of(l, card, has_slot, &tie);
		const char *slot = arena_printf(&l->i->arena, "the same slot %d", card->pci_slot);

		if (!best)
			continue;
		give(l, best, k, tie, tie ? arena_printf(&l->i->arena, "%s as another connection", slot) : slot);
		tell_losers(l, card, has_slot, slot);
	}
}

/* Several for one card: only if one is better than all others. */
static void match_last(struct windows_look *l, unsigned nic, size_t connections)
{
	const struct nic *card = &l->machine->nics.v[nic];
	bool tie;
	struct windows_nic *best = best_of(l, card, may_be, &tie);

	if (!best || tie)
		return;
	give(l, best, nic, connections > 1 || *best->mac,
	     connections > 1 ? "the best for the only card that is left" : "the only one that is left");
	tell_losers(l, card, may_be, "it may be the card's");
}

/* As many cards are left as connections that may be theirs: then it is the first for the first. */
static void match_in_order(struct windows_look *l)
{
	for (unsigned k = 0; k < l->machine->nics.n; k++)
		VEC_FOR (n, &l->w->nics)
			if (!is_taken(l, k) && may_be(n, &l->machine->nics.v[k]))
				give(l, n, k, true, "the order of the cards");
}

/* May it be some card that is left? */
static bool may_be_left(const struct windows_look *l, const struct windows_nic *n)
{
	for (unsigned k = 0; k < l->machine->nics.n; k++)
		if (!is_taken(l, k) && may_be(n, &l->machine->nics.v[k]))
			return true;
	return false;
}

static void match_the_rest(struct windows_look *l)
{
	size_t cards = 0, connections = 0;
	unsigned last = 0;

	for (unsigned k = 0; k < l->machine->nics.n; k++)
		if (!is_taken(l, k)) {
			last = k;
			cards++;
		}
	VEC_FOR (n, &l->w->nics)
		connections += may_be_left(l, n);
	if (cards == 1)
		match_last(l, last, connections);
	else if (cards == connections)
		match_in_order(l);
}

/* What of the settings isn't carried over. */
static void report_settings(struct windows_look *l, const struct windows_nic *n, const char *name)
{
	if (n->odd)
		finding_add(
		    l->i, "W-NET-ADDRESS-ODD", SEVERITY_WARNING, n->odd,
		    "Check the connection's settings after the first start.",
		    "the settings of the connection '%s' have something that is no address in place of one: it is "
		    "left out",
		    name);
	if (n->ipv6.n)
		finding_add(l->i, "I-NET-IPV6", SEVERITY_INFO, n->ipv6.v[0].address,
			    "Check the IPv6 routes after the first start: netsh interface ipv6 show route",
			    "the connection '%s' has fixed IPv6 addresses: they are set again at the first boot, fixed "
			    "routes are not",
			    name);
}

/* A card without a connection, and without an address from the command line. */
static bool has_open_card(const struct windows_look *l)
{
	for (unsigned k = 0; k < l->machine->nics.n; k++)
		if (!is_taken(l, k) && !l->machine->nics.v[k].ip)
			return true;
	return false;
}

static const char *fixed_setting(const struct windows_nic *n)
{
	return n->addresses.n ? n->addresses.v[0].address
	       : n->ipv6.n    ? n->ipv6.v[0].address
	       : n->dns.n     ? n->dns.v[0]
			      : NULL;
}

/* With a reason of its own it lost a card to another connection. */
static void report_no_card(struct windows_look *l, struct windows_nic *n, const char *name)
{
	const char *setting = fixed_setting(n);
	bool lost = n->reason != NULL;

	if (!lost)
		n->reason = arena_strdup(&l->i->arena, "no card of the machine has its MAC or slot");
	if (setting && (lost || has_open_card(l)))
		finding_add(l->i, "W-NET-NO-CARD", SEVERITY_WARNING, n->device,
			    "If a card is to have its address, give it with --mac MAC:ip:…",
			    "the fixed settings of the connection '%s' (%s) go to no network card: %s", name, setting,
			    n->reason);
	else if (n->addresses.n)
		finding_add(l->i, "I-NET-NO-CARD", SEVERITY_INFO, n->device, NULL,
			    "the connection '%s' (%s) is configured, but the machine has no network card for it", name,
			    n->addresses.v[0].address);
}

static void report(struct windows_look *l)
{
	VEC_FOR (n, &l->w->nics) {
		const char *name = n->name ? n->name : n->guid;

		report_settings(l, n, name);
		if (n->guessed)
			finding_add(l->i, "W-NET-NAME-GUESSED", SEVERITY_WARNING, n->device,
				    "Check which network each connection is on.",
				    "the settings of the connection '%s' were taken for network card %d by a guess: %s",
				    name, n->nic + 1, n->reason);
		if (n->nic < 0)
			report_no_card(l, n, name);
	}
}

int windows_network(struct windows_look *l, struct err *err)
{
	if (read_connections(l, err) < 0)
		return -1;
	match_by_mac(l);
	match_by_slot(l);
	match_the_rest(l);
	report(l);
	return 0;
}
