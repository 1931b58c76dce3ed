/* Base64 (RFC 4648, section 4). */
#include "core/base/base64.h"

#include <stdint.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_add(struct buf *out, const void *data, size_t len)
{
	const unsigned char *in = data;
	char *to = len <= SIZE_MAX / 2 ? buf_reserve(out, (len + 2) / 3 * 4) : NULL, *at = to;

	if (!to)
		return len ? -1 : 0;
	for (size_t left; len; in += left, len -= left) {
		uint32_t bits = (uint32_t)in[0] << 16 | (len > 1 ? (uint32_t)in[1] << 8 : 0) | (len > 2 ? in[2] : 0);

		left = len < 3 ? len : 3;
		for (unsigned i = 0; i < 4; i++)
			*at++ = i <= left ? letters[bits >> (18 - 6 * i) & 63] : '=';
	}
	buf_commit(out, (size_t)(at - to));
	return 0;
}
