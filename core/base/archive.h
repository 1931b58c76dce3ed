/* The compressed streams a kernel accepts as an initramfs, read by magic and written so that the kernel reads them. */
#ifndef REHOST_CORE_BASE_ARCHIVE_H
#define REHOST_CORE_BASE_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Takes the next piece of what was inflated; -1 stops. */
typedef int archive_sink(void *opaque, const void *data, size_t len, struct err *err);

/* The compression that data begins with: "gzip", "xz", "zstd", "lz4" (legacy frames, the kernel's), "lz4-frame",
 * "bzip2", "lzma", "lzo"; "none" for anything else. A literal. */
const char *archive_probe(const void *data, size_t len);

/* Inflates the one compressed stream that data begins with, piece by piece into sink; what follows it is left alone.
 * *ret_used: bytes of the stream, from its magic to its last checksum (ret_used may be NULL). More than max bytes of
 * output, damage and truncation are ERR_CORRUPT; data that isn't compressed is ERR_CORRUPT too. */
int archive_inflate_to(const void *data, size_t len, uint64_t max, archive_sink *sink, void *opaque, size_t *ret_used,
		       struct err *err);

/* The same into a buffer, bounded by out->max. Data that isn't compressed is no error here: *ret_name is then "none",
 * out stays as it is and *ret_used is 0. */
int archive_inflate(const void *data, size_t len, struct buf *out, size_t *ret_used, const char **ret_name,
		    struct err *err);

/* Appends data compressed with "gzip", "xz" (check CRC32, as the kernel needs), "zstd" or "lz4" (legacy frames, as the
 * kernel needs) to out. The same input gives the same bytes. Other names are ERR_UNSUPPORTED. */
int archive_deflate(const char *name, const void *data, size_t len, struct buf *out, struct err *err);

#endif
