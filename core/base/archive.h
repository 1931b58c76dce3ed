/* Archives over libarchive: only tar, cpio(newc) and zip, only the filters named here; nothing is ever extracted to
 * disk. */
#ifndef REHOST_CORE_BASE_ARCHIVE_H
#define REHOST_CORE_BASE_ARCHIVE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct archive_entry_info {
	const char *name; /* as stored */
	const char *link; /* symlink target or hardlink name, NULL */
	mode_t mode;	  /* type and permissions */
	uint64_t size;
	uint32_t rdev_major, rdev_minor;
	int64_t mtime;
};

/* Decompresses a whole buffer (gzip, xz, zstd, lz4, bzip2, lzma by their magic, several members concatenated) of which
 * only the first compressed stream is wanted; *ret_used tells where it ended in the input. max bounds the output
 * (out->max). ret_name: "gzip" …, "none" when data is not compressed (then nothing is done and *ret_used is 0). */
int archive_inflate(const void *data, size_t len, struct buf *out, size_t *ret_used, const char **ret_name,
		    struct err *err);

/* Compresses a whole buffer with the named filter: "gzip", "xz" (check CRC32, as the kernel needs), "zstd", "lz4"
 * (legacy format, as the kernel needs). */
int archive_deflate(const char *name, const void *data, size_t len, struct buf *out, struct err *err);

/* Calls fn for each entry of one uncompressed newc cpio archive at data; data_at points at the entry's content inside
 * data. Stops at TRAILER!!!; *ret_used is where the archive ended (behind the trailer). Bounded by len. */
typedef int archive_entry_fn(const struct archive_entry_info *e, const void *content, void *opaque, struct err *err);
int archive_cpio_each(const void *data, size_t len, archive_entry_fn *fn, void *opaque, size_t *ret_used,
		      struct err *err);

/* Appends one newc entry / the trailer to out, 4-byte aligned. */
int archive_cpio_add(struct buf *out, const struct archive_entry_info *e, const void *content);
int archive_cpio_end(struct buf *out);

#endif
