/* Which interface name belongs to which network card: the guest's own MACs, VMware's slots, then order. */
#include "guest/files/netnames.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* VMware's PCIe root ports: pciBridge4 to 7, whose function 0 has these slot numbers. */
static const unsigned vmware_ports[] = {160, 192, 224, 256};

enum { PORTS = sizeof vmware_ports / sizeof *vmware_ports, FUNCTIONS = 8, NAMES_MAX = 256 };

unsigned vmware_slot_number(unsigned pci_slot)
{
	return (pci_slot & 0x3ff) + (pci_slot >> 10);
}

unsigned vmware_slot_of(unsigned n)
{
	return vmware_ports[n % PORTS] + n / PORTS;
}

/* A name that the guest configures, and the card it was given to. */
struct wanted {
	const char *name;
	const char *mac;  /* that the guest's files state for it, NULL */
	const char *said; /* where */
	bool defined;	  /* a file gives the name by that MAC */
	int nic;	  /* -1: not yet */
};

struct assignment {
	const struct machine *machine;
	struct inspection *inspection;
	struct arena arena;
	VEC(struct wanted) names;
};

/* --- names --- */

static bool begins_with_any(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
			return true;
	return false;
}

/* What a kernel takes for a name (IFNAMSIZ), and nothing that means something in a path or a rule. */
static bool valid_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < 16 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* False for names that no network card of a machine has. */
static bool physical_name(const char *name)
{
	static const char *const others[] = {"bond",  "br", "virbr", "docker", "veth", "tun", "tap", "wg",   "vlan",
					     "dummy", "wl", "ww",    "ppp",    "ib",   "can", "lxc", "vnet", NULL};

	return valid_name(name) && strcmp(name, "lo") != 0 && !begins_with_any(name, others);
}

static bool is_made(const struct inspection *i, const char *name)
{
	VEC_FOR (c, &i->networks)
		if (c->is_virtual && c->interface && strcmp(c->interface, name) == 0)
			return true;
	return false;
}

static struct wanted *wanted_find(struct assignment *s, const char *name)
{
	VEC_FOR (w, &s->names)
		if (strcmp(w->name, name) == 0)
			return w;
	return NULL;
}

/* The interface below "ens192.100" (VLAN) and "ens192:1" (alias). */
static char *base_name(struct arena *a, const char *name)
{
	return arena_strndup(a, name, strcspn(name, ".:"));
}

static void want(struct assignment *s, const char *name)
{
	if (!name || wanted_find(s, name) || s->names.n >= NAMES_MAX || !physical_name(name) ||
	    is_made(s->inspection, name))
		return;
	*vec_push(&s->arena, &s->names) = (struct wanted){.name = name, .nic = -1};
}

static const struct nic *nic_with(const struct machine *m, const char *mac)
{
	VEC_FOR (n, &m->nics)
		if (mac && strcmp(n->mac, mac) == 0)
			return n;
	return NULL;
}

/* MACs that the files state for a name; one that a card has wins over a stale one. */
static void note_mac(struct assignment *s, const struct net_config *c)
{
	struct wanted *w = wanted_find(s, c->interface);

	if (!w || !c->mac || (w->mac && !nic_with(s->machine, c->mac)))
		return;
	w->defined = c->gives_name || (w->mac && strcmp(w->mac, c->mac) == 0 && w->defined);
	w->mac = c->mac;
	w->said = arena_printf(&s->arena, "%s:%u", c->file, c->line);
}

/* Names come from what is configured; a rule that only gives a name nobody uses is left alone. */
static void gather(struct assignment *s)
{
	const struct inspection *i = s->inspection;

	VEC_FOR (c, &i->networks) {
		bool only_names = c->gives_name && strcmp(c->system, "netplan") != 0;

		/* netplan: a section that matches one name and gives another is for the card that had the first. */
		if (c->gives_name && c->match && !strpbrk(c->match, "*?[!/"))
			want(s, c->match);
		else if (c->interface && !c->is_virtual && !only_names)
			want(s, base_name(&s->arena, c->interface));
	}
	/* With patterns ("en*") every name that a file gives is in use. */
	VEC_FOR (c, &i->networks) {
		if (c->gives_name && nic_with(s->machine, c->mac))
			want(s, c->interface);
	}
	VEC_FOR (c, &i->networks)
		if (c->interface)
			note_mac(s, c);
}

