/* Index of a tar file: where each member's bytes are, so that they are read in place and never extracted. */
#ifndef REHOST_SOURCES_TAR_H
#define REHOST_SOURCES_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"

struct tar_member {
	char *name;	    /* without "./" in front; relative, without ".." */
	uint64_t off, size; /* bytes of content in the tar file */
};

struct tar_index {
	struct arena arena;
	VEC(struct tar_member) members; /* regular files only, in file order */
};

/* True when head (of a file, at least 512 bytes) is a tar header with a right checksum. */
bool tar_bid(const void *head, size_t len);

/* Reads the headers of ustar (POSIX 1003.1-1988), pax (POSIX 1003.1-2001) and GNU tar files; ERR_CORRUPT for damage and
 * truncation, ERR_POLICY for names that lead outside and for members that are not plain files (links, devices, sparse
 * ones): an OVA needs none of them. Folders and AppleDouble files ("._x") are left out. */
int tar_read(int fd, uint64_t file_size, struct tar_index *ret, struct err *err);
void tar_done(struct tar_index *t);

#endif
