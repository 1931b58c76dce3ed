/* Inspectors: read-only looks at the guest's files that add facts and findings to the inspection. One file each, one
 * table. */
#ifndef REHOST_INSPECTORS_INSPECTOR_H
#define REHOST_INSPECTORS_INSPECTOR_H

#include "core/base/err.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"
#include "guest/guest.h"

struct inspector {
	const char *id; /* "kernels", "boot-entries", "network", "agents", "firmware" … */
	bool (*applies)(const struct inspection *i);
	int (*run)(struct guest *g, const struct machine *m, struct inspection *i, struct err *err);
};

extern const struct inspector *const inspectors[]; /* NULL-terminated, in order */

/* Runs those that apply. */
int inspect_guest(struct guest *g, const struct machine *m, struct inspection *i, struct err *err);

#endif
