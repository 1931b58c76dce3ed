/* What writing and reading a job folder share. */
#ifndef REHOST_RUN_BATCH_JOB_PRIVATE_H
#define REHOST_RUN_BATCH_JOB_PRIVATE_H

#include "run/batch/job.h"

#define JOB_SCHEMA "rehost-job-1"

/* SHA-256 in lower-case hex. */
void job_hash(const void *data, size_t len, char ret[JOB_HASH_HEX]);

#endif
