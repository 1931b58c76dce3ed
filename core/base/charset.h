/* Names in the character sets of other systems, as UTF-8 (the C library's iconv). */
#ifndef REHOST_CORE_BASE_CHARSET_H
#define REHOST_CORE_BASE_CHARSET_H

#include <stdbool.h>

#include "core/base/cleanup.h"

struct charset;

/* The set of this name, as Windows and VMware write it ("windows-1252", "GBK", "Shift_JIS"), whatever its case. Loads a
 * converter of the system, so before files are locked away. NULL: not one of our list, whose names alone are ever given
 * to the system, or this system has no converter for it. */
struct charset *charset_open(const char *name);
void charset_close(struct charset *c);
DEFINE_CLEANUP(struct charset *, charset_close)

/* True when the name means this set. c may be NULL. */
bool charset_is(const struct charset *c, const char *name);

/* malloc'ed; NULL: there are bytes that this set has not, or no memory. One thread at a time. */
char *charset_to_utf8(const struct charset *c, const char *text);

#endif
