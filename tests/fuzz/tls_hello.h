/* A TLS 1.3 ClientHello (RFC 8446, 4.1.2) as fuzz_tls changes it: where its extensions are, and its binder made right.
 */
#ifndef REHOST_TESTS_FUZZ_TLS_HELLO_H
#define REHOST_TESTS_FUZZ_TLS_HELLO_H

#include <nettle/hmac.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/bytes.h"

enum {
	HELLO_EXTENSIONS_MAX = 20,
	HELLO_RECORD = 5,   /* bytes of a record's header */
	HELLO_SESSION = 43, /* behind the headers, the version and the random bytes */
	HELLO_PSK = 41,	    /* pre_shared_key */
	HELLO_DIGEST = 32,
};

struct hello_extension {
	uint16_t type;
	size_t at, len; /* of its header; of what is in it */
};

/* Skips a list with a length of so many bytes; false: it ends behind the input. */
static inline bool hello_skip(const uint8_t *data, size_t size, size_t *at, unsigned width)
{
	size_t len;

	if (*at + width > size)
		return false;
	len = width == 1 ? data[*at] : get_be16(data + *at);
	*at += width + len;
	return *at <= size;
}

static inline size_t hello_extensions(const uint8_t *data, size_t size, struct hello_extension e[HELLO_EXTENSIONS_MAX])
{
	size_t at = HELLO_SESSION, n = 0;

	if (!hello_skip(data, size, &at, 1) || !hello_skip(data, size, &at, 2) || !hello_skip(data, size, &at, 1))
		return 0;
	for (at += 2; at + 4 <= size && n < HELLO_EXTENSIONS_MAX; n++) {
		e[n] = (struct hello_extension){get_be16(data + at), at, get_be16(data + at + 2)};
		if (e[n].len > size - at - 4)
			break;
		at += 4 + e[n].len;
	}
	return n;
}

static inline void hello_hmac(const void *key, size_t key_len, const void *text, size_t len, uint8_t out[HELLO_DIGEST])
{
	struct hmac_sha256_ctx c;

	hmac_sha256_set_key(&c, key_len, key);
	hmac_sha256_update(&c, len, text);
	hmac_sha256_digest(&c, HELLO_DIGEST, out);
}

/* HKDF-Expand-Label (RFC 8446, 7.1) to one digest. */
static inline void hello_expand(uint8_t secret[HELLO_DIGEST], const char *label, const uint8_t *context,
				size_t context_len)
{
	uint8_t info[128] = {0, HELLO_DIGEST}, out[HELLO_DIGEST];
	size_t n = 3, len = strlen(label);

	info[2] = (uint8_t)(6 + len);
	memcpy(info + n, "tls13 ", 6);
	memcpy(info + n + 6, label, len);
	n += 6 + len;
	info[n++] = (uint8_t)context_len;
	memcpy(info + n, context, context_len);
	n += context_len;
	info[n++] = 1;
	hello_hmac(secret, HELLO_DIGEST, info, n, out);
	memcpy(secret, out, HELLO_DIGEST);
}

/* What proves the key: RFC 8446, 4.2.11.2. */
static inline void hello_binder(const uint8_t *hello, size_t len, const uint8_t key[32], uint8_t binder[HELLO_DIGEST])
{
	static const uint8_t zeros[HELLO_DIGEST];
	uint8_t secret[HELLO_DIGEST], digest[HELLO_DIGEST];
	struct sha256_ctx c;

	sha256_init(&c);
	sha256_digest(&c, HELLO_DIGEST, digest); /* of nothing */
	hello_hmac(zeros, sizeof zeros, key, 32, secret);
	hello_expand(secret, "ext binder", digest, sizeof digest);
	hello_expand(secret, "finished", digest, 0);
	sha256_update(&c, len, hello);
	sha256_digest(&c, HELLO_DIGEST, digest);
	hello_hmac(secret, sizeof secret, digest, sizeof digest, binder);
}

/* Makes the lengths around the extensions right, and the binder of a pre-shared key that comes last. */
static inline void hello_seal(uint8_t *data, size_t size, const uint8_t key[32])
{
	struct hello_extension e[HELLO_EXTENSIONS_MAX];
	size_t n = hello_extensions(data, size, e), end, at;

	if (!n)
		return;
	end = e[n - 1].at + 4 + e[n - 1].len;
	if (end > size || end > UINT16_MAX)
		return;
	put_be16(data + 3, (uint16_t)(end - HELLO_RECORD));
	put_be16(data + 7, (uint16_t)(end - HELLO_RECORD - 4));
	put_be16(data + e[0].at - 2, (uint16_t)(end - e[0].at));
	at = end - HELLO_DIGEST - 3;
	if (e[n - 1].type != HELLO_PSK || e[n - 1].len < HELLO_DIGEST + 3)
		return;
	hello_binder(data + HELLO_RECORD, at - HELLO_RECORD, key, data + at + 3);
}

/* A ServerHello with the random bytes that mean "another group" (RFC 8446, 4.1.3). */
static inline bool hello_is_retry_request(const uint8_t *data, size_t size)
{
	static const uint8_t magic[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};

	return size > 43 && data[0] == 22 && data[5] == 2 && !memcmp(data + 11, magic, sizeof magic);
}

#endif
