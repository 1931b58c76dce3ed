/* The machine's disks shown to the conversion host until it is done. */
#ifndef REHOST_BOOT_ISO_AGENT_IMAGING_H
#define REHOST_BOOT_ISO_AGENT_IMAGING_H

#include "boot-iso/agent/console.h"
#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"

/* Opens the chosen disks for reading only, dials the host that the settings name and shows its progress. The error's
 * codes are dial_run()'s (net/dial.h); ERR_INTERRUPTED when the user typed c. */
int imaging_run(const struct settings *s, const struct hardware *h, struct console *c, struct err *err);

#endif
