/* Words as a shell takes them: for commands that people copy, and for scripts that we write. */
#ifndef REHOST_CORE_BASE_SHELL_H
#define REHOST_CORE_BASE_SHELL_H

#include "core/base/buf.h"

/* Appends text as one word, which any POSIX shell reads back byte by byte: bare when no character of it means something
 * to a shell, else in single quotes. */
void shell_word(struct buf *b, const char *text);
/* The same, always in quotes. */
void shell_quoted(struct buf *b, const char *text);

/* All of a NULL-terminated argv, with a space between. */
void shell_words(struct buf *b, const char *const *argv);

#endif
