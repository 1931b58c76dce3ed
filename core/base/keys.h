/* Passphrases for encrypted disks, as --key states them: for which device, and the secret itself.
 *
 *     AUTO(keys_done) struct keys keys = {0};
 *     if (keys_add(&keys, "/dev/sda2:file:/root/secret", err) < 0)
 *             return -1;
 *     for (size_t i = 0; i < keys.n; i++)
 *             if (key_is_for(&keys.v[i], device, uuid)) …
 *
 * A secret is never part of an error, a log line, a report or a child's command line, and is wiped by keys_done().
 */
#ifndef REHOST_CORE_BASE_KEYS_H
#define REHOST_CORE_BASE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"

enum {
	KEYS_MAX = 256,	      /* as many as one command line may have (CLI_LIST_MAX) */
	KEY_SECRET_MAX = 512, /* bytes: what cryptsetup reads interactively, and as much as a slot is worth */
};

struct key {
	char *selector; /* "/dev/sda2", a LUKS UUID; NULL: every device */
	char *secret;	/* the passphrase, NUL-terminated; no NUL inside */
	size_t len;	/* its bytes, ≥ 1 */
};

struct keys {
	struct key v[KEYS_MAX];
	size_t n;
};

/* Adds what one --key option says, in virt-v2v's spellings and one more: NAME:key:PASSPHRASE, NAME:file:FILE (its first
 * line), NAME:fd:N (the next line of an open descriptor). NAME is a device of the appliance ("/dev/sda2",
 * "/dev/VG/LV"), the UUID in the LUKS header, or "all". A malformed or empty one is ERR_USAGE, a file that can't be
 * read ERR_BLOCKED. */
int keys_add(struct keys *k, const char *option, struct err *err);

/* Adds every line of fd until its end as a key for all devices (--keys-from-stdin); none at all is ERR_USAGE. */
int keys_add_lines(struct keys *k, int fd, struct err *err);

/* True when the key may be tried on that device; uuid may be NULL. */
bool key_is_for(const struct key *key, const char *device, const char *uuid);

/* A file in memory, rewound, with a line for each key that is wanted (NULL: all), for a child's NAME:fd:N. A passphrase
 * with a line break doesn't fit a line: ERR_USAGE. */
int keys_file(const struct keys *k, bool (*wanted)(const struct key *key), struct err *err);

/* Overwrites the passphrase that stands in an option ("NAME:key:PASSPHRASE"), so that `ps` no longer shows it. */
void key_hide(char *option);

/* Wipes and frees; the struct is empty again. */
void keys_done(struct keys *k);

#endif
