/* A list of words. */
#include "boot-iso/agent/words.h"

#include <string.h>

struct words split_words(struct arena *a, const char *text, const char *separators)
{
	struct words ret = {0};

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, separators);

		if (len)
			*vec_push(a, &ret) = arena_strndup(a, p, len);
		p += len + (p[len] != '\0');
	}
	return ret;
}
