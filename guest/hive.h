/* The registry of a Windows guest: typed access to one hive, over hivex.
 *
 *     AUTO(hive_closep) struct hive *system = NULL;
 *     if (hive_open(g, "/Windows/System32/config/SYSTEM", HIVE_KEY_SYSTEM, HIVE_EDIT, &system, err) < 0 ||
 *         hive_set_dword(system, "CurrentControlSet\\Services\\viostor", "Start", 0, "boot driver", err) < 0 ||
 *         hive_commit(system, log, err) < 0)
 *             return -1;
 *
 * Keys are paths in the hive with '\' between the names, "" is its root. Names of keys and values are UTF-8, their case
 * doesn't matter; the value "" is a key's default. "CurrentControlSet", which no hive file holds, means the one that
 * Select\Default names. Nothing in the guest changes before hive_commit().
 */
#ifndef REHOST_GUEST_HIVE_H
#define REHOST_GUEST_HIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"

enum hive_mode { HIVE_MODE_UNKNOWN = 0, HIVE_READ, HIVE_EDIT };

/* What Windows left of it. */
enum hive_state {
	HIVE_STATE_UNKNOWN = 0,
	HIVE_CLEAN,
	HIVE_REPLAYED, /* its transaction logs were applied, in memory */
	HIVE_DIRTY,    /* its last write was not finished, and the logs are in the old format, or don't help */
};

/* Types as the format numbers them; there are others. */
enum reg_type {
	REG_NONE = 0,
	REG_SZ = 1,
	REG_EXPAND_SZ = 2,
	REG_BINARY = 3,
	REG_DWORD = 4,
	REG_LINK = 6,
	REG_MULTI_SZ = 7,
	REG_QWORD = 11,
};

struct reg_value {
	char *name;
	uint32_t type;
	uint8_t *data; /* as it lies in the hive: text is UTF-16LE */
	size_t len;
	bool there;
};

struct reg_values {
	VEC(struct reg_value) list;
};

/* What hives are called in records. */
#define HIVE_KEY_SYSTEM	  "HKEY_LOCAL_MACHINE\\SYSTEM"
#define HIVE_KEY_SOFTWARE "HKEY_LOCAL_MACHINE\\SOFTWARE"
#define HIVE_KEY_BCD	  "HKEY_LOCAL_MACHINE\\BCD00000000"

enum {
	HIVE_FILE_MAX = 256 << 20, /* SOFTWARE of an old server has 150 MiB */
	HIVE_KEY_MAX = 512,	   /* subkeys that a path may name */
	HIVE_DATA_MAX = 16344,	   /* bytes of a value that may be written: longer ones are stored in pieces */
};

struct hive;

/* Reads the file at the guest path (of any case, see winpath.h), checks its whole structure and opens it. root is what
 * it is called in records; borrowed. No such file: ERR_UNREADABLE with err->sys ENOENT. A hive whose last write was not
 * finished is replayed from its logs of the new format; with others it can be read as it is, and HIVE_EDIT is
 * ERR_BLOCKED with advice. */
int hive_open(struct guest *g, const char *path, const char *root, enum hive_mode mode, struct hive **ret,
	      struct err *err);
void hive_close(struct hive *h);
DEFINE_CLEANUP(struct hive *, hive_close)

enum hive_state hive_state(const struct hive *h);
const char *hive_path(const struct hive *h); /* guest path of its file */

/* ---- reading; what isn't there is no error ---- */

bool hive_has_key(struct hive *h, const char *key);
/* Names of the subkeys, in the hive's order. */
int hive_subkeys(struct hive *h, const char *key, struct arena *a, struct names *ret, struct err *err);
/* All values; what can't be read of one is left out of it (no data). */
int hive_values(struct hive *h, const char *key, struct arena *a, struct reg_values *ret, struct err *err);
int hive_value(struct hive *h, const char *key, const char *name, struct arena *a, struct reg_value *ret,
	       struct err *err);
/* REG_SZ, REG_EXPAND_SZ (not expanded) as UTF-8; NULL when there is none of these types. */
int hive_string(struct hive *h, const char *key, const char *name, struct arena *a, char **ret, struct err *err);
/* REG_MULTI_SZ, or one of the above as a list of one; in order; empty when there is none. */
int hive_strings(struct hive *h, const char *key, const char *name, struct arena *a, struct names *ret,
		 struct err *err);
/* REG_DWORD; missing: the value when there is none. */
int hive_dword(struct hive *h, const char *key, const char *name, uint32_t missing, uint32_t *ret, struct err *err);
int hive_qword(struct hive *h, const char *key, const char *name, uint64_t missing, uint64_t *ret, struct err *err);

/* "ControlSet001": which control set Windows starts with next (Select\Default, else Current); ERR_UNSUPPORTED when the
 * hive has none. */
int hive_control_set(struct hive *system, struct arena *a, char **ret, struct err *err);

/* The text of a value's data, up to its first NUL; what is no UTF-16 becomes U+FFFD. */
char *reg_text(struct arena *a, const uint8_t *data, size_t len);

/* ---- changes, recorded with their reason (one sentence) when something does change; HIVE_EDIT only ---- */

/* Keys on the way are made. ERR_UNSUPPORTED: data over HIVE_DATA_MAX, there or in another value of the key; a new key's
 * name that isn't ASCII; a hive whose cells have two owners. */
int hive_set(struct hive *h, const char *key, const char *name, uint32_t type, const void *data, size_t len,
	     const char *reason, struct err *err);
int hive_set_string(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err);
int hive_set_expand(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err);
/* A NULL-terminated list as REG_MULTI_SZ; empty texts can't be in it. */
int hive_set_strings(struct hive *h, const char *key, const char *name, const char *const *texts, const char *reason,
		     struct err *err);
int hive_set_dword(struct hive *h, const char *key, const char *name, uint32_t v, const char *reason, struct err *err);
int hive_set_qword(struct hive *h, const char *key, const char *name, uint64_t v, const char *reason, struct err *err);
int hive_unset(struct hive *h, const char *key, const char *name, const char *reason, struct err *err);
int hive_make_key(struct hive *h, const char *key, const char *reason, struct err *err);
/* With all that is below it. */
int hive_drop_key(struct hive *h, const char *key, const char *reason, struct err *err);

/* Writes the changes into the guest's file, in place, reads it again and compares; then records them, one entry a
 * reason, as text like that of .reg files. Cells that no change touches keep their bytes. Without changes nothing is
 * written. After a failed change nothing can be committed. */
int hive_commit(struct hive *h, struct changelog *log, struct err *err);

#endif
