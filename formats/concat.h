/* Blocks one behind the other as one: the pieces of a split disk. */
#ifndef REHOST_FORMATS_CONCAT_H
#define REHOST_FORMATS_CONCAT_H

#include "formats/block.h"

enum { CONCAT_MAX = 4096 /* each holds a file descriptor; 8 TiB in pieces of 2 GiB */ };

/* n > 0 parts, whole; takes them (not the array) on success. ops: NULL, or the operations below under another name. */
int concat_open(const struct block_ops *ops, const char *name, struct block *const *parts, size_t n, struct block **ret,
		struct err *err);

int concat_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err);
int concat_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err);
int concat_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err);
void concat_close(struct block *b);

#endif
