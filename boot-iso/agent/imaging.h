/* The machine's disks shown to the conversion host until it is done. */
#ifndef REHOST_BOOT_ISO_AGENT_IMAGING_H
#define REHOST_BOOT_ISO_AGENT_IMAGING_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"
#include "boot-iso/agent/ui.h"

/* Opens the chosen disks below root ("/") for reading only, dials the host that the settings name and shows how far it
 * is. live: nobody else uses the disks, so the kernel is told to refuse writes to them. The error's codes are
 * dial_run()'s (net/dial.h); ERR_INTERRUPTED when the user cancelled. */
int imaging_run(const struct settings *s, const struct hardware *h, const char *root, bool live, struct uis *u,
		struct err *err);

#endif
