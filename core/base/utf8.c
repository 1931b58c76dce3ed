/* Text from outside, made harmless. */
#include "core/base/utf8.h"

#include <string.h>

/* Bytes of the control or formatting character at s, which is NUL-terminated; 0: it is none. */
static size_t unfit(const char *s)
{
	static const char *const turns[] = {
	    "\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
	    "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
	};
	const unsigned char *c = (const unsigned char *)s;

	if (c[0] < ' ' || c[0] == 0x7f)
		return 1;
	if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
		return 2;
	for (size_t i = 0; c[0] > 0x7f && i < sizeof turns / sizeof *turns; i++)
		if (!strncmp(s, turns[i], strlen(turns[i])))
			return strlen(turns[i]);
	return 0;
}

void utf8_defuse(char *s, bool one_line)
{
	for (size_t n; *s; s += n) {
		n = unfit(s);
		if (n && (one_line || (*s != '\n' && *s != '\t')))
			memset(s, '?', n);
		n = n ? n : 1;
	}
}
