/* Step network: the new cards get the fixed addresses, name servers, metrics and names that the old ones had, and the
 * old ones are forgotten. All of that is done at the first boot, when Windows has made connections for the new cards;
 * here only the old connections' names are freed and kept. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "converters/windows/network_script.h"
#include "guest/files/netmask.h"

enum { SCRIPT_MAX = 256 << 10, IPV6_PREFIX_MAX = 128, NETBIOS_OFF = 2 };

#define NET_CLASS "{4D36E972-E325-11CE-BFC1-08002BE10318}"
#define KEPT	  " (before rehost)"
#define NAMES_KEY "rehost\\first boot"

struct work {
	const struct step_context *c;
	struct arena *arena;
	struct buf *script;
	unsigned guests_names; /* kept in SOFTWARE so far */
};

static bool is_ip(int family, const char *text)
{
	unsigned char raw[16];

	return text && inet_pton(family, text, raw) == 1;
}

static bool is_guid(const char *text)
{
	return text && strlen(text) == 38 && text[0] == '{' &&
	       text[1 + strspn(text + 1, "0123456789abcdefABCDEF-")] == '}';
}

static bool is_suffix(const char *text)
{
	return text && *text && strlen(text) < 256 &&
	       !text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")];
}

/* How devices of the new machine's cards begin. Models of other makers have another subsystem in QEMU than in other
 * machines. A virtio card is transitional on a conventional bus; elsewhere it depends on the port that it is on. */
static const char *new_device(const struct caps *caps)
{
	switch (caps->net) {
	case NET_BUS_E1000E:
		return "PCI\\VEN_8086&DEV_10D3&SUBSYS_00008086";
	case NET_BUS_E1000:
		return "PCI\\VEN_8086&DEV_100E&SUBSYS_11001AF4";
	case NET_BUS_RTL8139:
		return "PCI\\VEN_10EC&DEV_8139&SUBSYS_11001AF4";
	case NET_BUS_VMXNET3:
		return "PCI\\VEN_15AD&DEV_07B0";
	case NET_BUS_VIRTIO:
	case NET_BUS_UNKNOWN:
		break;
	}
	return caps->board == BOARD_PC ? "PCI\\VEN_1AF4&DEV_1000" : "PCI\\VEN_1AF4";
}

/* "PCI\VEN_15AD&DEV_07B0&…\…": less than these three names is a key with other devices below it. */
static bool is_instance(const char *device)
{
	const char *second = strchr(device, '\\'), *third = second ? strchr(second + 1, '\\') : NULL;

	return third && second > device && third > second + 1 && third[1] && !strchr(third + 1, '\\');
}

/* A device of another kind than the new machine's cards isn't in it. */
static bool is_gone(const struct work *w, const struct windows_nic *n)
{
	const char *stays = new_device(w->c->caps);

	return n->device && boot_script_quotable(n->device) && is_instance(n->device) && is_guid(n->guid) &&
	       strncasecmp(n->device, stays, strlen(stays)) != 0;
}

/* What is no address gets into no command file, whatever the inspection lets through. */
static void take_addresses(const struct work *w, const struct windows_nic *n, struct card_settings *card)
{
	VEC_FOR (a, &n->addresses) {
		if (is_ip(AF_INET, a->address) && is_ip(AF_INET, a->mask))
			*vec_push(w->arena, &card->addresses) =
			    (struct card_address){.address = a->address, .mask = a->mask};
	}
	VEC_FOR (g, &n->gateways) {
		if (is_ip(AF_INET, g->address))
			*vec_push(w->arena, &card->gateways) = (struct card_gateway){g->address, g->metric};
	}
}

static void take_ipv6(const struct work *w, const struct windows_nic *n, struct card_settings *card)
{
	VEC_FOR (a, &n->ipv6)
		if (is_ip(AF_INET6, a->address) && a->prefix <= IPV6_PREFIX_MAX)
			*vec_push(w->arena, &card->ipv6) =
			    (struct card_address){.address = a->address, .prefix = a->prefix};
}

static void take_wins(const struct work *w, const struct windows_nic *n, struct card_settings *card)
{
	VEC_FOR (server, &n->wins)
		if (is_ip(AF_INET, *server))
			*vec_push(w->arena, &card->wins) = *server;
	card->netbios = n->netbios <= NETBIOS_OFF ? n->netbios : 0;
}

/* The connection's own settings. */
static void take_settings(const struct work *w, const struct windows_nic *n, struct card_settings *card)
{
	if (!n->dhcp)
		take_addresses(w, n, card);
	take_ipv6(w, n, card);
	take_wins(w, n, card);
	VEC_FOR (server, &n->dns)
		if (is_ip(AF_INET, *server) || is_ip(AF_INET6, *server))
			*vec_push(w->arena, &card->dns) = *server;
	card->metric = n->metric;
	if (is_suffix(n->suffix))
		card->suffix = n->suffix;
}

