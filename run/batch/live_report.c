/* The reports of a job while it runs. */
#include "run/batch/live_report.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "run/batch/summary.h"

void live_report_step(struct live_report *l, const struct job *job)
{
	struct err err = ERR_INIT;
	double began = clock_seconds(), took;

	if (began < l->next)
		return;
	if (batch_report(job, &err) == 0)
		l->failed = false;
	else if (!l->failed) {
		log_warn("no report for now: %s", err.text);
		l->failed = true;
	}
	took = clock_seconds() - began;
	l->next = clock_seconds() +
		  (took * LIVE_REPORT_SHARE > LIVE_REPORT_SECONDS ? took * LIVE_REPORT_SHARE : LIVE_REPORT_SECONDS);
}

void live_report_end(const char *folder)
{
	AUTO(job_closep) struct job *job = NULL;
	struct err err = ERR_INIT;

	if (job_open(folder, &job, &err) < 0 || batch_report(job, &err) < 0)
		log_warn("no report: %s", err.text);
}
