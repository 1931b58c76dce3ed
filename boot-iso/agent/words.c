/* A list of words. */
#include "boot-iso/agent/words.h"

#include <string.h>

#include "core/base/utf8.h"

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

char *clean_text(char *text)
{
	for (char *p = text; *p;) {
		size_t len = utf8_char(p, strnlen(p, 4));

		if (!len || (len == 2 && *p == '\xc2' && (unsigned char)p[1] < 0xa0)) {
			*p++ = '?';
			continue;
		}
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f)
			*p = ' ';
		p += len;
	}
	return text;
}
