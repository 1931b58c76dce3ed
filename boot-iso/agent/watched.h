/* A disk that is watched while it is read: how much, and how far. */
#ifndef REHOST_BOOT_ISO_AGENT_WATCHED_H
#define REHOST_BOOT_ISO_AGENT_WATCHED_H

#include <stdatomic.h>

#include "formats/block.h"

/* Takes the disk, which is closed when there is no memory (NULL). */
struct block *watched_new(struct block *disk);

/* Bytes that were read since the beginning, and the place behind the last byte that was read since watched_rewind():
 * a copy reads in order. */
uint64_t watched_read(const struct block *b);
uint64_t watched_place(const struct block *b);
void watched_rewind(struct block *b);
/* Once that is set reads fail: ERR_INTERRUPTED, "cancelled". Before the first read. */
void watched_stop(struct block *b, const atomic_bool *stop);

#endif