/* --- giving --- */

static struct nic_name *given(const struct inspection *i, unsigned nic)
{
	VEC_FOR (n, &i->nic_names)
		if (n->nic == nic)
			return n;
	return NULL;
}

static struct nic_name *give(struct assignment *s, size_t nic, struct wanted *w, bool guessed, const char *reason)
{
	struct arena *a = &s->inspection->arena;
	struct nic_name *n = vec_push(a, &s->inspection->nic_names);
	const struct nic *card = &s->machine->nics.v[nic];

	*n = (struct nic_name){.nic = (unsigned)nic, .guessed = guessed, .reason = arena_strdup(a, reason)};
	if (!w)
		return n;
	w->nic = (int)nic;
	n->name = arena_strdup(a, w->name);
	if (!w->mac)
		return n;

	bool same = strcmp(w->mac, card->mac) == 0;

	/* A card whose MAC the source stated isn't the one that a stale rule means. */
	n->stated = w->defined && (same || card->mac_generated);
	if (!same && card->mac_generated)
		n->mac_was = arena_strdup(a, w->mac);
	return n;
}

static void by_mac(struct assignment *s)
{
	VEC_FOR (w, &s->names) {
		const struct nic *nic = nic_with(s->machine, w->mac);

		if (nic && !given(s->inspection, (unsigned)(nic - s->machine->nics.v)))
			give(s, (size_t)(nic - s->machine->nics.v), w, false,
			     arena_printf(&s->arena, "%s states that MAC for it", w->said));
	}
}

/* "enx525400aa0001" is its MAC: with colons, NULL for any other name. */
static char *mac_in_name(struct arena *a, const char *name)
{
	const char *hex = name + 3;

	if (strncmp(name, "enx", 3) != 0 || strlen(hex) != 12 || strspn(hex, "0123456789abcdef") != 12)
		return NULL;
	return arena_printf(a, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4, hex + 6, hex + 8, hex + 10);
}

static void by_mac_in_name(struct assignment *s)
{
	VEC_FOR (w, &s->names) {
		const struct nic *nic = w->nic < 0 ? nic_with(s->machine, mac_in_name(&s->arena, w->name)) : NULL;

		if (nic && !given(s->inspection, (unsigned)(nic - s->machine->nics.v)))
			give(s, (size_t)(nic - s->machine->nics.v), w, false, "the name is made of its MAC");
	}
}

/* On a physical machine the live system's udev says what each card may be called. */
static void by_place(struct assignment *s)
{
	for (size_t n = 0; n < s->machine->nics.n; n++)
		for (unsigned k = 0; k < NIC_NAMES && !given(s->inspection, (unsigned)n); k++) {
			const char *name = s->machine->nics.v[n].names[k];
			struct wanted *w = name ? wanted_find(s, name) : NULL;

			if (w && w->nic < 0)
				give(s, n, w, false, "udev makes that name of its place in the machine");
		}
}

static char *slot_name(struct arena *a, int pci_slot)
{
	return arena_printf(a, "ens%u", vmware_slot_number((unsigned)pci_slot));
}

static void by_slot(struct assignment *s)
{
	for (size_t n = 0; n < s->machine->nics.n; n++) {
		int slot = s->machine->nics.v[n].pci_slot;
		struct wanted *w = slot >= 0 ? wanted_find(s, slot_name(&s->arena, slot)) : NULL;

		if (w && w->nic < 0 && !given(s->inspection, (unsigned)n))
			give(s, n, w, false,
			     arena_printf(&s->arena, "VMware's pciSlotNumber %d is %s in Linux", slot, w->name));
	}
}

/* Place in VMware's order of an "ens" number: conventional PCI slots first, then 160, 192, 224, 256, 161, … */
static unsigned slot_rank(unsigned number)
{
	for (unsigned p = PORTS; p-- > 0;)
		if (number >= vmware_ports[p] && number < vmware_ports[p] + FUNCTIONS)
			return 10000 + (number - vmware_ports[p]) * PORTS + p;
	return number;
}

