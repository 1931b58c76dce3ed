/* The text of a VMX file: "key = value" lines. */
#include "sources/vmx_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/charset.h"
#include "core/base/cleanup.h"
#include "core/base/utf8.h"
#include "sources/text.h"

enum {
	LINES_MAX = 8192, /* real files have 40 to 300; this many make the search for doubles 33 million compares */
	KEY_MAX = 128,
};

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "|22" stands for the byte 0x22. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		int high = *s == '|' ? hex(s[1]) : -1, low = high < 0 ? -1 : hex(s[2]);

		if (low < 0 || (!high && !low)) {
			*to++ = *s++;
		} else {
			*to++ = (char)(high << 4 | low);
			s += 3;
		}
	}
	*to = '\0';
}

static size_t trimmed(const char **s, const char *end)
{
	while (*s < end && strchr(" \t\r", **s))
		++*s;
	while (end > *s && strchr(" \t\r", end[-1]))
		end--;
	return (size_t)(end - *s);
}

const char *vmx_get(const struct vmx_keys *k, const char *key)
{
	VEC_FOR (e, &k->entries)
		if (!strcasecmp(e->key, key))
			return e->value;
	return NULL;
}

const char *vmx_getf(const struct vmx_keys *k, const char *fmt, ...)
{
	char key[KEY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(key, sizeof key, fmt, ap);
	va_end(ap);
	return vmx_get(k, key);
}

static int add(struct vmx_keys *k, const char *key, size_t key_len, const char *value, size_t value_len, unsigned line,
	       struct err *err)
{
	struct vmx_entry e = {.key = arena_strndup(&k->arena, key, key_len)};
	char *raw = arena_strndup(&k->arena, value, value_len);

	if (k->lines++ == LINES_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d lines with keys", LINES_MAX);
	if (vmx_get(k, e.key)) {
		machine_note(k->notes, "line %u: '%s' is there twice, the first counts", line, e.key);
		return 0;
	}
	unescape(raw);
	e.value = text_utf8(&k->arena, raw);
	*vec_push(&k->arena, &k->entries) = e;
	return 0;
}

struct line {
	const char *key, *value; /* key NULL: blank or a comment */
	size_t key_len, value_len;
};

/* NULL, or why it can't be used. */
static const char *split(const char *s, const char *end, struct line *ret)
{
	const char *equals, *quote;
	size_t n = trimmed(&s, end);

	*ret = (struct line){0};
	if (!n || *s == '#')
		return NULL;
	equals = memchr(s, '=', n);
	if (!equals)
		return "has no '='";
	ret->value = equals + 1;
	ret->value_len = trimmed(&ret->value, s + n);
	if (ret->value_len && *ret->value == '"') {
		quote = memchr(++ret->value, '"', --ret->value_len);
		if (quote)
			ret->value_len = (size_t)(quote - ret->value);
	}
	ret->key_len = trimmed(&s, equals);
	ret->key = s;
	return ret->key_len && ret->key_len < KEY_MAX ? NULL : "has no usable key";
}

static int parse_line(struct vmx_keys *k, const char *s, const char *end, unsigned number, struct err *err)
{
	struct line line;
	const char *unusable = split(s, end, &line);

	if (unusable)
		machine_note(k->notes, "line %u %s and was left out", number, unusable);
	if (unusable || !line.key)
		return 0;
	return add(k, line.key, line.key_len, line.value, line.value_len, number, err);
}

static const char *line_end(const char *text, const char *end)
{
	const char *newline = memchr(text, '\n', (size_t)(end - text));

	return newline ? newline : end;
}

/* What the file says of itself; NULL nothing. */
static const char *stated_encoding(struct vmx_keys *k, const char *text, const char *end)
{
	static const char key[] = ".encoding";
	const char *next;
	struct line line;

	for (; text < end; text = next + (next < end)) {
		next = line_end(text, end);
		if (!split(text, next, &line) && line.key_len == strlen(key) &&
		    !strncasecmp(line.key, key, line.key_len))
			return arena_strndup(&k->arena, line.value, line.value_len);
	}
	return NULL;
}

/* The whole text in UTF-8, since in GBK, Big5 and Shift_JIS '|' may be half of a character; NULL: as it is. */
static char *translated(struct vmx_keys *k, const char *text, size_t len)
{
	const char *name = stated_encoding(k, text, text + len);
	AUTO(charset_closep) struct charset *charset = name ? charset_open(name) : NULL;
	char *ret = charset ? charset_to_utf8(charset, arena_strndup(&k->arena, text, len)) : NULL;

	if (name && !ret && !utf8_valid(text, len))
		machine_note(k->notes, "the file can't be read in its encoding, '%s': names may be wrong", name);
	return ret;
}

int vmx_keys_parse(struct vmx_keys *k, const char *text, size_t len, struct err *err)
{
	AUTO_FREE char *utf8 = NULL;
	unsigned line = 1;

	if (memchr(text, '\0', len))
		return err_set(err, ERR_CORRUPT, "it has NUL bytes: not a VMX file");
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	} else {
		utf8 = translated(k, text, len);
	}
	if (utf8) {
		text = utf8;
		len = strlen(utf8);
	}
	for (const char *end = text + len, *next; text < end; text = next + (next < end), line++) {
		next = line_end(text, end);
		if (parse_line(k, text, next, line, err) < 0)
			return -1;
	}
	if (!vmx_get(k, "config.version") && !vmx_get(k, "virtualHW.version") && !vmx_get(k, "displayName"))
		return err_set(err, ERR_CORRUPT,
			       "neither config.version nor virtualHW.version nor displayName is there: not a VMX file");
	return 0;
}
