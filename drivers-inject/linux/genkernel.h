/* Images of genkernel (Gentoo): linuxrc loads the modules that lists in etc/modules name, of the groups in MY_HWOPTS.
 */
#ifndef REHOST_DRIVERS_INJECT_LINUX_GENKERNEL_H
#define REHOST_DRIVERS_INJECT_LINUX_GENKERNEL_H

#include "guest/files/initramfs.h"

/* The list that modules can be put into: "etc/modules/scsi"; a literal. NULL when this is no image of genkernel, or its
 * settings load no list. */
const char *genkernel_list(const struct initramfs *im);

/* A list that is loaded names the module; being in the image alone loads nothing. */
bool genkernel_loads(const struct initramfs *im, const char *module);

#endif