static bool ens_number(const char *name, unsigned *ret)
{
	char *end;

	if (strncmp(name, "ens", 3) != 0 || !isdigit((unsigned char)name[3]))
		return false;
	*ret = (unsigned)strtoul(name + 3, &end, 10);
	return !*end && *ret < 10000;
}

/* udev's, the kernel's and biosdevname's (em1, p2p1). */
static bool is_card_name(const char *name)
{
	static const char *const prefixes[] = {"en", "eth", "em", NULL};

	return begins_with_any(name, prefixes) || (name[0] == 'p' && isdigit((unsigned char)name[1]));
}

/* Sort key of a name: kind, then its numbers. */
static void name_rank(const char *name, unsigned rank[4])
{
	unsigned number;

	memset(rank, 0, 4 * sizeof *rank);
	if (ens_number(name, &number)) {
		rank[1] = slot_rank(number);
	} else {
		rank[0] = is_card_name(name) ? 1 : 2;
		for (unsigned k = 1; k < 4 && *name; k++) {
			name += strcspn(name, "0123456789");
			rank[k] = (unsigned)strtoul(name, (char **)&name, 10);
		}
	}
}

struct wanted_ref {
	struct wanted *w;
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted_ref *x = a, *y = b;
	unsigned rank_x[4], rank_y[4];

	name_rank(x->w->name, rank_x);
	name_rank(y->w->name, rank_y);
	for (unsigned k = 0; k < 4; k++)
		if (rank_x[k] != rank_y[k])
			return rank_x[k] < rank_y[k] ? -1 : 1;
	return strcmp(x->w->name, y->w->name);
}

/* The card that VMware would have given this slot, counting the PCIe storage adapters that come before; -1. */
static int nic_by_predicted_slot(const struct assignment *s, const char *name)
{
	unsigned number, adapters = 0, seen_buses = 0;

	if (!ens_number(name, &number))
		return -1;
	VEC_FOR (d, &s->machine->disks) {
		unsigned bit = 1u << (d->bus & 7);
		bool pcie = d->controller == CONTROLLER_PVSCSI || d->controller == CONTROLLER_LSISAS ||
			    d->controller == CONTROLLER_NVME;

		if (pcie && !(seen_buses & bit))
			adapters++;
		if (pcie)
			seen_buses |= bit;
	}
	for (unsigned n = 0; n < s->machine->nics.n; n++)
		if (vmware_slot_of(adapters + n) == number && s->machine->nics.v[n].pci_slot < 0 &&
		    !given(s->inspection, n))
			return (int)n;
	return -1;
}

static size_t nics_left(const struct assignment *s)
{
	size_t left = 0;

	for (unsigned n = 0; n < s->machine->nics.n; n++)
		left += !given(s->inspection, n);
	return left;
}

/* The cards without a name, in the order in which a kernel on VMware finds them when every slot is known (function
 * numbers before ports, so 161 comes before 192), else in the machine's. */
static size_t cards_in_order(const struct assignment *s, bool as_kernel, size_t *ret)
{
	size_t n = 0;

	for (size_t nic = 0; nic < s->machine->nics.n && n < NAMES_MAX; nic++) {
		as_kernel &= s->machine->nics.v[nic].pci_slot >= 0;
		if (!given(s->inspection, (unsigned)nic))
			ret[n++] = nic;
	}
	for (size_t i = 1; as_kernel && i < n; i++)
		for (size_t k = i; k && vmware_slot_number((unsigned)s->machine->nics.v[ret[k]].pci_slot) <
					    vmware_slot_number((unsigned)s->machine->nics.v[ret[k - 1]].pci_slot);
		     k--) {
			size_t swap = ret[k];

			ret[k] = ret[k - 1];
			ret[k - 1] = swap;
		}
	return n;
}

