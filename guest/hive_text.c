/* Registry data as text. */
#include "guest/hive_text.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"

enum {
	SHOWN_MAX = 64,		/* bytes of binary data in a record */
	REPLACEMENT = 0xfffd,	/* for what is no character */
	TEXTS_SHOWN_MAX = 1000, /* of a REG_MULTI_SZ */
};

/* ------------------------------------------------------------------------------------------------------- UTF-16 */

static size_t put_utf8(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The character at *at, which moves on. */
static uint32_t next_char(const uint8_t *data, size_t len, size_t *at)
{
	uint32_t c = get_le16(data + *at), low;

	*at += 2;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c > 0xdbff || len - *at < 2)
		return REPLACEMENT;
	low = get_le16(data + *at);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	*at += 2;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

char *reg_text_next(struct arena *a, const uint8_t *data, size_t len, size_t *ret_used)
{
	size_t units = 0, n = 0, at = 0;
	char *ret;

	while (units + 1 < len && get_le16(data + units))
		units += 2;
	ret = arena_alloc(a, units / 2 * 3 + 1); /* a pair of units takes four bytes */
	while (at < units)
		n += put_utf8(next_char(data, units, &at), ret + n);
	*ret_used = units + 2 > len ? len : units + 2;
	return ret;
}

char *reg_text(struct arena *a, const uint8_t *data, size_t len)
{
	size_t used;

	return reg_text_next(a, data, len, &used);
}

/* Decodes one character of strict UTF-8; returns its length, 0 when it is none. */
static size_t get_utf8(const char *text, uint32_t *ret)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = *p < 0x80		     ? 1
		   : *p >= 0xc2 && *p < 0xe0 ? 2
		   : (*p & 0xf0) == 0xe0     ? 3
		   : *p >= 0xf0 && *p < 0xf5 ? 4
					     : 0;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	*ret = n < 2 ? *p : *p & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*ret = *ret << 6 | (p[i] & 0x3f);
	}
	return *ret < least[n] || *ret > 0x10ffff || (*ret >= 0xd800 && *ret <= 0xdfff) ? 0 : n;
}

static int put_unit(struct buf *out, uint32_t unit)
{
	uint8_t bytes[2];

	put_le16(bytes, (uint16_t)unit);
	return buf_add(out, bytes, sizeof bytes);
}

int reg_text_encode(const char *text, struct buf *out, struct err *err)
{
	int failed = 0;

	for (size_t n; *text; text += n) {
		uint32_t c;

		n = get_utf8(text, &c);
		if (!n)
			return err_set(err, ERR_INTERNAL, "a text for the registry is no UTF-8");
		if (c >= 0x10000) {
			failed |= put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		failed |= put_unit(out, c);
	}
	failed |= put_unit(out, 0);
	return failed ? err_set(err, ERR_UNSUPPORTED, "a text for the registry is over %zu bytes", out->max) : 0;
}

/* ------------------------------------------------------------------------------------------------------ records */

/* As .reg files quote; line breaks would end the line. */
static void put_quoted(struct buf *out, const char *text)
{
	buf_adds(out, "\"");
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			buf_addf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*text);
		else
			buf_add(out, text, 1);
	buf_adds(out, "\"");
}

static void put_texts(struct buf *out, const struct reg_value *v)
{
	AUTO(arena_done) struct arena a = {0};
	size_t at = 0, used;

	for (unsigned n = 0; at + 1 < v->len && get_le16(v->data + at); at += used, n++) {
		if (n == TEXTS_SHOWN_MAX) {
			buf_adds(out, ",…");
			return;
		}
		if (n)
			buf_adds(out, ",");
		put_quoted(out, reg_text_next(&a, v->data + at, v->len - at, &used));
	}
}

static void put_text(struct buf *out, const struct reg_value *v)
{
	AUTO(arena_done) struct arena a = {0};

	put_quoted(out, reg_text(&a, v->data, v->len));
}

static void put_bytes(struct buf *out, const struct reg_value *v)
{
	size_t shown = v->len > SHOWN_MAX ? SHOWN_MAX : v->len;

	if (v->type == REG_BINARY)
		buf_adds(out, "hex:");
	else
		buf_addf(out, "hex(%" PRIx32 "):", v->type);
	for (size_t i = 0; i < shown; i++)
		buf_addf(out, "%s%02x", i ? "," : "", v->data[i]);
	if (shown < v->len)
		buf_addf(out, ",… (%zu bytes)", v->len);
}

void reg_line(struct buf *out, const struct reg_value *v)
{
	if (*v->name)
		put_quoted(out, v->name);
	else
		buf_adds(out, "@");
	buf_adds(out, "=");
	if (v->type == REG_DWORD && v->len == 4) {
		buf_addf(out, "dword:%08" PRIx32, get_le32(v->data));
	} else if (v->type == REG_QWORD && v->len == 8) {
		buf_addf(out, "qword:%016" PRIx64, get_le64(v->data));
	} else if (v->type == REG_SZ) {
		put_text(out, v);
	} else if (v->type == REG_EXPAND_SZ) {
		buf_adds(out, "expand_sz:");
		put_text(out, v);
	} else if (v->type == REG_MULTI_SZ) {
		buf_adds(out, "multi_sz:");
		put_texts(out, v);
	} else {
		put_bytes(out, v);
	}
	buf_adds(out, "\n");
}
