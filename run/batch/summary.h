/* A job as a whole, from its files alone: the same while it runs, after, and on any host. */
#ifndef REHOST_RUN_BATCH_SUMMARY_H
#define REHOST_RUN_BATCH_SUMMARY_H

#include "run/batch/job.h"

#define SUMMARY_SCHEMA "rehost-batch-report-1"

enum summary_depth {
	SUMMARY_STATES = 1, /* outcomes and progress */
	SUMMARY_FINDINGS,   /* and what each machine's report found */
};

/* The batch's report.json (docs/batch.md). */
int batch_summary(const struct job *job, enum summary_depth depth, struct json **ret, struct err *err);

/* 0 when all units are done; else ERR_INCOMPLETE, with counts. */
int batch_summary_verdict(const struct json *summary, struct err *err);

/* Writes report.json, report.html and junit.xml into the job folder, and a page beside the report of each conversion
 * that failed. */
int batch_report(const struct job *job, struct err *err);

#endif
