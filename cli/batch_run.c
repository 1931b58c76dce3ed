/* The batch commands that do a planned job's work on this host, and tell of it. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/batch_table.h"
#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/units.h"
#include "core/base/utf8.h"
#include "run/batch/engine.h"
#include "run/batch/live_report.h"
#include "run/batch/summary.h"
#include "run/batch/unit.h"

struct arguments {
	struct talk_arguments talk;
	const char *job;
	uint64_t memory;
	unsigned index, threads, at_once, pause;
	bool beside, failed, blocked, json;
};

#define AT(field) offsetof(struct arguments, field)

/* ---- unit ---- */

enum { NO_INDEX = ~0U };

static const struct cli_option unit_options[] = {
    {"job", 0, CLI_TEXT, "JOB", NULL, "The job folder that batch plan made.", AT(job)},
    {"index", 0, CLI_NUMBER, "I", NULL, "Number of the unit; the first is 0.", AT(index)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that copy (default: one a core).", AT(threads)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static int run_unit(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {.index = NO_INDEX};
	struct batch_unit_options options;
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n || !a.job || a.index == NO_INDEX)
		return err_set(err, ERR_USAGE, "batch unit: --job JOB and --index I are expected, and nothing else");
	talk_start(&a.talk);
	options = (struct batch_unit_options){
	    .job = a.job, .index = a.index, .threads = a.threads, .events = terminal_events()};
	return batch_unit(&options, err);
}

const struct command command_batch_unit = {
    .name = "batch unit",
    .arguments = "",
    .summary = "one machine of a job, as every batch engine runs it",
    .options = unit_options,
    .run = run_unit,
};

/* ---- run and resume ---- */

