/* A configuration for the live ISO (boot-iso/): put into the slot that the ISO has for one, or made a file of its own.
 */
#ifndef REHOST_RUN_ISO_H
#define REHOST_RUN_ISO_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* A word NAME=VALUE, or NAME alone (value NULL), as on the kernel's command line. */
struct iso_word {
	const char *name, *value;
};

/* Appends the words as one line; a value with white space gets quotes. ERR_USAGE: a value with a quote or a control
 * character, which the line can't hold. */
int iso_words_text(const struct iso_word *words, size_t n, struct buf *ret, struct err *err);

/* Writes `to`: a copy of the ISO `from` whose slot holds the text. Nothing else differs, and what the slot held is
 * gone. An existing `to` is ERR_BLOCKED unless force; the file is for its owner only, for it may hold a token. */
int iso_configure(const char *from, const char *to, const char *text, bool force, struct err *err);

/* Writes the text as a cpio archive, to be loaded behind the initrd by PXE. */
int iso_configuration_file(const char *to, const char *text, bool force, struct err *err);

#endif
