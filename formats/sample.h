/* A hash over samples of a disk: what tells one from another without reading it all. */
#ifndef REHOST_FORMATS_SAMPLE_H
#define REHOST_FORMATS_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "formats/block.h"

/* XXH3-64, chained: what was so far (0 at first), the size, and 32 blocks of 64 KiB, the first, the last and the rest
 * evenly between; all when there are no more. A block for which read() returns -1 counts as such. Only memory can lack:
 * ERR_INTERNAL. */
int sample_hash(uint64_t *hash, uint64_t size, int (*read)(void *opaque, void *buf, size_t len, uint64_t off),
		void *opaque, struct err *err);
/* The same of a disk, and what a system that ran from it changed: the first and the last MiB, the first 128 KiB of each
 * partition and of each segment of LVM's logical volumes (256 of both at most), the begin of NTFS' MFT, and 256 places
 * of 4 KiB by chance. At most some 50 MiB are read. A bad sector counts as such; ERR_TEMPFAIL: the disk couldn't be
 * asked. */
int sample_block(struct block *b, uint64_t *hash, struct err *err);

#endif
