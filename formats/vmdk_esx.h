/* Extents of ESXi snapshots: COWD (type VMFSSPARSE, "-delta.vmdk") and seSparse (type SESPARSE, "-sesparse.vmdk"). */
#ifndef REHOST_FORMATS_VMDK_ESX_H
#define REHOST_FORMATS_VMDK_ESX_H

#include "formats/block.h"

/* The extent as a block; what isn't allocated in it is EXTENT_HOLE, for the parent. Both take the file on success. */
int vmdk_cowd_open(struct block *file, struct block **ret, struct err *err);
int vmdk_sesparse_open(struct block *file, struct block **ret, struct err *err);

/* The structure checks of the same (formats/check.h); they borrow the file. */
struct check;
int vmdk_cowd_check(struct block *file, struct check *c, struct err *err);
int vmdk_sesparse_check(struct block *file, struct check *c, struct err *err);

#endif
