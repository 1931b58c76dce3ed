/* One unit of a batch job, as every engine runs it: claimed, converted, proven, published, and its outcome written.
 *
 * Idempotent: killed at any moment, on any host, the same call goes on where it was; a unit with an outcome is left
 * alone. docs/batch.md has the exit statuses.
 */
#ifndef REHOST_RUN_BATCH_UNIT_H
#define REHOST_RUN_BATCH_UNIT_H

#include "run/batch/lease.h"
#include "run/convert.h"

struct batch_unit_options {
	const char *job; /* folder */
	unsigned index;
	unsigned threads;	  /* that copy; 0: one a core */
	enum lease_kind lease;	  /* LEASE_BEST but in tests */
	struct run_events events; /* phases and bytes of what is run; all may be NULL */
};

/* 0: the unit is done, by this call or an earlier one. ERR_TEMPFAIL: to be tried again, on this host or another;
 * ERR_TERMINATED and ERR_INTERRUPTED: a signal, or the job was cancelled. Any other code: the unit is failed or
 * blocked, for that reason, now or before. Call it from the main thread, before there are others. */
int batch_unit(const struct batch_unit_options *options, struct err *err);

#endif
