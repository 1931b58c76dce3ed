/* The source's manifest, verified in a thread of its own while the appliance works. */
#ifndef REHOST_RUN_MANIFEST_CHECK_H
#define REHOST_RUN_MANIFEST_CHECK_H

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/model/machine.h"

struct manifest_check;

/* m is borrowed until the check is joined. NULL when no thread could be started (err says why). */
struct manifest_check *manifest_check_start(const struct machine *m, struct err *err);
/* Waits for the verdict: 0 and how many digests agreed, or -1 with the mismatch. Frees. */
int manifest_check_join(struct manifest_check *c, unsigned *ret_checked, struct err *err);
/* Ends the pass early and frees; NULL is fine. */
void manifest_check_cancel(struct manifest_check *c);
DEFINE_CLEANUP(struct manifest_check *, manifest_check_cancel)

#endif
