/* Which of its disks the new machine starts from. */
#ifndef REHOST_RUN_BOOT_DISK_H
#define REHOST_RUN_BOOT_DISK_H

#include "core/model/machine.h"

/* startable[i]: disk i has a loader for the machine's firmware. When the first disk has none and another one does, that
 * one comes first in the boot order and a note says so: a BIOS would start the first disk and hang. An order that the
 * source states stays. */
void boot_disk_choose(struct machine *m, const bool *startable);

#endif
