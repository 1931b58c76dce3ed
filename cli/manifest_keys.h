/* The keys of a batch's manifest, with the options of `rehost convert` among them. */
#ifndef REHOST_CLI_MANIFEST_KEYS_H
#define REHOST_CLI_MANIFEST_KEYS_H

#include "core/base/err.h"
#include "run/batch/manifest_key.h"

/* ERR_INTERNAL when they are more than fit. */
int manifest_keys_all(struct manifest_keys *ret, struct err *err);

#endif
