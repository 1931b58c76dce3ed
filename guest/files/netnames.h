/* Which interface name belongs to which network card of the machine.
 *
 * Evidence, best first: the guest's own files state the card's MAC; what udev made of the card's place on a physical
 * machine; VMware's pciSlotNumber; the order in which VMware
 * gives slots; the order of the cards.
 */
#ifndef REHOST_GUEST_FILES_NETNAMES_H
#define REHOST_GUEST_FILES_NETNAMES_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* Fills i->networks from the guest's files (again from nothing). */
int net_survey(struct guest *g, struct inspection *i, struct err *err);

/* Fills i->nic_names from i->networks and the machine (again from nothing). predictable: cards that no file names still
 * had a name by their place on the source. */
void net_assign_names(const struct machine *m, bool predictable, struct inspection *i);

/* The number in "ensN" that Linux makes of VMware's pciSlotNumber (KB 2047927: function, bus, device; the slot's own
 * number is that of function 0 plus the function): 192 is 192, 1184 is 161. */
unsigned vmware_slot_number(unsigned pci_slot);

/* The n-th PCIe slot that VMware gives out, counting from 0: 160, 192, 224, 256, 161, 193 … */
unsigned vmware_slot_of(unsigned n);

/* True when the guest's udev names cards by their place ("ens192"), not in order of discovery ("eth0"). */
bool net_predictable_names(struct guest *g, const struct inspection *i);

/* True when the guest has udev; without it (Alpine's mdev) the kernel's names are all there is. */
bool net_has_udev(struct guest *g);

/* True when the guest's udev reads .link files (systemd 209 and later). */
bool net_reads_link_files(struct guest *g);

/* True when the guest's udev knows ATTR{}, DRIVERS and the like in rules (098 and later). It is told by the folder of
 * the distribution's rules, which came later still: between the two udev knows the old keys, too. */
bool net_udev_knows_attr(struct guest *g);

#endif
