/* VHDX: the writer behind struct format.create. */
#ifndef REHOST_FORMATS_VHDX_H
#define REHOST_FORMATS_VHDX_H

#include "formats/open.h"

/* A dynamic disk, or with options->subformat a fixed one; logical sectors as options say (512 or 4096), physical ones
 * of 4096 bytes. Blocks of options->block_size bytes (a power of two, 1 to 256 MiB); 0: 2 MiB, and 32 MiB for disks
 * above 4 TiB. fd is open read-write and owned by the block on success. pwrite takes any range. Headers and tables are
 * written by finish(): until then the file is no image. ERR_UNSUPPORTED above 64 TiB. Memory: 4 bytes a block that is
 * written to, in pages. */
int vhdx_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		struct err *err);

#endif
