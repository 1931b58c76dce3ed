/* VGA text: the characters of a text-mode screen, read from the adapter's memory through qemu's monitor. */
#ifndef REHOST_RUN_PROOF_VGATEXT_H
#define REHOST_RUN_PROOF_VGATEXT_H

#include "core/base/buf.h"

/* The command that reads the whole text window, since a kernel scrolls by moving the screen's start inside it. */
#define VGATEXT_COMMAND "xp /8192wx 0xb8000"

/* Decodes the command's answer into rows of 80 columns, without blank rows; each ends with a newline. Code page 437's
 * line drawing becomes '#', other characters beyond ASCII '?'. Nothing is added when the memory holds no text: then the
 * screen shows graphics. Returns -1 when the buffer's limit was passed. */
int vgatext_decode(const char *answer, struct buf *rows);

#endif
