/* Digests: SHA-1/256/512 for manifests and evidence (nettle), XXH3-64 for our own ledger (libxxhash). */
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

#endif
