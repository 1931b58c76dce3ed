/* The text of a VMX file: "key = value" lines. */
#include "sources/vmx_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

static int parse_line(struct vmx_keys *k, const char *s, const char *end, unsigned line, struct err *err)
{
	const char *equals, *value, *quote;
	size_t n = trimmed(&s, end), value_len;

	if (!n || *s == '#')
		return 0;
	equals = memchr(s, '=', n);
	if (!equals) {
		machine_note(k->notes, "line %u has no '=' and was left out", line);
		return 0;
	}
	value = equals + 1;
	value_len = trimmed(&value, s + n);
	if (value_len && *value == '"') {
		quote = memchr(value + 1, '"', value_len - 1);
		value_len = quote ? (size_t)(quote - value - 1) : value_len - 1;
		value++;
	}
	n = trimmed(&s, equals);
	if (!n || n >= KEY_MAX) {
		machine_note(k->notes, "line %u has no usable key and was left out", line);
		return 0;
	}
	return add(k, s, n, value, value_len, line, err);
}

int vmx_keys_parse(struct vmx_keys *k, const char *text, size_t len, struct err *err)
{
	unsigned line = 1;

	if (memchr(text, '\0', len))
		return err_set(err, ERR_CORRUPT, "it has NUL bytes: not a VMX file");
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	for (const char *end = text + len; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (parse_line(k, text, newline ? newline : end, line, err) < 0)
			return -1;
		text = newline ? newline + 1 : end;
	}
	if (!vmx_get(k, "config.version") && !vmx_get(k, "virtualHW.version") && !vmx_get(k, "displayName"))
		return err_set(err, ERR_CORRUPT,
			       "neither config.version nor virtualHW.version nor displayName is there: not a VMX file");
	return 0;
}
