/* Single gzip members in memory; whole files are unpack.h. */
#ifndef REHOST_CORE_BASE_GUNZIP_H
#define REHOST_CORE_BASE_GUNZIP_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Takes the next piece of what was inflated; -1 stops. */
typedef int gunzip_sink(void *opaque, const void *data, size_t len, struct err *err);

/* Inflates the one member that in begins with, piece by piece; *ret_used: its bytes, what follows is left alone. Damage
 * and a cut member are ERR_CORRUPT. */
int gunzip_member(const void *in, size_t in_len, gunzip_sink *sink, void *opaque, size_t *ret_used, struct err *err);

/* Appends data as one member, without name and time; over 4 GiB is ERR_UNSUPPORTED. */
int gzip_member(const void *data, size_t len, struct buf *out, struct err *err);

#endif
