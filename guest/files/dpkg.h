/* dpkg's database: which packages are installed, in which version. */
#ifndef REHOST_GUEST_FILES_DPKG_H
#define REHOST_GUEST_FILES_DPKG_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "guest/guest.h"

struct dpkg;

/* Reads /var/lib/dpkg/status; a guest without it has no packages. */
int dpkg_open(struct guest *g, struct dpkg **ret, struct err *err);
void dpkg_close(struct dpkg *d);
DEFINE_CLEANUP(struct dpkg *, dpkg_close)

/* The version of an installed package, NULL when it isn't installed. */
const char *dpkg_version(const struct dpkg *d, const char *package);

#endif
