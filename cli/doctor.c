/* doctor: what this host has and lacks. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/doctor.h"

struct arguments {
	const char *dir;
	bool json;
};

static const struct cli_option options[] = {
    {"os", 0, CLI_TEXT, "DIR", NULL, "The folder that results are to go to (default: here).",
     offsetof(struct arguments, dir)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print one JSON object.", offsetof(struct arguments, json)},
    {0},
};

static int print(const struct doctor *d, bool json, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *j = json ? doctor_json(d) : NULL;

	if (json ? js_print(j, true, &text) < 0 : doctor_print(d, &text) < 0)
		return err_nomem(err);
	return terminal_print(&text, err);
}

static int run_doctor(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(doctor_done) struct doctor d = {0};
	struct arguments a = {0};
	struct doctor_options o = {.root = ""};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n)
		return err_set(err, ERR_USAGE, "doctor: no arguments expected, %zu given", p.n);
	o.scratch = a.dir;
	doctor_run(&o, &d);
	if (print(&d, a.json, err) < 0)
		return -1;
	if (doctor_failed(&d))
		return err_set(err, ERR_HOST, "%u of %zu checks failed", doctor_failed(&d), d.checks.n);
	return 0;
}

const struct command command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "tell what this host has and lacks, and how to mend it",
    .options = options,
    .run = run_doctor,
};
