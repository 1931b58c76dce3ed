/* What running a job and cancelling it share. Only run/batch/ includes it. */
#ifndef REHOST_RUN_BATCH_RUNNER_PRIVATE_H
#define REHOST_RUN_BATCH_RUNNER_PRIVATE_H

#include "run/batch/holder.h"

/* In the job folder: nothing is begun any more. */
#define RUNNER_CANCELLED "cancelled"

enum { RUNNER_LOCK_TEXT = HOLDER_HOST_TEXT + 16 };

/* In JOB/state: locked by this host's runner. */
void runner_lock_name(char ret[RUNNER_LOCK_TEXT]);

#endif
