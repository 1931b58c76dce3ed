/* Extents of ESXi snapshots: COWD (type VMFSSPARSE, "-delta.vmdk") and seSparse (type SESPARSE, "-sesparse.vmdk"). */
#ifndef REHOST_FORMATS_VMDK_ESX_H
#define REHOST_FORMATS_VMDK_ESX_H

#include "formats/block.h"

/* The extent as a block; what isn't allocated in it is EXTENT_HOLE, for the parent. Both take the file on success. */
int vmdk_cowd_open(struct block *file, struct block **ret, struct err *err);
int vmdk_sesparse_open(struct block *file, struct block **ret, struct err *err);

#endif
