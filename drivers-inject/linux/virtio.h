/* Which virtio a kernel speaks. */
#ifndef REHOST_DRIVERS_INJECT_LINUX_VIRTIO_H
#define REHOST_DRIVERS_INJECT_LINUX_VIRTIO_H

#include "drivers-inject/linux/graft.h"

/* Virtio 1.0, which devices on PCI Express need: 4.1 and later, or a virtio_pci with the parameter that came with it.
 */
int virtio_is_modern(struct graft_plan *p, bool *ret, struct err *err);

#endif
