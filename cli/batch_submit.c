/* batch submit: a job's units are handed to a batch engine that has more hosts than this one. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/cleanup.h"
#include "run/batch/engine.h"

struct arguments {
	const char *engine;
	struct engine_options how;
	struct cli_list mounts;
	bool dry_run;
	struct talk_arguments talk;
};

#define AT(field) offsetof(struct arguments, field)

static const char *const engine_names[] = {"slurm", "parallel", "kubernetes", NULL};

static const struct cli_option options[] = {
    {"engine", 0, CLI_TEXT, "ENGINE", engine_names,
     "Who starts the units: slurm (task arrays), parallel (GNU parallel, over ssh or here) or kubernetes (writes an "
     "Indexed Job).",
     AT(engine)},
    {"throttle", 0, CLI_NUMBER, "K", NULL, "Units at once; with slurm in each task array.", AT(how.throttle)},
    {"program", 0, CLI_TEXT, "PATH", NULL,
     "Where rehost is on the hosts (default: where it is here; kubernetes: in the image's PATH).", AT(how.program)},
    {"partition", 0, CLI_TEXT, "NAME", NULL, "slurm: partition (default: the cluster's).", AT(how.partition)},
    {"time", 0, CLI_TEXT, "TIME", NULL,
     "slurm: the longest that a unit may take, as sbatch takes it; a minute before, it is told to end, and goes on as "
     "another task.",
     AT(how.time)},
    {"sshloginfile", 0, CLI_TEXT, "FILE", NULL, "parallel: hosts, as GNU parallel takes them (default: this one).",
     AT(how.hosts)},
    {"image", 0, CLI_TEXT, "IMAGE", NULL, "kubernetes: container image with rehost and a libguestfs appliance.",
     AT(how.image)},
    {"claim", 0, CLI_TEXT, "NAME", NULL,
     "kubernetes: volume claim that holds the job folder (default: one is written, ReadWriteMany).", AT(how.claim)},
    {"storage-class", 0, CLI_TEXT, "NAME", NULL, "kubernetes: of the claim that is written.", AT(how.storage_class)},
    {"mount", 0, CLI_LIST, "CLAIM:PATH", NULL, "kubernetes: a volume claim with sources, and where they stand in it.",
     AT(mounts)},
    {"blocked", 0, CLI_FLAG, NULL, NULL, "Try again what was blocked, too: by the plan, or by an attempt.",
     AT(how.retry_blocked)},
    {"dry-run", 0, CLI_FLAG, NULL, NULL, "Print what would be run or written, and leave it there.", AT(dry_run)},
    OPTION_GROUP(quiet_rows, AT(talk)),
    {0},
};

/* What was handed over, as the engine's record has it. */
static void print_record(const struct submission *s)
{
	static const char *const files[] = {"script", "manifest"};
	const struct json *arrays = js_get(s->record, "arrays");

	for (size_t i = 0; i < js_count(arrays); i++)
		printf("array %s\tunits %s from %u\n", js_get_str(js_at(arrays, i), "id", ""),
		       js_get_str(js_at(arrays, i), "tasks", ""), (unsigned)js_get_u64(js_at(arrays, i), "offset", 0));
	if (arrays)
		printf("report %s\n", js_get_str(s->record, "report", "none"));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (js_get(s->record, files[i]))
			printf("%s\n", js_get_str(s->record, files[i], ""));
}

static int go(const struct engine *e, const struct job *job, const struct arguments *a, struct submission *s,
	      struct err *err)
{
	int ret;

	if (engine_prepare(e, job, &a->how, s, err) < 0)
		return -1;
	if (!s->units.n) {
		if (!a->talk.quiet)
			printf("%s: nothing is left to do\n", job->name);
		return 0;
	}
	if (a->dry_run)
		return terminal_print(&s->text, err);
	ret = engine_submit(e, s, err);
	if (!a->talk.quiet)
		print_record(s);
	return ret;
}

static int run_submit(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(submission_done) struct submission s = {0};
	AUTO(job_closep) struct job *job = NULL;
	struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "batch submit: one JOB expected, %zu given", p.n);
	if (!a.engine)
		return err_set(err, ERR_USAGE, "batch submit: --engine is missing: slurm, parallel or kubernetes");
	talk_start(&a.talk);
	a.how.mounts = a.mounts.v;
	if (job_open(p.v[0], &job, err) < 0)
		return -1;
	return go(engine_find(a.engine), job, &a, &s, err);
}

const struct command command_batch_submit = {
    .name = "batch submit",
    .arguments = "JOB",
    .summary = "hand a job's machines to Slurm, GNU parallel or Kubernetes",
    .options = options,
    .run = run_submit,
};
