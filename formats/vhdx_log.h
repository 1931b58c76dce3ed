/* The log of a VHDX, replayed in memory: a disk that was not closed is read without being written to. */
#ifndef REHOST_FORMATS_VHDX_LOG_H
#define REHOST_FORMATS_VHDX_LOG_H

#include "formats/block.h"
#include "formats/vhdx_header.h"

/* [MS-VHDX] 2.3.3. The file as it would be after the replay of its log, as a block that borrows file. The log
 * (at most VHDX_LOG_MAX) stays in memory, since its sectors are the new pages. */
int vhdx_log_replay(struct block *file, const struct vhdx_header *header, struct block **ret, struct err *err);

#endif
