/* The machine's disks written as images to a folder or a disk, with the inventory beside them: without a network. */
#ifndef REHOST_BOOT_ISO_AGENT_SAVING_H
#define REHOST_BOOT_ISO_AGENT_SAVING_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"
#include "boot-iso/agent/shown.h"

/* Writes the chosen disks below root ("/") as qcow2 into the folder NAME at what settings->to names, which appears
 * there when it is complete; what an earlier run of the same disks has left there is gone on with. *ret: where that is,
 * in words, owned by the arena. ERR_BLOCKED: the target isn't fit or a folder of that name is there; ERR_TEMPFAIL: too
 * little room; ERR_INTERRUPTED: cancelled, and kept. */
int saving_run(const struct settings *s, const struct hardware *h, const char *root, enum shown_machine machine,
	       struct uis *u, struct arena *a, char **ret, struct err *err);

#endif
