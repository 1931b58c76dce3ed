/* UTF-16 names of Windows as UTF-8: strict, since such a name is looked for and printed. */
#include "core/base/utf16.h"

#include "core/base/bytes.h"

static uint32_t unit_at(const unsigned char *p, bool big_endian)
{
	return big_endian ? get_be16(p) : get_le16(p);
}

/* The character at p (bytes ≥ 2 are there) and its length in bytes; 0 when it isn't one. */
static size_t character(const unsigned char *p, size_t bytes, bool big_endian, uint32_t *ret)
{
	uint32_t high = unit_at(p, big_endian), low;

	*ret = high;
	if (high < 0xd800 || high > 0xdfff)
		return 2;
	if (high > 0xdbff || bytes < 4)
		return 0;
	low = unit_at(p + 2, big_endian);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 4;
}

static size_t encode(uint32_t c, char out[4])
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return n;
}

int utf16_to_utf8(const void *in, size_t bytes, bool big_endian, char *out, size_t size)
{
	const unsigned char *p = in;
	size_t n = 0;

	if (bytes % 2 || !size)
		return -1;
	while (bytes) {
		char utf8[4];
		uint32_t c;
		size_t used = character(p, bytes, big_endian, &c), len;

		if (used && !c)
			break;
		if (!used || c < 0x20 || c == 0x7f)
			return -1;
		len = encode(c, utf8);
		if (n + len >= size)
			return -1;
		memcpy(out + n, utf8, len);
		n += len;
		p += used;
		bytes -= used;
	}
	out[n] = '\0';
	return (int)n;
}