/* --mac MAC:ip:… */
static void take_wish(const struct work *w, const struct static_ip *ip, struct card_settings *card)
{
	char mask[NETMASK_TEXT];

	card->v6 = ip->v6;
	*vec_push(w->arena, &card->addresses) =
	    (struct card_address){.address = ip->address,
				  .mask = ip->v6 ? NULL : arena_strdup(w->arena, netmask_text(ip->prefix, mask)),
				  .prefix = ip->prefix};
	if (ip->gateway)
		*vec_push(w->arena, &card->gateways) = (struct card_gateway){.address = ip->gateway};
	VEC_FOR (server, &ip->dns)
		*vec_push(w->arena, &card->dns) = *server;
}

/* Windows allows no quotes in names; in the command file they would end the text that they stand in. */
static bool may_be_name(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < ' ' || *name == '"')
			return false;
	return true;
}

/* The old connection keeps a name of its own until it is forgotten; its name waits in SOFTWARE for the new one. */
static int keep_name(struct work *w, const struct windows_nic *n, struct card_settings *card, struct err *err)
{
	static const char reason[] = "the new card gets the name of the connection at the first boot";
	struct windows_guest *g = &w->c->windows->guest;
	const char *connection;
	char *name;

	if (!n->name || !*n->name || !may_be_name(n->name) || !is_guid(n->guid) || !card->ghost)
		return 0;
	name = arena_strdup(w->arena, n->name);
	if (strlen(name) > strlen(KEPT) && !strcmp(name + strlen(name) - strlen(KEPT), KEPT))
		name[strlen(name) - strlen(KEPT)] = '\0'; /* it was converted before */
	connection = ccs_key(w->c, "Control\\Network\\" NET_CLASS "\\%s\\Connection", n->guid);
	card->key = arena_printf(w->arena, NAMES_KEY "\\%u", ++w->guests_names);
	if (hive_set_string(g->software, card->key, "Name", name, reason, err) < 0)
		return -1;
	return hive_set_string(g->system, connection, "Name", arena_printf(w->arena, "%s" KEPT, name), reason, err);
}

static const struct windows_nic *connection_of(const struct work *w, unsigned nic)
{
	VEC_FOR (n, &w->c->inspection->windows->nics)
		if (n->nic == (int)nic)
			return n;
	return NULL;
}

static bool has_settings(const struct card_settings *card)
{
	return card->addresses.n || card->ipv6.n || card->dns.n || card->wins.n || card->netbios || card->metric ||
	       card->suffix || card->key || card->ghost;
}

static int add_card(struct work *w, unsigned nic, struct err *err)
{
	const struct nic *m = &w->c->machine->nics.v[nic];
	const struct windows_nic *n = connection_of(w, nic);
	struct card_settings card = {.mac = m->mac};

	if (n && is_gone(w, n)) {
		card.ghost = n->device;
		card.guid = n->guid;
	}
	if (m->ip)
		take_wish(w, m->ip, &card);
	else if (n)
		take_settings(w, n, &card);
	if (n && keep_name(w, n, &card, err) < 0)
		return -1;
	if (has_settings(&card))
		network_script_card(w->c, w->script, &card);
	return 0;
}

/* Has some card neither a connection's settings nor an address of the command line's choice? */
static bool is_card_without(const struct work *w)
{
	for (unsigned nic = 0; nic < w->c->machine->nics.n; nic++)
		if (!connection_of(w, nic) && !w->c->machine->nics.v[nic].ip)
			return true;
	return false;
}

/* Cards that the source didn't have any more either: their addresses would be in use for Windows. Connections that no
 * card of a slot is behind (teams, tunnels, switches) stay, and so do settings that may be meant for a card. */
static void forget_old_ghosts(struct work *w)
{
	bool open = is_card_without(w);

	VEC_FOR (n, &w->c->inspection->windows->nics)
		if (n->nic < 0 && is_gone(w, n) && strncasecmp(n->device, "PCI\\", 4) == 0 &&
		    !(open && (n->addresses.n || n->ipv6.n || n->dns.n)))
			network_script_forget(w->script, n->device, n->guid);
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	AUTO(buf_done) struct buf script = BUF_INIT(SCRIPT_MAX);
	struct work w = {.c = c, .arena = &a, .script = &script};

	for (unsigned nic = 0; nic < c->machine->nics.n; nic++)
		if (add_card(&w, nic, err) < 0)
			return -1;
	forget_old_ghosts(&w);
	if (!script.len)
		return 0;
	network_script_end(c, &script);
	if (script.failed)
		return err_set(err, ERR_CONVERT, "the network settings are over %d KiB", SCRIPT_MAX / 1024);
	boot_script_add(c, "20-network", "the new cards get the old ones' settings", buf_str(&script));
	return windows_commit(c, err);
}

static bool applies(const struct step_context *c)
{
	return c->machine->nics.n > 0;
}

const struct step step_windows_network = {
    .id = "network",
    .summary = "addresses and names of the network cards",
    .applies = applies,
    .run = run,
};
