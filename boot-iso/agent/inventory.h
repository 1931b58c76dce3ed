/* What the host is told of this machine (docs/p2v.md, "The inventory"), and which disks and cards are chosen. */
#ifndef REHOST_BOOT_ISO_AGENT_INVENTORY_H
#define REHOST_BOOT_ISO_AGENT_INVENTORY_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"

/* Leaves out the disks and cards that the settings don't name; a disk that they name is taken, whatever it is, but for
 * the live medium. ERR_USAGE when they name one that isn't there, ERR_BLOCKED when no disk is left. */
int inventory_choose(struct hardware *h, const struct settings *s, struct err *err);

/* The JSON object. name: of the guest; NULL: the product and its serial number. */
struct json *inventory_json(const struct hardware *h, const char *name);

/* A name for the guest that no other machine has: the product and its serial number, or the first card's address. */
char *inventory_name(const struct hardware *h, struct arena *a);

#endif
