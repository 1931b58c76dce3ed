/* Commands that the guest itself runs once, at its first boot: what needs the guest's own programs. */
#ifndef REHOST_CONVERTERS_LINUX_FIRST_BOOT_H
#define REHOST_CONVERTERS_LINUX_FIRST_BOOT_H

#include "converters/step.h"

/* Where what the commands need is put; it goes when they have succeeded. */
#define FIRST_BOOT_FOLDER "/var/lib/rehost"

/* Can the guest's init be told? systemd, or links of init scripts. */
bool first_boot_possible(const struct step_context *c);

/* Runs a shell command in the background until it succeeds: every 10 seconds for five minutes, then at the next boot
 * again. Its output goes to /var/log/rehost-first-boot.log. One command a guest. */
int first_boot_add(const struct step_context *c, const char *command, const char *reason, struct err *err);

#endif
