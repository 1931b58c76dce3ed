/* The keys of a manifest: one table, from which the loader, the manual's page and docs/manifest.md come.
 *
 * Its first rows are the plan's own (manifest_keys_init()); the options of `rehost convert` are added by whoever has
 * their table, so that a new option is a new key.
 */
#ifndef REHOST_RUN_BATCH_MANIFEST_KEY_H
#define REHOST_RUN_BATCH_MANIFEST_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"

enum { MANIFEST_KEYS_MAX = 96 /* the options of `rehost convert` are half of it */ };

enum manifest_type {
	MANIFEST_UNKNOWN = 0,
	MANIFEST_TEXT,
	MANIFEST_NAME,	  /* of a result or a group: letters, digits, '.', '_' and '-' */
	MANIFEST_FLAG,	  /* true or false */
	MANIFEST_NUMBER,  /* 0 … max */
	MANIFEST_SIZE,	  /* bytes; k, M, G or T may stand behind the number */
	MANIFEST_LIST,	  /* of texts; one text is a list of one */
	MANIFEST_PATH,	  /* relative ones begin at the manifest's folder */
	MANIFEST_PATHS,	  /* a list of such */
	MANIFEST_SECRETS, /* a list of NAME:file:PATH: where passphrases are, never the passphrase */
};

/* Where a key may stand. */
enum {
	MANIFEST_TOP = 1,      /* of the file itself */
	MANIFEST_MACHINE = 2,  /* one of machines: */
	MANIFEST_DEFAULTS = 4, /* defaults:, and each of groups: */
};

/* What a key of a machine becomes; the plan's own are found by it. */
enum manifest_use {
	MANIFEST_USE_UNKNOWN = 0,
	MANIFEST_OPTION,   /* --name of `rehost convert` */
	MANIFEST_LEFT_OUT, /* an option that no manifest has: help says why */
	MANIFEST_JOB_NAME,
	MANIFEST_FOR_ALL,
	MANIFEST_GROUPS,
	MANIFEST_SOURCE_GROUPS,
	MANIFEST_MACHINES,
	MANIFEST_SOURCE,
	MANIFEST_RESULT_NAME,
	MANIFEST_GROUP,
	MANIFEST_SOURCE_GROUP,
	MANIFEST_PRIORITY,
	MANIFEST_PROOF,
	MANIFEST_PROOF_TIMEOUT,
	MANIFEST_RETRIES,
};

struct manifest_key {
	const char *name;
	enum manifest_use use;
	enum manifest_type type; /* unknown: a structure of its own */
	unsigned where;
	unsigned max;		    /* of a number */
	const char *argument;	    /* what a value looks like: "IN:OUT"; NULL: as the type says */
	const char *const *choices; /* NULL: any; else NULL-terminated */
	const char *help;	    /* one sentence */
};

struct manifest_keys {
	struct manifest_key v[MANIFEST_KEYS_MAX];
	size_t n;
};

void manifest_keys_init(struct manifest_keys *keys);
/* Another row, for machines and defaults; its texts are borrowed. False when there is no room. */
bool manifest_keys_add(struct manifest_keys *keys, const struct manifest_key *row);

/* The row of that name for that place, options that are left out among them; NULL: none. */
const struct manifest_key *manifest_key_find(const struct manifest_keys *keys, const char *name, unsigned where);
/* The name there that is spelled almost so; NULL: none is. */
const char *manifest_key_nearest(const struct manifest_keys *keys, const char *name, unsigned where);
/* How many letters of `word` are wrong, missing, too many or change places when `name` is meant; another word when they
 * are more than two, or than a third. */
enum { MANIFEST_ANOTHER_WORD = 3 };
unsigned manifest_misspelled(const char *word, const char *name);

/* What a value of the key looks like, for people: "true or false", "a number from 0 to 1000". */
const char *manifest_key_value(const struct manifest_key *key, char *ret, size_t size);

/* All keys as a table of Markdown: the one of docs/manifest.md, from which the manual's page has it. */
int manifest_keys_markdown(const struct manifest_keys *keys, struct buf *out);

#endif
