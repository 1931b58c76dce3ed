/* LUKS version 1: the header, and how a passphrase becomes the key of the volume. */
#include "formats/luks.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"

/* Section 2.1: byte offsets, big endian. */
enum {
	H_MAGIC = 0,
	H_VERSION = 6,
	H_CIPHER = 8,
	H_MODE = 40,
	H_HASH = 72,
	H_KEY_BYTES = 108,
	H_DIGEST = 112,
	H_DIGEST_SALT = 132,
	H_DIGEST_ITERATIONS = 164,
	H_UUID = 168,
	H_SLOTS = 208,
	TEXT = 32, /* bytes of cipher, mode and hash */
	UUID = 40,

	S_SIZE = 48,
	S_ACTIVE = 0,
	S_ITERATIONS = 4,
	S_SALT = 8,
	S_MATERIAL = 40, /* sectors */
	S_STRIPES = 44,
	SECTOR = 512,
};
#define SLOT_ACTIVE   UINT32_C(0x00ac71f3)
#define SLOT_INACTIVE UINT32_C(0x0000dead)

static const unsigned char magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};

/* A text of the header, for comparing and for messages. */
static void read_text(const unsigned char *from, size_t len, char *ret)
{
	memcpy(ret, from, len);
	ret[len] = '\0';
	for (char *c = ret; *c; c++)
		*c = isprint((unsigned char)*c) ? *c : '?';
}

static int read_cipher(const unsigned char *raw, struct luks_header *h, struct err *err)
{
	static const struct {
		const char *mode;
		struct cipher_spec spec;
	} known[] = {
	    {"xts-plain64", {CIPHER_XTS, CIPHER_IV_PLAIN64}},		{"xts-plain", {CIPHER_XTS, CIPHER_IV_PLAIN}},
	    {"cbc-plain64", {CIPHER_CBC, CIPHER_IV_PLAIN64}},		{"cbc-plain", {CIPHER_CBC, CIPHER_IV_PLAIN}},
	    {"cbc-essiv:sha256", {CIPHER_CBC, CIPHER_IV_ESSIV_SHA256}},
	};
	char cipher[TEXT + 1], mode[TEXT + 1];

	read_text(raw + H_CIPHER, TEXT, cipher);
	read_text(raw + H_MODE, TEXT, mode);
	for (size_t i = 0; !strcmp(cipher, "aes") && i < sizeof known / sizeof *known; i++)
		if (!strcmp(known[i].mode, mode))
			h->cipher = known[i].spec;
	if (!h->cipher.mode)
		return err_set(err, ERR_UNSUPPORTED,
			       "LUKS header: cipher '%s-%s': aes-xts-plain64, aes-cbc-plain64 and "
			       "aes-cbc-essiv:sha256 are read",
			       cipher, mode);
	h->key_bytes = get_be32(raw + H_KEY_BYTES);
	if (!disk_cipher_takes(&h->cipher, h->key_bytes))
		return err_set(err, ERR_CORRUPT, "LUKS header: a key of %" PRIu32 " bytes for cipher '%s-%s'",
			       h->key_bytes, cipher, mode);
	return 0;
}

static int read_hash(const unsigned char *raw, struct luks_header *h, struct err *err)
{
	char name[TEXT + 1];

	read_text(raw + H_HASH, TEXT, name);
	for (int k = DIGEST_SHA1; k <= DIGEST_SHA512; k++)
		if (!strcmp(digest_name((enum digest_kind)k), name))
			h->hash = (enum digest_kind)k;
	if (h->hash)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "LUKS header: hash '%s': sha1, sha256 and sha512 are read", name);
}

static int check_iterations(const char *what, uint32_t n, struct err *err)
{
	if (n && n <= LUKS_ITERATIONS_MAX)
		return 0;
	return err_set(err, ERR_CORRUPT, "LUKS header: %s takes %" PRIu32 " iterations, 1 to %d are possible", what, n,
		       LUKS_ITERATIONS_MAX);
}

static int read_slot(const unsigned char *raw, unsigned i, uint64_t len, struct luks_header *h, struct err *err)
{
	struct luks_slot *s = &h->slot[i];
	uint32_t state = get_be32(raw + S_ACTIVE), stripes = get_be32(raw + S_STRIPES);
	char what[16];

	if (state != SLOT_ACTIVE && state != SLOT_INACTIVE)
		return err_set(err, ERR_CORRUPT, "LUKS header: key slot %u has the state 0x%08" PRIx32, i, state);
	s->active = state == SLOT_ACTIVE;
	if (!s->active)
		return 0;
	s->iterations = get_be32(raw + S_ITERATIONS);
	s->material = (uint64_t)get_be32(raw + S_MATERIAL) * SECTOR;
	memcpy(s->salt, raw + S_SALT, LUKS_SALT);
	snprintf(what, sizeof what, "key slot %u", i);
	if (check_iterations(what, s->iterations, err) < 0)
		return -1;
	if (stripes != LUKS_STRIPES)
		return err_set(err, ERR_CORRUPT, "LUKS header: key slot %u has %" PRIu32 " stripes, %d are possible", i,
			       stripes, LUKS_STRIPES);
	if (s->material < LUKS_HEADER_SIZE || !range_inside(s->material, (uint64_t)h->key_bytes * LUKS_STRIPES, len))
		return err_set(err, ERR_CORRUPT,
			       "LUKS header: key slot %u has its key material at 0x%" PRIx64 ": there are 0x%" PRIx64
			       " bytes",
			       i, s->material, len);
	return 0;
}

