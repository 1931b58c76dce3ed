/* Digests over nettle and XXH3 over libxxhash. */
#include "core/base/hash.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/sha.h>
#include <nettle/nettle-meta.h>
#include <xxhash.h>

struct digest {
	const struct nettle_hash *algorithm;
	union {
		struct sha1_ctx sha1;
		struct sha256_ctx sha256;
		struct sha512_ctx sha512;
	} state;
};

static const struct nettle_hash *algorithm_of(enum digest_kind kind)
{
	switch (kind) {
	case DIGEST_SHA1:
		return &nettle_sha1;
	case DIGEST_SHA256:
		return &nettle_sha256;
	case DIGEST_SHA512:
		return &nettle_sha512;
	case DIGEST_UNKNOWN:
		break;
	}
	return NULL;
}

struct digest *digest_new(enum digest_kind kind)
{
	const struct nettle_hash *algorithm = algorithm_of(kind);
	struct digest *d = algorithm ? calloc(1, sizeof *d) : NULL;

	if (!d)
		return NULL;
	d->algorithm = algorithm;
	algorithm->init(&d->state);
	return d;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	d->algorithm->update(&d->state, len, data);
}

static const char hex_digits[] = "0123456789abcdef";

static void to_hex(const uint8_t *raw, unsigned size, char *hex)
{
	for (unsigned i = 0; i < size; i++) {
		hex[2 * i] = hex_digits[raw[i] >> 4];
		hex[2 * i + 1] = hex_digits[raw[i] & 15];
	}
	hex[2 * size] = '\0';
}

void digest_end(struct digest *d, char hex[DIGEST_HEX_MAX])
{
	unsigned size = d->algorithm->digest_size;
	uint8_t raw[DIGEST_MAX];

	d->algorithm->digest(&d->state, size, raw);
	to_hex(raw, size, hex);
	digest_free(d);
}

bool digest_once(enum digest_kind kind, const void *data, size_t len, unsigned char raw[DIGEST_MAX])
{
	struct digest *d = digest_new(kind);

	if (!d)
		return false;
	digest_add(d, data, len);
	d->algorithm->digest(&d->state, d->algorithm->digest_size, raw);
	digest_free(d);
	return true;
}

void digest_free(struct digest *d)
{
	free(d);
}

size_t digest_size(enum digest_kind kind)
{
	const struct nettle_hash *algorithm = algorithm_of(kind);

	return algorithm ? algorithm->digest_size : 0;
}

const char *digest_name(enum digest_kind kind)
{
	const struct nettle_hash *algorithm = algorithm_of(kind);

	return algorithm ? algorithm->name : "unknown";
}

uint64_t hash_xxh3(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

uint64_t hash_xxh3_seeded(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

struct hash128 *hash128_new(void)
{
	XXH3_state_t *state = XXH3_createState();

	if (state)
		XXH3_128bits_reset(state);
	return (struct hash128 *)state;
}

void hash128_add(struct hash128 *h, const void *data, size_t len)
{
	XXH3_128bits_update((XXH3_state_t *)h, data, len);
}

void hash128_get(const struct hash128 *h, unsigned char ret[HASH128])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest((const XXH3_state_t *)h));
	memcpy(ret, canonical.digest, HASH128);
}

void hash128_reset(struct hash128 *h)
{
	XXH3_128bits_reset((XXH3_state_t *)h);
}

void hash128_free(struct hash128 *h)
{
	XXH3_freeState((XXH3_state_t *)h);
}

void hash128_hex(const unsigned char hash[HASH128], char hex[HASH128_HEX])
{
	to_hex(hash, HASH128, hex);
}

bool hash128_parse(const char *hex, unsigned char ret[HASH128])
{
	if (strlen(hex) != HASH128_HEX - 1)
		return false;
	for (unsigned i = 0; i < HASH128; i++) {
		const char *high = strchr(hex_digits, hex[2 * i]), *low = strchr(hex_digits, hex[2 * i + 1]);

		if (!high || !low)
			return false;
		ret[i] = (unsigned char)((high - hex_digits) << 4 | (low - hex_digits));
	}
	return true;
}
