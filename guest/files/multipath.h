/* Device mapper multipath: whether the guest reaches its disks over several paths (multipath.conf(5)). */
#ifndef REHOST_GUEST_FILES_MULTIPATH_H
#define REHOST_GUEST_FILES_MULTIPATH_H

#include "guest/guest.h"

#define MULTIPATH_CONF "/etc/multipath.conf"

/* True when multipath has kept a disk's identity: a line in its files of WWIDs or bindings. */
int multipath_used(struct guest *g, bool *ret, struct err *err);

/* The names that multipath.conf gives to maps ("alias data"), in the arena. */
int multipath_aliases(struct guest *g, struct arena *a, struct names *ret, struct err *err);

#endif
