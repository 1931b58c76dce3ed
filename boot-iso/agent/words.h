/* A list of words in an arena. */
#ifndef REHOST_BOOT_ISO_AGENT_WORDS_H
#define REHOST_BOOT_ISO_AGENT_WORDS_H

#include "core/base/arena.h"

/* vec_push() and VEC_FOR work on it. */
struct words {
	char **v;
	size_t n, cap;
};

/* What stands between the separators, without what is empty. */
struct words split_words(struct arena *a, const char *text, const char *separators);

/* Makes it fit for a terminal, in place: of what comes from the machine's firmware or from the host nothing moves a
 * cursor. Control characters but newlines become spaces; those of C1, and what isn't UTF-8, question marks. */
char *clean_text(char *text);

#endif
