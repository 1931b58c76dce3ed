/* Words as a shell takes them. */
#include "core/base/shell.h"

#include <string.h>

static bool is_plain(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+@%-";

	return *text && !text[strspn(text, plain)];
}

void shell_quoted(struct buf *b, const char *text)
{
	buf_adds(b, "'");
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(b, "'\\''");
		else
			buf_add(b, text, 1);
	}
	buf_adds(b, "'");
}

void shell_word(struct buf *b, const char *text)
{
	if (is_plain(text))
		buf_adds(b, text);
	else
		shell_quoted(b, text);
}

void shell_words(struct buf *b, const char *const *argv)
{
	for (const char *const *word = argv; *word; word++) {
		if (word != argv)
			buf_adds(b, " ");
		shell_word(b, *word);
	}
}
