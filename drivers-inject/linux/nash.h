/* Images of Red Hat's old mkinitrd (RHEL 5): modules lie in lib/, and init is a script of nash(8) that names each one.
 */
#ifndef REHOST_DRIVERS_INJECT_LINUX_NASH_H
#define REHOST_DRIVERS_INJECT_LINUX_NASH_H

#include "guest/files/initramfs.h"
#include "guest/files/modules.h"

/* True for an image that nash starts, with an init in which modules can be put. */
bool nash_is(const struct initramfs *im);

/* The init that loads these modules too, behind those that it loads already and before it looks for block devices; in
 * the arena. The files are "/lib/NAME.ko". */
char *nash_init_with(const struct initramfs *im, const struct module_list *add, struct arena *a);

/* The name of a module's file in lib/, without compression: "virtio_blk.ko". */
char *nash_file(const struct module *module, struct arena *a);

#endif
