/* The text of a VMX file: "key = value" lines; of a key that is there twice the first counts. */
#ifndef REHOST_SOURCES_VMX_KEYS_H
#define REHOST_SOURCES_VMX_KEYS_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/machine.h"

struct vmx_entry {
	char *key, *value; /* UTF-8, without quotes and escapes */
};

struct vmx_keys {
	struct arena arena; /* of all that is in here; for arena_done() */
	VEC(struct vmx_entry) entries;
	unsigned lines;	       /* with a key, also with one that is there already */
	struct machine *notes; /* borrowed: lines that were left out become notes of it */
};

/* k is empty but for notes. What is no VMX file, or has more than 8192 lines with keys, is ERR_CORRUPT; the arena is to
 * be freed then, too. */
int vmx_keys_parse(struct vmx_keys *k, const char *text, size_t len, struct err *err);

/* The value of a key in any case; NULL: it isn't there. */
const char *vmx_get(const struct vmx_keys *k, const char *key);
/* Of a key of up to 127 bytes. */
const char *vmx_getf(const struct vmx_keys *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
