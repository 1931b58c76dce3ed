/* What an initramfs that the guest's generator made anew has lost of the old one. */
#ifndef REHOST_DRIVERS_INJECT_LINUX_LOST_H
#define REHOST_DRIVERS_INJECT_LINUX_LOST_H

#include "drivers-inject/linux/graft.h"

/* The first thing that the machine needs as before and that the new image hasn't: a sentence without its full stop, in
 * the new plan's arena; NULL: nothing. Both images could be read. */
const char *image_lost(struct graft_plan *new, struct graft_plan *old, const struct inspection *i);

#endif
