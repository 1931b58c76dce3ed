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

#endif
