/* Digests: SHA-1/256/512 for manifests and evidence (nettle), XXH3 for our own ledgers (libxxhash). */
#ifndef REHOST_CORE_BASE_HASH_H
#define REHOST_CORE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"

enum digest_kind { DIGEST_UNKNOWN = 0, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };
enum { DIGEST_MAX = 64, DIGEST_HEX_MAX = 2 * DIGEST_MAX + 1 };

struct digest; /* running */
/* NULL when kind is unknown or memory is out. */
struct digest *digest_new(enum digest_kind kind);
void digest_add(struct digest *d, const void *data, size_t len);
/* Lower-case hex; frees d. */
void digest_end(struct digest *d, char hex[DIGEST_HEX_MAX]);
void digest_free(struct digest *d); /* NULL is fine */
DEFINE_CLEANUP(struct digest *, digest_free)
/* The bytes of the digest of data; false as for digest_new(). */
bool digest_once(enum digest_kind kind, const void *data, size_t len, unsigned char raw[DIGEST_MAX]);
size_t digest_size(enum digest_kind kind);	/* bytes */
const char *digest_name(enum digest_kind kind); /* "sha256" */

uint64_t hash_xxh3(const void *data, size_t len);
uint64_t hash_xxh3_seeded(const void *data, size_t len, uint64_t seed);

/* XXH3-128, in its canonical order of bytes. */
enum { HASH128 = 16, HASH128_HEX = 2 * HASH128 + 1 };

struct hash128;			   /* running */
struct hash128 *hash128_new(void); /* NULL: out of memory */
void hash128_add(struct hash128 *h, const void *data, size_t len);
/* The hash of all that was added, which may go on. */
void hash128_get(const struct hash128 *h, unsigned char ret[HASH128]);
/* Begins anew. */
void hash128_reset(struct hash128 *h);
void hash128_free(struct hash128 *h); /* NULL is fine */
DEFINE_CLEANUP(struct hash128 *, hash128_free)
/* 32 lower-case digits and back; false when they are anything else. */
void hash128_hex(const unsigned char hash[HASH128], char hex[HASH128_HEX]);
bool hash128_parse(const char *hex, unsigned char ret[HASH128]);

#endif
