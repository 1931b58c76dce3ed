/* The guest's network configuration, and which name each of the machine's network cards must keep. */
#include "inspectors/registry.h"

#include <stdlib.h>
#include <string.h>

#include "guest/files/netnames.h"

static const struct nic_name *named(const struct inspection *i, const char *name)
{
	VEC_FOR (n, &i->nic_names)
		if (n->name && strcmp(n->name, name) == 0)
			return n;
	return NULL;
}

static void report_guesses(const struct machine *m, struct inspection *i)
{
	VEC_FOR (n, &i->nic_names)
		if (n->guessed)
			finding_add(i, "W-NET-NAME-GUESSED", SEVERITY_WARNING, NULL,
				    "Check which network each interface is on; the .link files in /etc/systemd/network "
				    "tie names to MACs.",
				    "network card %u (%s, network '%s') keeps the name %s %s", n->nic + 1,
				    m->nics.v[n->nic].mac, m->nics.v[n->nic].network ? m->nics.v[n->nic].network : "",
				    n->name ? n->name : "that its configuration gives", n->reason);
}

/* A kernel that has given eth0 and eth1 can't swap them. */
static void report_swapped(struct inspection *i)
{
	VEC_FOR (n, &i->nic_names) {
		char *end = NULL;

		if (!n->name || strncmp(n->name, "eth", 3) != 0)
			continue;

		unsigned long number = strtoul(n->name + 3, &end, 10);

		if (*end || number == n->nic || i->nic_names.n < 2)
			continue;
		finding_add(
		    i, "W-NET-ETH-ORDER", SEVERITY_WARNING, NULL,
		    "Rename the interfaces in the guest's configuration to names that the kernel doesn't use (lan0, "
		    "lan1).",
		    "network card %u must be %s, but the new kernel order makes it eth%u, and udev can't swap names",
		    n->nic + 1, n->name, n->nic);
		return;
	}
}

/* Configuration for a card that the machine doesn't have: a leftover, or the source lost one. */
static void report_missing_cards(const struct machine *m, struct inspection *i)
{
	if (!m->nics.n)
		return;
	VEC_FOR (c, &i->networks)
		if (c->interface && c->method && !c->is_virtual && !c->gives_name &&
		    strncmp(c->interface, "en", 2) == 0 && !strpbrk(c->interface, ".:") && !named(i, c->interface))
			finding_add(i, "I-NET-NO-CARD", SEVERITY_INFO,
				    arena_printf(&i->arena, "%s:%u", c->file, c->line), NULL,
				    "%s is configured, but the machine has no network card for it", c->interface);
}

static void report_stale_macs(const struct machine *m, struct inspection *i)
{
	VEC_FOR (c, &i->networks) {
		bool known = !c->mac;

		VEC_FOR (nic, &m->nics)
			known |= c->mac && strcmp(nic->mac, c->mac) == 0;
		VEC_FOR (n, &i->nic_names)
			known |= c->mac && n->mac_was && strcmp(n->mac_was, c->mac) == 0;
		if (known || c->is_virtual || (c->gives_name && !named(i, c->interface)))
			continue;
		finding_add(
		    i, "W-NET-MAC-UNKNOWN", SEVERITY_WARNING, arena_printf(&i->arena, "%s:%u", c->file, c->line),
		    "Give the MAC to a network card with --mac, or correct the file.",
		    "the network configuration is for MAC %s, which no network card of the machine has", c->mac);
	}
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	if (net_survey(g, i, err) < 0)
		return -1;
	net_assign_names(m, net_predictable_names(g, i), i);
	report_guesses(m, i);
	report_swapped(i);
	report_missing_cards(m, i);
	report_stale_macs(m, i);
	return 0;
}

const struct inspector inspector_network = {.id = "network", .applies = is_linux, .run = run};
