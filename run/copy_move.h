/* What a copy leaves to the kernel: bytes that stand in a file as the disk has them, and go into a file as they are,
 * are shared (reflink) or copied without a way through our memory. */
#ifndef REHOST_RUN_COPY_MOVE_H
#define REHOST_RUN_COPY_MOVE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "formats/block.h"

struct copy_move {
	struct block *source, *target;
	uint64_t unit;	       /* of the target: bytes, a power of two */
	_Atomic bool no_share; /* the file system can't, as was tried */
	_Atomic bool no_copy;
};

/* Reads and writes [off, off+len) of the disk, as usual. */
typedef int copy_move_usual(void *opaque, uint64_t off, uint64_t len, struct err *err);

/* Nothing is moved in the life of this copy: whoever starts it needs the bytes, or source or target can't. */
bool copy_move_possible(const struct block *source, const struct block *target);

/* Copies [off, off+len), which begins at a unit: by the kernel where it can, by usual() else, which also looks at
 * pieces that may be zeros. Ranges without data are left out. *ret_moved: data bytes that the kernel moved. */
int copy_move_range(struct copy_move *m, uint64_t off, uint64_t len, copy_move_usual *usual, void *opaque,
		    uint64_t *ret_moved, struct err *err);

#endif
