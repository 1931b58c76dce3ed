/* AES as encrypted disks use it, and keys from passphrases. Disks are only read, so there is decryption only.
 *
 *     struct disk_cipher *c = disk_cipher_new(&(struct cipher_spec){CIPHER_XTS, CIPHER_IV_PLAIN64}, key, 64);
 *     disk_cipher_decrypt(c, first_sector, data, len);
 */
#ifndef REHOST_CORE_BASE_DISK_CIPHER_H
#define REHOST_CORE_BASE_DISK_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/hash.h"

enum { CIPHER_SECTOR = 512 /* bytes that have an IV of their own */, CIPHER_KEY_MAX = 64 };

enum cipher_mode { CIPHER_MODE_UNKNOWN = 0, CIPHER_XTS, CIPHER_CBC };
/* The IV of a sector: its number as 32 or 64 bits, or that encrypted with the SHA-256 of the key. */
enum cipher_iv { CIPHER_IV_UNKNOWN = 0, CIPHER_IV_PLAIN, CIPHER_IV_PLAIN64, CIPHER_IV_ESSIV_SHA256 };

struct cipher_spec {
	enum cipher_mode mode;
	enum cipher_iv iv;
};

struct disk_cipher;

/* Is this a length of key that the mode takes? XTS 32 and 64 bytes (AES-128 and 256), CBC 16, 24 and 32. */
bool disk_cipher_takes(const struct cipher_spec *spec, size_t key_len);
/* NULL when it isn't, or memory is out. */
struct disk_cipher *disk_cipher_new(const struct cipher_spec *spec, const void *key, size_t key_len);
void disk_cipher_free(struct disk_cipher *c); /* wipes the key; NULL is fine */
DEFINE_CLEANUP(struct disk_cipher *, disk_cipher_free)

/* In place; len is a multiple of CIPHER_SECTOR, and data begins with that sector. Safe from many threads. */
void disk_cipher_decrypt(const struct disk_cipher *c, uint64_t sector, void *data, size_t len);

/* PBKDF2 (RFC 8018) over HMAC of SHA-1, SHA-256 or SHA-512; false for another kind. */
bool kdf_pbkdf2(enum digest_kind kind, const void *secret, size_t secret_len, const void *salt, size_t salt_len,
		uint32_t iterations, void *key, size_t key_len);

#endif
