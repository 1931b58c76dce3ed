/* The batch commands that do a planned job's work on this host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "run/batch/unit.h"

struct arguments {
	const char *job, *progress;
	unsigned index, threads;
	bool quiet, verbose;
};

#define AT(field) offsetof(struct arguments, field)

static const char *const progress_kinds[] = {"text", "json", NULL};

#define ROW_PROGRESS                                                                                                   \
	{                                                                                                              \
		"progress", 0, CLI_TEXT, "text|json", progress_kinds,                                                  \
		    "How to show progress: text, or NDJSON events on stderr.", AT(progress)                            \
	}
#define ROW_QUIET                                                                                                      \
	{                                                                                                              \
		"quiet", 'q', CLI_FLAG, NULL, NULL, "Print warnings and errors only.", AT(quiet)                       \
	}

/* ---- unit ---- */

enum { NO_INDEX = ~0U };

static const struct cli_option unit_options[] = {
    {"job", 0, CLI_TEXT, "JOB", NULL, "The job folder that batch plan made.", AT(job)},
    {"index", 0, CLI_NUMBER, "I", NULL, "Number of the unit; the first is 0.", AT(index)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that copy (default: one a core).", AT(threads)},
    ROW_PROGRESS,
    ROW_QUIET,
    {"verbose", 'v', CLI_FLAG, NULL, NULL, "Print the full log.", AT(verbose)},
    {0},
};

static void start_terminal(const struct arguments *a)
{
	const struct terminal_options terminal = {
	    .quiet = a->quiet, .verbose = a->verbose, .json_progress = a->progress && !strcmp(a->progress, "json")};

	terminal_start(&terminal);
}

static int run_unit(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {.index = NO_INDEX};
	struct batch_unit_options options;
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n || !a.job || a.index == NO_INDEX)
		return err_set(err, ERR_USAGE, "batch unit: --job JOB and --index I are expected, and nothing else");
	start_terminal(&a);
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
