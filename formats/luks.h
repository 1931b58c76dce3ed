/* LUKS version 1 headers: what they say, and the volume key that a passphrase opens ("LUKS On-Disk Format Specification
 * Version 1.2.3"). */
#ifndef REHOST_FORMATS_LUKS_H
#define REHOST_FORMATS_LUKS_H

#include "core/base/disk_cipher.h"
#include "formats/block.h"

enum {
	LUKS_SLOTS = 8,
	LUKS_SALT = 32,
	LUKS_DIGEST = 20,
	LUKS_STRIPES = 4000,
	LUKS_HEADER_SIZE = 592,
	/* cryptsetup and QEMU take as many as two seconds allow, 16 million on the fastest processors: six times that
	 * is still minutes, more is an attack. */
	LUKS_ITERATIONS_MAX = 100 * 1000 * 1000,
};

struct luks_slot {
	bool active;
	uint32_t iterations;
	unsigned char salt[LUKS_SALT];
	uint64_t material; /* bytes from the header's start */
};

struct luks_header {
	struct cipher_spec cipher;
	enum digest_kind hash;
	uint32_t key_bytes;
	unsigned char digest[LUKS_DIGEST], digest_salt[LUKS_SALT];
	uint32_t digest_iterations;
	char uuid[41];
	struct luks_slot slot[LUKS_SLOTS];
};

/* Reads and checks the header in the len bytes at off of file. ERR_CORRUPT for what breaks the format or a limit,
 * ERR_UNSUPPORTED, by name, for ciphers and hashes that we don't have. */
int luks_header_read(struct block *file, uint64_t off, uint64_t len, struct luks_header *ret, struct err *err);

/* Tries the passphrase on every key slot: 1 with *ret set, 0 when it opens none, -1 with an error. Costs what the
 * header asks for: up to seconds a slot. */
int luks_unlock(struct block *file, uint64_t off, const struct luks_header *h, const void *secret, size_t len,
		struct disk_cipher **ret, struct err *err);

#endif
