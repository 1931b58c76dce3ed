/* Labels for new files, from the guest's own SELinux policy: /etc/selinux/config and its file_contexts. */
#ifndef REHOST_GUEST_SELINUX_H
#define REHOST_GUEST_SELINUX_H

#include "guest/guest.h"

struct selinux;

/* Reads the guest's policy; a guest without SELinux, or with it disabled, gives an object that labels nothing. */
int selinux_open(struct guest *g, struct selinux **ret, struct err *err);
void selinux_close(struct selinux *s);
DEFINE_CLEANUP(struct selinux *, selinux_close)

bool selinux_enabled(const struct selinux *s);

/* The label of a path of the given type (S_IFREG, S_IFDIR …) as setfiles(8) would choose it; borrowed. NULL: the policy
 * has none, or says <<none>>. */
const char *selinux_label(const struct selinux *s, const char *path, mode_t type);

#endif
