/* Secrets in text that leaves the host: what looks like a passphrase, a token or a private key becomes "***".
 *
 *     AUTO(mask_freep) struct mask *m = mask_new(err);
 *     mask_text(m, text, len, &out, &hidden);
 *
 * It is the second fence: secrets aren't written into logs and reports in the first place (core/base/keys.h). What is
 * hidden is rather too much than too little.
 */
#ifndef REHOST_CORE_BASE_MASK_H
#define REHOST_CORE_BASE_MASK_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/json.h"

struct mask;

struct mask *mask_new(struct err *err);
void mask_free(struct mask *m);
DEFINE_CLEANUP(struct mask *, mask_free)

/* Appends the text, whose lines are masked one by one; private keys in PEM as a whole. Adds to *hidden how many places
 * were. 0, or -1 when out is full. */
int mask_text(const struct mask *m, const char *text, size_t len, struct buf *out, unsigned *hidden);

/* Masks all strings of a JSON value where they are: by the key they stand under, and as text. */
void mask_json(const struct mask *m, struct json *j, unsigned *hidden);

#endif
