/* QR codes for a terminal. */
#ifndef REHOST_CORE_BASE_QR_H
#define REHOST_CORE_BASE_QR_H

#include <stdbool.h>

#include "core/base/buf.h"

/* Appends the text as a QR code, two rows of it a line, in the terminal's default colours turned round: light modules
 * are blocks, dark ones spaces, for the dark background that most have; a reader takes both. UTF-8. False: built
 * without libqrencode, or the text is too long for one. */
bool qr_print(const char *text, struct buf *to);

#endif