/* What is left, name by name in VMware's order, card by card. */
static void by_order(struct assignment *s)
{
	struct wanted_ref order[NAMES_MAX];
	size_t cards[NAMES_MAX], n = 0;
	bool all_slots = true;

	VEC_FOR (w, &s->names) {
		unsigned number;

		if (w->nic >= 0)
			continue;
		all_slots &= ens_number(w->name, &number);
		order[n++].w = w;
	}
	qsort(order, n, sizeof *order, compare_wanted);

	size_t left = cards_in_order(s, !all_slots, cards);
	bool only = s->machine->nics.n == 1 && n == 1, sure = only || (all_slots && n == left);
	const char *reason = only	 ? "the machine has one network card and the guest configures one"
			     : all_slots ? "VMware gives slots in the order 160, 192, 224, 256, 161, …"
					 : "by the order of the network cards";

	for (size_t k = 0; k < n && k < left; k++)
		give(s, cards[k], order[k].w, !sure, reason);
}

static void by_predicted_slot(struct assignment *s)
{
	VEC_FOR (w, &s->names) {
		int nic = w->nic < 0 ? nic_by_predicted_slot(s, w->name) : -1;

		if (nic >= 0)
			give(s, (size_t)nic, w, false,
			     arena_printf(&s->arena, "VMware gives network card %d the slot that is %s in Linux",
					  nic + 1, w->name));
	}
}

/* Sections that match a MAC no card has and give no name: theirs is a card without any configuration yet whose MAC had
 * to be made up. */
static void by_lone_mac(struct assignment *s)
{
	size_t nic = 0, cards = nics_left(s), macs = 0;
	struct nic_name *last = NULL;

	VEC_FOR (c, &s->inspection->networks) {
		bool known = false;

		if (c->interface || !c->mac || nic_with(s->machine, c->mac))
			continue;
		VEC_FOR (n, &s->inspection->nic_names)
			known |= n->mac_was && strcmp(n->mac_was, c->mac) == 0;
		if (known)
			continue;
		while (nic < s->machine->nics.n &&
		       (given(s->inspection, (unsigned)nic) || !s->machine->nics.v[nic].mac_generated))
			nic++;
		if (nic == s->machine->nics.n)
			return;
		last =
		    give(s, nic, NULL, false,
			 arena_printf(&s->arena,
				      "%s:%u is for a MAC that no network card has; this card's MAC had to be made up",
				      c->file, c->line));
		last->mac_was = arena_strdup(&s->inspection->arena, c->mac);
		macs++;
	}
	if (macs != cards || macs > 1)
		VEC_FOR (n, &s->inspection->nic_names)
			n->guessed |= n->mac_was && !n->name;
}

/* What a card was called on the source when nothing names it; NULL: unknown. */
static char *source_name(struct assignment *s, const struct nic *n, const char **ret_reason)
{
	*ret_reason = "its name on the source, by VMware's pciSlotNumber";
	if (n->pci_slot >= 0)
		return slot_name(&s->arena, n->pci_slot);
	*ret_reason = "its name on the source, by its place in the machine";
	for (unsigned k = 0; k < NIC_NAMES; k++)
		if (n->names[k])
			return n->names[k];
	return NULL;
}

/* A card that nothing names still had a name on the source, which other files (firewall, containers) may use. */
static void by_source_name(struct assignment *s)
{
	for (size_t n = 0; n < s->machine->nics.n; n++) {
		const char *reason;
		struct nic_name *has = given(s->inspection, (unsigned)n);
		struct wanted w = {.name = source_name(s, &s->machine->nics.v[n], &reason)};

		if (!w.name || (has && has->name) || wanted_find(s, w.name))
			continue;
		if (has)
			has->name = arena_strdup(&s->inspection->arena, w.name);
		else
			give(s, n, &w, false, reason);
	}
}

void net_assign_names(const struct machine *m, bool predictable, struct inspection *i)
{
	struct assignment s = {.machine = m, .inspection = i};

	i->nic_names.n = 0;
	gather(&s);
	by_mac(&s);
	by_mac_in_name(&s);
	by_place(&s);
	by_slot(&s);
	by_predicted_slot(&s);
	by_order(&s);
	by_lone_mac(&s);
	if (predictable)
		by_source_name(&s);
	arena_done(&s.arena);
}
