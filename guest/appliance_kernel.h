/* Is there a kernel that supermin can build the appliance from? And if not, the fix as one line. */
#ifndef REHOST_GUEST_APPLIANCE_KERNEL_H
#define REHOST_GUEST_APPLIANCE_KERNEL_H

#include "core/base/buf.h"
#include "core/base/err.h"

/* Looks where supermin looks, beneath root ("" the host, else a folder for tests); LIBGUESTFS_PATH and SUPERMIN_KERNEL
 * are honoured. 0: there is one, found says which; else ERR_HOST, whose text ends in the fix. */
int appliance_kernel_check(const char *root, struct buf *found, struct err *err);

#endif
