/* qcow2, versions 2 and 3: the writer behind struct format.create. */
#ifndef REHOST_FORMATS_QCOW2_H
#define REHOST_FORMATS_QCOW2_H

#include "formats/open.h"

/* A version 3 image without backing file, written in one pass. fd is open read-write and owned by the block on success.
 * pwrite takes whole clusters (the last one may be cut by the end of the disk); zeros become unallocated clusters, or
 * stay where they have room by options->preallocation, which excludes a codec. The tables are written once by finish(),
 * the header last: until then the file is no image. Limits: cluster size 512 B to 2 MiB, 64 TiB, and what qemu can open
 * (L1 table 32 MiB, refcount table 8 MiB), else ERR_UNSUPPORTED. Memory: 64 MiB for the map at most, but for
 * preallocated images (formats/qcow2_map.h); with a codec also 2 MiB (or a cluster) a thread that writes; finish() 10
 * MiB. */
int qcow2_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		 struct err *err);

#endif
