/* Encryption of qcow2: LUKS, whose header stands in the image, and the older AES. */
#include "formats/qcow2_crypt.h"

#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/keys.h"
#include "core/base/log.h"
#include "formats/luks.h"

enum { AES_KEY = 16 /* bytes of the passphrase; a shorter one is filled up with zeros */ };

static const struct keys no_keys;

static const struct keys *keys_of(const struct open_args *args)
{
	return args->options && args->options->keys ? args->options->keys : &no_keys;
}

static int no_key(const struct open_args *args, const char *what, unsigned tried, struct err *err)
{
	if (!tried)
		return err_set(err, ERR_BLOCKED,
			       "the image is encrypted (%s): --key all:file:FILE names its passphrase", what);
	return err_set(err, ERR_BLOCKED, "the image is encrypted (%s): %s", what,
		       tried == 1 ? "the key given for it doesn't open it" : "none of the keys given for it opens it");
}

static int open_luks(const struct open_args *args, const struct qcow2_header *h, struct disk_cipher **ret,
		     struct err *err)
{
	const struct keys *keys = keys_of(args);
	struct luks_header luks;
	unsigned tried = 0;
	char what[64];

	if (luks_header_read(args->file, h->luks_offset, h->luks_len, &luks, err) < 0)
		return -1;
	for (size_t i = 0; i < keys->n; i++) {
		int found;

		if (!key_is_for(&keys->v[i], args->name, luks.uuid))
			continue;
		tried++;
		found = luks_unlock(args->file, h->luks_offset, &luks, keys->v[i].secret, keys->v[i].len, ret, err);
		if (found)
			return found < 0 ? -1 : 0;
	}
	if (args->options && args->options->tables_only)
		return 0;
	snprintf(what, sizeof what, "LUKS %s", luks.uuid);
	return no_key(args, what, tried, err);
}

/* The only key for the image in *ret; several that differ can't be tried one by one. */
static int find_aes_key(const struct open_args *args, const struct key **ret, struct err *err)
{
	const struct keys *keys = keys_of(args);

	*ret = NULL;
	for (size_t i = 0; i < keys->n; i++) {
		const struct key *key = &keys->v[i];

		if (!key_is_for(key, args->name, NULL))
			continue;
		if (*ret && strncmp((*ret)->secret, key->secret, AES_KEY) != 0)
			return err_set(err, ERR_USAGE,
				       "the image is encrypted (AES): more than one key is given for it, and AES can't "
				       "tell which is right");
		*ret = key;
	}
	return *ret ? 0 : no_key(args, "AES", 0, err);
}

/* AES-128-CBC with the passphrase itself as the key: a wrong one shows only in what is read. */
static int open_aes(const struct open_args *args, struct disk_cipher **ret, struct err *err)
{
	static const struct cipher_spec spec = {CIPHER_CBC, CIPHER_IV_PLAIN64};
	unsigned char key[AES_KEY] = {0};
	const struct key *given;

	if (args->options && args->options->tables_only)
		return 0;
	if (find_aes_key(args, &given, err) < 0)
		return -1;
	log_warn("qcow2 '%s' is encrypted (AES): its key can't be verified, with a wrong one what is read is noise",
		 args->name);
	memcpy(key, given->secret, min_u64(given->len, sizeof key));
	*ret = disk_cipher_new(&spec, key, sizeof key);
	explicit_bzero(key, sizeof key);
	return *ret ? 0 : err_nomem(err);
}

int qcow2_crypt_open(const struct open_args *args, const struct qcow2_header *h, struct disk_cipher **ret,
		     struct err *err)
{
	switch (h->crypt) {
	case QCOW2_CRYPT_NONE:
		return 0;
	case QCOW2_CRYPT_AES:
		return open_aes(args, ret, err);
	case QCOW2_CRYPT_LUKS:
		return open_luks(args, h, ret, err);
	}
	return err_set(err, ERR_INTERNAL, "encryption method %d", h->crypt);
}

/* The IVs of LUKS count the sectors of the file, those of AES the sectors of the disk. */
static uint64_t sector_of(const struct qcow2 *q, uint64_t host, uint64_t off)
{
	return (q->crypt == QCOW2_CRYPT_LUKS ? host : off) / CIPHER_SECTOR;
}

static int read_sectors(struct qcow2 *q, unsigned char *buf, uint64_t len, uint64_t host, uint64_t off, struct err *err)
{
	if (block_pread(qcow2_data(q), buf, len, host, err) < 0)
		return -1;
	disk_cipher_decrypt(q->cipher, sector_of(q, host, off), buf, len);
	return 0;
}

int qcow2_crypt_read(struct qcow2 *q, unsigned char *buf, uint64_t len, uint64_t host, uint64_t off, struct err *err)
{
	unsigned char sector[CIPHER_SECTOR];

	if (!q->cipher)
		return err_set(err, ERR_BLOCKED, "the image is encrypted, and was opened without a key");
	while (len) {
		uint64_t inside = off % CIPHER_SECTOR, n = min_u64(len, CIPHER_SECTOR - inside);

		if (inside || len < CIPHER_SECTOR) {
			if (read_sectors(q, sector, sizeof sector, host - inside, off - inside, err) < 0)
				return -1;
			memcpy(buf, sector + inside, n);
		} else {
			n = align_down(len, CIPHER_SECTOR);
			if (read_sectors(q, buf, n, host, off, err) < 0)
				return -1;
		}
		buf += n;
		host += n;
		off += n;
		len -= n;
	}
	return 0;
}
