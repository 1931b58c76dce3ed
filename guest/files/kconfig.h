/* A kernel's configuration (/boot/config-VERSION): which options are built in, which are modules. */
#ifndef REHOST_GUEST_FILES_KCONFIG_H
#define REHOST_GUEST_FILES_KCONFIG_H

#include <stdbool.h>

/* 'y' built in, 'm' a module, 'n' neither; text may be NULL. option with its prefix: "CONFIG_VIRTIO_BLK". */
char kconfig_get(const char *text, const char *option);

/* True when the configuration builds this module in; false for modules whose option isn't known here. For kernels from
 * before modules.builtin (2.6.32). */
bool kconfig_builds_in(const char *text, const char *module);

#endif
