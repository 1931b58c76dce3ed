/* AES-XTS and AES-CBC by sector, and PBKDF2, over nettle. */
#include "core/base/disk_cipher.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/pbkdf2.h>

#include "core/base/bytes.h"

enum { BLOCK = AES_BLOCK_SIZE, BLOCKS = CIPHER_SECTOR / BLOCK };

/* AES with a key of one of three lengths. */
union aes {
	struct aes128_ctx k128;
	struct aes192_ctx k192;
	struct aes256_ctx k256;
};

struct disk_cipher {
	struct cipher_spec spec;
	union aes data; /* decrypts */
	union aes iv;	/* encrypts: the tweak of XTS, the sector number of ESSIV */
	nettle_cipher_func *decrypt, *encrypt_iv;
};

static void set_decrypt(struct disk_cipher *c, const uint8_t *key, size_t len)
{
	if (len == AES128_KEY_SIZE) {
		aes128_set_decrypt_key(&c->data.k128, key);
		c->decrypt = (nettle_cipher_func *)aes128_decrypt;
	} else if (len == AES192_KEY_SIZE) {
		aes192_set_decrypt_key(&c->data.k192, key);
		c->decrypt = (nettle_cipher_func *)aes192_decrypt;
	} else {
		aes256_set_decrypt_key(&c->data.k256, key);
		c->decrypt = (nettle_cipher_func *)aes256_decrypt;
	}
}

static void set_encrypt_iv(struct disk_cipher *c, const uint8_t *key, size_t len)
{
	if (len == AES128_KEY_SIZE) {
		aes128_set_encrypt_key(&c->iv.k128, key);
		c->encrypt_iv = (nettle_cipher_func *)aes128_encrypt;
	} else {
		aes256_set_encrypt_key(&c->iv.k256, key);
		c->encrypt_iv = (nettle_cipher_func *)aes256_encrypt;
	}
}

static bool set_essiv(struct disk_cipher *c, const void *key, size_t len)
{
	uint8_t hash[DIGEST_MAX];

	if (!digest_once(DIGEST_SHA256, key, len, hash))
		return false;
	set_encrypt_iv(c, hash, AES256_KEY_SIZE);
	explicit_bzero(hash, sizeof hash);
	return true;
}

bool disk_cipher_takes(const struct cipher_spec *spec, size_t len)
{
	switch (spec->mode) {
	case CIPHER_XTS:
		return len == 2 * AES128_KEY_SIZE || len == 2 * AES256_KEY_SIZE;
	case CIPHER_CBC:
		return len == AES128_KEY_SIZE || len == AES192_KEY_SIZE || len == AES256_KEY_SIZE;
	case CIPHER_MODE_UNKNOWN:
		break;
	}
	return false;
}

struct disk_cipher *disk_cipher_new(const struct cipher_spec *spec, const void *key, size_t len)
{
	AUTO(disk_cipher_freep) struct disk_cipher *c = calloc(1, sizeof *c);
	const uint8_t *bytes = key;

	if (!c || !disk_cipher_takes(spec, len))
		return NULL;
	c->spec = *spec;
	if (spec->mode == CIPHER_XTS) {
		/* XTS-AES has two keys: the first for the data, the second for the tweak. */
		set_decrypt(c, bytes, len / 2);
		set_encrypt_iv(c, bytes + len / 2, len / 2);
	} else {
		set_decrypt(c, bytes, len);
		if (spec->iv == CIPHER_IV_ESSIV_SHA256 && !set_essiv(c, key, len))
			return NULL;
	}
	return take_ptr(&c);
}

void disk_cipher_free(struct disk_cipher *c)
{
	if (c)
		explicit_bzero(c, sizeof *c);
	free(c);
}

static void make_iv(const struct disk_cipher *c, uint64_t sector, uint8_t iv[BLOCK])
{
	memset(iv, 0, BLOCK);
	put_le64(iv, c->spec.iv == CIPHER_IV_PLAIN ? (uint32_t)sector : sector);
	if (c->spec.iv == CIPHER_IV_ESSIV_SHA256)
		c->encrypt_iv(&c->iv, BLOCK, iv, iv);
}

/* The tweaks of a sector's blocks: each is the one before times x in GF(2^128) with x^128 + x^7 + x^2 + x + 1,
 * IEEE 1619 section 5.2. */
static void make_tweaks(const struct disk_cipher *c, uint64_t sector, uint64_t tweak[2 * BLOCKS])
{
	uint8_t iv[BLOCK];
	uint64_t low, high;

	make_iv(c, sector, iv);
	c->encrypt_iv(&c->iv, BLOCK, iv, iv);
	low = get_le64(iv);
	high = get_le64(iv + 8);
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint64_t carry = high >> 63;

		tweak[2 * i] = htole64(low);
		tweak[2 * i + 1] = htole64(high);
		high = high << 1 | low >> 63;
		low = low << 1 ^ (carry ? 0x87 : 0);
	}
}

static void add_tweaks(uint8_t *data, const uint64_t tweak[2 * BLOCKS])
{
	for (unsigned i = 0; i < 2 * BLOCKS; i++) {
		uint64_t v;

		memcpy(&v, data + 8 * i, sizeof v);
		v ^= tweak[i];
		memcpy(data + 8 * i, &v, sizeof v);
	}
}

/* A whole sector at a time, because nettle is ten times as fast on many blocks as on one. */
static void decrypt_xts(const struct disk_cipher *c, uint64_t sector, uint8_t *data)
{
	uint64_t tweak[2 * BLOCKS];

	make_tweaks(c, sector, tweak);
	add_tweaks(data, tweak);
	c->decrypt(&c->data, CIPHER_SECTOR, data, data);
	add_tweaks(data, tweak);
}

void disk_cipher_decrypt(const struct disk_cipher *c, uint64_t sector, void *data, size_t len)
{
	uint8_t *at = data, iv[BLOCK];

	for (; len >= CIPHER_SECTOR; len -= CIPHER_SECTOR, at += CIPHER_SECTOR, sector++) {
		if (c->spec.mode == CIPHER_XTS) {
			decrypt_xts(c, sector, at);
			continue;
		}
		make_iv(c, sector, iv);
		cbc_decrypt(&c->data, c->decrypt, BLOCK, iv, CIPHER_SECTOR, at, at);
	}
}

bool kdf_pbkdf2(enum digest_kind kind, const void *secret, size_t secret_len, const void *salt, size_t salt_len,
		uint32_t iterations, void *key, size_t key_len)
{
	switch (kind) {
	case DIGEST_SHA1:
		pbkdf2_hmac_sha1(secret_len, secret, iterations, salt_len, salt, key_len, key);
		return true;
	case DIGEST_SHA256:
		pbkdf2_hmac_sha256(secret_len, secret, iterations, salt_len, salt, key_len, key);
		return true;
	case DIGEST_SHA512:
		pbkdf2_hmac_sha512(secret_len, secret, iterations, salt_len, salt, key_len, key);
		return true;
	case DIGEST_UNKNOWN:
		break;
	}
	return false;
}
