/* systemd units: escaped names, and the devices that mount and swap units name. */
#ifndef REHOST_GUEST_FILES_UNIT_H
#define REHOST_GUEST_FILES_UNIT_H

#include "core/base/arena.h"

/* "/dev/disk/by-uuid/a-b" <-> "dev-disk-by\x2duuid-a\x2db" (systemd.unit(5), "String escaping for inclusion in unit
 * names"). */
char *unit_escape_path(struct arena *a, const char *path);
char *unit_unescape_path(struct arena *a, const char *name);

#endif
