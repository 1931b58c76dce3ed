/* Compressed grains of streamOptimized extents: finding their directory, and inflating them. */
#ifndef REHOST_FORMATS_VMDK_STREAM_H
#define REHOST_FORMATS_VMDK_STREAM_H

#include "formats/vmdk_sparse.h"
#include "formats/vmdk_tables.h"

/* Tables of an extent whose header leaves the directory's place to the footer (VMDK_GD_AT_END): by the footer, which
 * must agree with the header, else by following the markers from the first grain to the end-of-stream marker. A file
 * that ends before that is ERR_CORRUPT. */
int vmdk_stream_tables(struct block *file, const struct vmdk_header *h, const struct vmdk_geometry *g,
		       struct vmdk_tables **ret, struct err *err);

/* The last footer in the 64 KiB before the end of the file; *ret_off, its byte in the file, is 0 when there is none. */
int vmdk_stream_footer(struct block *file, struct vmdk_header *ret, uint64_t *ret_off, struct err *err);

/* Reads inflated bytes. */
struct vmdk_inflater;
int vmdk_inflater_new(struct block *file, struct vmdk_tables *tables, const struct vmdk_geometry *g,
		      struct vmdk_inflater **ret, struct err *err); /* borrows file and tables */
void vmdk_inflater_free(struct vmdk_inflater *i);

/* len bytes at off, a range inside the extent. Thread-safe. */
int vmdk_inflater_read(struct vmdk_inflater *i, void *buf, size_t len, uint64_t off, struct err *err);

#endif
