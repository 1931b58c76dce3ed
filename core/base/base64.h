/* Base64 (RFC 4648, section 4), for data: links and for the hashes of a Content-Security-Policy. */
#ifndef REHOST_CORE_BASE_BASE64_H
#define REHOST_CORE_BASE_BASE64_H

#include <stddef.h>

#include "core/base/buf.h"

/* Appends the text, padded, without line breaks; -1 when the buffer's limit would be passed. */
int base64_add(struct buf *out, const void *data, size_t len);

#endif
