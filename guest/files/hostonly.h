/* What an initramfs that was made for one machine (dracut's hostonly, initramfs-tools' cryptroot) knows of its devices.
 */
#ifndef REHOST_GUEST_FILES_HOSTONLY_H
#define REHOST_GUEST_FILES_HOSTONLY_H

#include "guest/files/devices.h"

/* How the member of an image names devices: arguments in etc/cmdline.d, volumes that are opened, or a hook
 * that waits for one; NULL: it doesn't.
 * *ret_waits tells which (may be NULL). */
device_walker *hostonly_walker(const char *member, bool *ret_waits);

/* The device whose unit initrd.target waits for, by a member's path, in the arena; NULL when it is no such member. */
char *hostonly_awaited(const char *member, struct arena *a);

/* The member that ends the wait for that unit after a second. */
char *hostonly_timeout(const char *member, struct arena *a);

#endif
