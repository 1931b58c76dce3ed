/* A disk that is watched while it is read: how much, and how far. */
#ifndef REHOST_BOOT_ISO_AGENT_WATCHED_H
#define REHOST_BOOT_ISO_AGENT_WATCHED_H

#include <stdatomic.h>

#include "formats/block.h"

/* Takes the disk and both descriptors of it, which are closed when there is no memory (NULL). direct_fd: opened without
 * the kernel's cache (O_DIRECT), -1: none. Where a read fails and is as short as those that narrow a bad place down, it
 * is tried there: the cache reads pages, and loses the good sectors around a bad one. size_fd is asked for the disk's
 * size then: of one that has dropped off its bus all reads fail with ERR_TEMPFAIL, which is no bad place. */
struct block *watched_new(struct block *disk, int size_fd, int direct_fd);
/* Whether it is still there, as far as the kernel knows: ERR_TEMPFAIL. */
int watched_check(const struct block *b, struct err *err);

/* Bytes that were read since the beginning, and the place behind the last byte that was read since watched_rewind():
 * a copy reads in order. */
uint64_t watched_read(const struct block *b);
uint64_t watched_place(const struct block *b);
void watched_rewind(struct block *b);
/* Once that is set reads fail: ERR_INTERRUPTED, "cancelled". Before the first read. */
void watched_stop(struct block *b, const atomic_bool *stop);

#endif