static const struct cli_option run_options[] = {
    {"jobs", 'j', CLI_NUMBER, "N", NULL,
     "How many machines are converted at once (default: 1); they share the cores for copying.", AT(at_once)},
    {"memory", 0, CLI_SIZE, "SIZE", NULL,
     "How much memory they may take together (default: what is available when the run begins).", AT(memory)},
    {"pause", 0, CLI_NUMBER, "SECONDS", NULL, "How long a machine waits before it is tried again (default: 10).",
     AT(pause)},
    {"beside", 0, CLI_FLAG, NULL, NULL, "Run even when this host runs the job already.", AT(beside)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static const struct cli_option resume_options[] = {
    {"failed", 0, CLI_FLAG, NULL, NULL, "Try again what failed, with as many attempts as before.", AT(failed)},
    {"blocked", 0, CLI_FLAG, NULL, NULL, "Try again what was blocked: by the plan, or by an attempt.", AT(blocked)},
    OPTION_GROUP(run_options, 0),
    {0},
};

/* The one argument that is expected. */
static int get_job(const struct command *self, int argc, char **argv, struct arguments *a, struct err *err)
{
	struct positionals p;

	if (options_parse(self->options, argc, argv, a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "%s: one job folder expected, %zu given", self->name, p.n);
	a->job = p.v[0];
	return 0;
}

/* What follows a run: the table, and the pages when no other run of the job does. */
struct follower {
	struct batch_table table;
	struct live_report report;
	bool beside;
};

static void follow_change(const struct runner_view *v, const struct runner_unit *u, void *opaque)
{
	struct follower *f = opaque;

	batch_table_changed(v, u, &f->table);
}

static void follow_tick(const struct runner_view *v, void *opaque)
{
	struct follower *f = opaque;

	batch_table_tick(v, &f->table);
	if (!f->beside)
		live_report_step(&f->report, v->job);
}

static int run_job(const struct arguments *a, bool resume, struct err *err)
{
	struct follower follower = {.beside = a->beside};
	const struct runner_options options = {.job = a->job,
					       .at_once = a->at_once,
					       .memory = a->memory,
					       .pause = a->pause,
					       .beside = a->beside,
					       .resume = resume,
					       .retry_failed = a->failed,
					       .retry_blocked = a->blocked,
					       .changed = follow_change,
					       .tick = follow_tick,
					       .opaque = &follower};
	int ret;

	terminal_start(&(struct terminal_options){
	    .quiet = true, .verbose = a->talk.verbose, .json_progress = talks_json(&a->talk)});
	batch_table_start(&follower.table, &a->talk);
	ret = runner_run(&options, err);
	batch_table_end(&follower.table);
	if (follower.report.next > 0)
		live_report_end(a->job);
	return ret;
}

static int run_run(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {0};

	return get_job(self, argc, argv, &a, err) < 0 ? -1 : run_job(&a, false, err);
}

static int run_resume(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {0};

	return get_job(self, argc, argv, &a, err) < 0 ? -1 : run_job(&a, true, err);
}

const struct command command_batch_run = {
    .name = "batch run",
    .arguments = "JOB",
    .summary = "convert a job's machines on this host, as many at once as asked for",
    .options = run_options,
    .run = run_run,
};

const struct command command_batch_resume = {
    .name = "batch resume",
    .arguments = "JOB",
    .summary = "go on with a job that was interrupted or cancelled, or try failures again",
    .options = resume_options,
    .run = run_resume,
};

/* ---- status ---- */

static const struct cli_option status_options[] = {
    {"json", 0, CLI_FLAG, NULL, NULL, "Print it as one JSON object, as report.json has it.", AT(json)},
    {0},
};

enum { LINE_MAX_BYTES = ERR_TEXT_MAX + 1024 /* an error behind a name, a host and numbers */ };

/* Outcomes and leases are files that others may have written. */
static void print_machine(const struct json *m)
{
	char read[SIZE_WORDS_MAX], percent[8] = "-", line[LINE_MAX_BYTES];
	const struct json *copy = js_get(m, "copy");

	if (js_get(m, "percent"))
		snprintf(percent, sizeof percent, "%u%%", (unsigned)js_get_u64(m, "percent", 0));
	snprintf(line, sizeof line, "%-20s %-8s %5s %10s %8.0f  %-12s %s", js_get_str(m, "name", ""),
		 js_get_str(m, "state", ""), percent, copy ? size_in_words(js_get_u64(copy, "read", 0), read) : "-",
		 js_get_real(m, "seconds", 0), js_get_str(m, "host", "-"),
		 js_get_str(m, "phase", js_get_str(m, "error", "")));
	utf8_defuse(line, true);
	puts(line);
}

static void print_status(const struct json *s)
{
	const struct json *machines = js_get(s, "machines"), *counts = js_get(s, "counts");

	printf("%-20s %-8s %5s %10s %8s  %-12s %s\n", "NAME", "STATE", "DONE", "READ", "SECONDS", "HOST", "");
	for (size_t i = 0; i < js_count(machines); i++)
		print_machine(js_at(machines, i));
	printf("%s%s: %zu machines: %" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " blocked, %" PRIu64
	       " running, %" PRIu64 " waiting\n",
	       js_get_str(js_get(s, "job"), "name", ""), js_get_bool(s, "cancelled", false) ? " (cancelled)" : "",
	       js_count(machines), js_get_u64(counts, "done", 0), js_get_u64(counts, "failed", 0),
	       js_get_u64(counts, "blocked", 0), js_get_u64(counts, "running", 0), js_get_u64(counts, "waiting", 0));
}

static int run_status(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(job_closep) struct job *job = NULL;
	AUTO(js_freep) struct json *summary = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(256 * MIB);
	struct arguments a = {0};

	if (get_job(self, argc, argv, &a, err) < 0 || job_open(a.job, &job, err) < 0 ||
	    batch_summary(job, SUMMARY_STATES, &summary, err) < 0)
		return -1;
	if (!a.json)
		print_status(summary);
	else if (js_print(summary, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "the status is over 256 MiB");
	else if (terminal_print(&text, err) < 0)
		return -1;
	return terminal_flush(err) < 0 ? -1 : batch_summary_verdict(summary, err);
}

const struct command command_batch_status = {
    .name = "batch status",
    .arguments = "JOB",
    .summary = "how far a job is, from its files: also while it runs, and on any host",
    .options = status_options,
    .run = run_status,
};

/* ---- cancel and report ---- */

static const struct cli_option no_options[] = {{0}};

/* What waits at an engine would end by itself when it is started, but holds its place until then. */
static int cancel_submitted(const char *path, struct err *err)
{
	AUTO(job_closep) struct job *job = NULL;
	unsigned n;

	if (job_open(path, &job, err) < 0 || engine_cancel(job, &n, err) < 0)
		return -1;
	if (n)
		printf("cancelled: what was submitted to a batch engine\n");
	return 0;
}

static int run_cancel(const struct command *self, int argc, char **argv, struct err *err)
{
	struct runner_cancelled c;
	struct arguments a = {0};

	if (get_job(self, argc, argv, &a, err) < 0 || runner_cancel(a.job, &c, err) < 0 ||
	    cancel_submitted(a.job, err) < 0)
		return -1;
	printf("cancelled: %u processes of this host were told to end\n", c.told);
	if (c.elsewhere)
		printf("%u machines are at work on other hosts: what started them ends them\n", c.elsewhere);
	printf("`rehost batch resume %s` takes it up again\n", a.job);
	if (c.running)
		return err_set(err, ERR_TEMPFAIL, "%u processes have not ended after %d s", c.running, CANCEL_SECONDS);
	return 0;
}

const struct command command_batch_cancel = {
    .name = "batch cancel",
    .arguments = "JOB",
    .summary = "begin no more of a job's machines, and end what runs on this host",
    .options = no_options,
    .run = run_cancel,
};

static int run_report(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(job_closep) struct job *job = NULL;
	struct arguments a = {0};

	if (get_job(self, argc, argv, &a, err) < 0)
		return -1;
	terminal_warnings();
	if (job_open(a.job, &job, err) < 0 || batch_report(job, err) < 0)
		return -1;
	printf("report:   %s/report.html\n", job->path);
	return 0;
}

const struct command command_batch_report = {
    .name = "batch report",
    .arguments = "JOB",
    .summary = "write report.html, report.json and junit.xml of a job, also while it runs",
    .options = no_options,
    .run = run_report,
};