int luks_header_read(struct block *file, uint64_t off, uint64_t len, struct luks_header *h, struct err *err)
{
	unsigned char raw[LUKS_HEADER_SIZE];
	unsigned version;

	*h = (struct luks_header){.key_bytes = 0};
	if (len < sizeof raw || !range_inside(off, len, file->size))
		return err_set(err, ERR_CORRUPT,
			       "LUKS header: %" PRIu64 " bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64, len, off,
			       file->size);
	if (block_pread(file, raw, sizeof raw, off, err) < 0)
		return err_wrap(err, "LUKS header");
	version = get_be16(raw + H_VERSION);
	if (memcmp(raw, magic, sizeof magic) != 0)
		return err_set(err, ERR_CORRUPT, "LUKS header: there is none at 0x%" PRIx64, off);
	if (version != 1)
		return err_set(err, ERR_UNSUPPORTED, "LUKS header: version %u, 1 is read", version);
	if (read_cipher(raw, h, err) < 0 || read_hash(raw, h, err) < 0)
		return -1;
	memcpy(h->digest, raw + H_DIGEST, LUKS_DIGEST);
	memcpy(h->digest_salt, raw + H_DIGEST_SALT, LUKS_SALT);
	h->digest_iterations = get_be32(raw + H_DIGEST_ITERATIONS);
	read_text(raw + H_UUID, UUID, h->uuid);
	if (check_iterations("the key's digest", h->digest_iterations, err) < 0)
		return -1;
	for (unsigned i = 0; i < LUKS_SLOTS; i++)
		if (read_slot(raw + H_SLOTS + (size_t)i * S_SIZE, i, len, h, err) < 0)
			return -1;
	return 0;
}

/* Section 2.4: each piece of the block, as long as a digest, becomes the digest of its number and itself. */
static bool diffuse(enum digest_kind hash, unsigned char *block, size_t len)
{
	size_t step = digest_size(hash);
	unsigned char in[4 + DIGEST_MAX], out[DIGEST_MAX];

	for (uint32_t i = 0; (size_t)i * step < len; i++) {
		size_t n = min_u64(step, len - (size_t)i * step);

		put_be32(in, i);
		memcpy(in + 4, block + (size_t)i * step, n);
		if (!digest_once(hash, in, 4 + n, out))
			return false;
		memcpy(block + (size_t)i * step, out, n);
	}
	explicit_bzero(in, sizeof in);
	explicit_bzero(out, sizeof out);
	return true;
}

/* Section 2.4, AFmerge: the key out of its stripes. */
static bool merge_stripes(enum digest_kind hash, const unsigned char *material, size_t key_bytes, unsigned char *key)
{
	memset(key, 0, key_bytes);
	for (unsigned i = 0; i < LUKS_STRIPES; i++, material += key_bytes) {
		if (i && !diffuse(hash, key, key_bytes))
			return false;
		for (size_t k = 0; k < key_bytes; k++)
			key[k] ^= material[k];
	}
	return true;
}

static bool is_volume_key(const struct luks_header *h, const unsigned char *key)
{
	unsigned char digest[LUKS_DIGEST];

	return kdf_pbkdf2(h->hash, key, h->key_bytes, h->digest_salt, LUKS_SALT, h->digest_iterations, digest,
			  sizeof digest) &&
	       !memcmp(digest, h->digest, sizeof digest);
}

/* Decrypts a slot's material with the key that the passphrase gives; key gets what comes of it, right or wrong. */
static int open_slot(const struct luks_header *h, const struct luks_slot *s, const void *secret, size_t len,
		     unsigned char *material, unsigned char *key, struct err *err)
{
	AUTO(disk_cipher_freep) struct disk_cipher *c = NULL;
	size_t sectors = align_up((uint64_t)h->key_bytes * LUKS_STRIPES, SECTOR);

	if (kdf_pbkdf2(h->hash, secret, len, s->salt, LUKS_SALT, s->iterations, key, h->key_bytes))
		c = disk_cipher_new(&h->cipher, key, h->key_bytes);
	if (!c)
		return err_nomem(err);
	disk_cipher_decrypt(c, 0, material, sectors);
	return merge_stripes(h->hash, material, h->key_bytes, key) ? 0 : err_nomem(err);
}

static int try_slot(struct block *file, uint64_t off, const struct luks_header *h, const struct luks_slot *s,
		    const void *secret, size_t len, struct disk_cipher **ret, struct err *err)
{
	size_t bytes = (size_t)h->key_bytes * LUKS_STRIPES;
	/* The last sector may be used in part only. */
	AUTO_FREE unsigned char *material = calloc(1, align_up(bytes, SECTOR));
	unsigned char key[CIPHER_KEY_MAX];
	int found = -1;

	if (!material)
		return err_nomem(err);
	if (block_pread(file, material, bytes, off + s->material, err) == 0 &&
	    open_slot(h, s, secret, len, material, key, err) == 0) {
		found = is_volume_key(h, key);
		*ret = found ? disk_cipher_new(&h->cipher, key, h->key_bytes) : NULL;
		if (found && !*ret)
			found = err_nomem(err);
	}
	explicit_bzero(key, sizeof key);
	explicit_bzero(material, bytes);
	return found;
}

int luks_unlock(struct block *file, uint64_t off, const struct luks_header *h, const void *secret, size_t len,
		struct disk_cipher **ret, struct err *err)
{
	int found = 0;

	for (unsigned i = 0; i < LUKS_SLOTS && !found; i++)
		if (h->slot[i].active)
			found = try_slot(file, off, h, &h->slot[i], secret, len, ret, err);
	return found;
}
