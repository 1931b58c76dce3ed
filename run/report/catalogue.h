/* What finding ids mean: the table of docs/findings.md, which is part of the program. */
#ifndef REHOST_RUN_REPORT_CATALOGUE_H
#define REHOST_RUN_REPORT_CATALOGUE_H

#include "core/base/arena.h"
#include "core/base/json.h"

struct finding_meaning {
	const char *id, *severity, *meaning, *fix; /* fix: "" when there is nothing to do; code is in `backquotes` */
};

/* Strings are the arena's; false when the id isn't in the table. */
bool finding_meaning(const char *id, struct arena *a, struct finding_meaning *ret);

/* Row i of the table, in its order; false behind the last. */
bool finding_meaning_at(unsigned i, struct arena *a, struct finding_meaning *ret);

#endif
