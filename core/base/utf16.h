/* UTF-16 names of Windows as UTF-8. */
#ifndef REHOST_CORE_BASE_UTF16_H
#define REHOST_CORE_BASE_UTF16_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the text up to a NUL character or to the end of the bytes, with a NUL behind it. Returns its length in bytes,
 * or -1: an odd number of bytes, a lone surrogate, a control character, or no room in size bytes. */
int utf16_to_utf8(const void *in, size_t bytes, bool big_endian, char *out, size_t size);

#endif
