/* The structure of a registry hive, checked before anything else reads it (format: M. Suhanov, "Windows registry file
 * format specification", cited below by its section names). */
#ifndef REHOST_GUEST_HIVE_CHECK_H
#define REHOST_GUEST_HIVE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum {
	HIVE_BASE = 0x1000,  /* size of the base block; offsets inside the hive count from here */
	HIVE_SECTOR = 512,   /* of it is checksummed and copied to the logs */
	HIVE_NONE = -1,	     /* an offset that points nowhere, as the format has it */
	HIVE_DEPTH_MAX = 512 /* keys one inside the other: Windows' own limit */
};

/* The base block ("Base block"). */
struct hive_header {
	uint32_t sequence1, sequence2; /* equal when the last write was finished */
	uint32_t minor;
	uint32_t root; /* of the root key's cell, from HIVE_BASE on */
	uint32_t bins; /* bytes of all hive bins */
	bool checksum_ok;
};

/* Reads the first sector. ERR_CORRUPT: it is none of a hive that we know (regf 1.2 … 1.6, a primary file). */
int hive_header_read(const uint8_t *data, size_t len, struct hive_header *ret, struct err *err);
/* Sequence numbers or checksum tell that the last write was not finished ("Dirty state of a hive"). */
bool hive_header_is_dirty(const struct hive_header *h);
/* XOR-32 of the first 508 bytes as Windows writes it: never 0 and never ~0. */
uint32_t hive_header_sum(const uint8_t *data);

/* What hive_check() saw on its way. */
struct hive_facts {
	struct hive_header header;
	size_t keys, values;
	bool shared; /* some cell belongs to two owners: good to read, not to be changed */
	bool astray; /* some key's class is in no cell, which hivex takes for certain when it removes the key */
};

/* Checks all of a hive in memory: base block, the chain of bins, every cell, and from the root down every key with its
 * subkey lists, values, big data and security cell, each in time linear in len. What passes can be read without a
 * reader's own checks. A value whose data lie outside passes: only it is unreadable. A wrong checksum is ERR_CORRUPT,
 * unequal sequence numbers are not. */
int hive_check(const uint8_t *data, size_t len, struct hive_facts *ret, struct err *err);

/* Puts the key whose cell is at offset key (both from the file's beginning) where Windows looks for it among the
 * subkeys of parent: by its ASCII name in upper case. The hive has passed hive_check(). ERR_UNSUPPORTED: lists of
 * different kinds under one key. */
int hive_place_subkey(uint8_t *data, size_t parent, size_t key, struct err *err);

#endif
