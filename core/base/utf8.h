/* UTF-8, as strict as XML and JSON want it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef REHOST_CORE_BASE_UTF8_H
#define REHOST_CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins at s (n > 0 bytes are there): 1 to 4, or 0 when it isn't valid. */
static inline size_t utf8_char(const char *s, size_t n)
{
	const unsigned char *c = (const unsigned char *)s;
	size_t len = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f)) /* overlong; surrogates */
		return 0;
	if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)) /* overlong; above U+10FFFF */
		return 0;
	return len;
}

static inline bool utf8_valid(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_char(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

/* Makes text that came from outside fit for a terminal: control characters (C0, DEL and, as UTF-8, C1) become '?', so
 * that no name can move a cursor, and so do all bytes of what turns the direction of the text behind it or breaks a
 * line (Unicode's UAX #9, table 4, U+2028, U+2029). With one_line newlines and tabs too, so that none can begin a line
 * of its own. */
void utf8_defuse(char *s, bool one_line);

#endif
