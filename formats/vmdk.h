/* VMDK: the writer behind struct format.create. */
#ifndef REHOST_FORMATS_VMDK_H
#define REHOST_FORMATS_VMDK_H

#include "formats/open.h"

enum { VMDK_STREAM_LEVEL = 5 /* of deflate: the least that makes grains no larger than zlib's default */ };

/* A streamOptimized disk, as OVAs hold it: version 3, grains of 64 KiB deflated in the threads that write them. The
 * file is written in one pass from its beginning to its end: what settled() hasn't let go yet is kept in memory, 16 MiB
 * at most, then writers that are far ahead wait. pwrite takes whole grains (the last one may be cut by the end of the
 * disk), each once. name goes into the descriptor. fd is open read-write and owned by the block on success.
 * ERR_UNSUPPORTED above 62 TiB, and when the file would grow beyond 2 TiB. */
int vmdk_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		struct err *err);

#endif
