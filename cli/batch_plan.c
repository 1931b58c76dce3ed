/* batch plan: a manifest becomes a job folder. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/manifest_keys.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "run/batch/plan.h"

struct arguments {
	unsigned jobs;
	bool no_check, json;
	struct talk_arguments talk;
};

#define AT(field) offsetof(struct arguments, field)

static const struct cli_option options[] = {
    {"jobs", 'j', CLI_NUMBER, "N", NULL,
     "Check so many machines at once, fewer where memory is short (default: one a core).", AT(jobs)},
    {"no-check", 0, CLI_FLAG, NULL, NULL,
     "Don't look inside the machines: sizes are those of their files, and what can't be converted shows when it is "
     "tried.",
     AT(no_check)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the plan as one JSON object.", AT(json)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static void checked(const struct unit *u, const struct unit_check *c, size_t done, size_t total, void *opaque)
{
	const char *what = c->verdict ? c->verdict : *c->error ? c->error : "taken as it is";

	log_info("%zu of %zu: %s: %s", done, total, u->name, what);
}

static int print(const struct plan *p, const struct arguments *a, const char *job, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(256 * MIB);
	AUTO(js_freep) struct json *j = NULL;

	if (a->talk.quiet && !a->json)
		return 0;
	if (!a->json)
		return plan_text(p, job, &text, err) < 0 ? -1 : terminal_print(&text, err);
	j = plan_json(p, job);
	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "the plan is over %zu bytes", text.max);
	return terminal_print(&text, err);
}

static int run_plan(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {0};
	struct positionals p;
	struct manifest_keys keys;
	AUTO(plan_done) struct plan plan = {0};
	struct plan_options o = {.keys = &keys, .check.checked = checked};

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0 || manifest_keys_all(&keys, err) < 0)
		return -1;
	if (p.n != 2)
		return err_set(err, ERR_USAGE, "batch plan: a manifest and the path of a new job folder are expected");
	talk_start(&a.talk);
	o.manifest = p.v[0];
	o.job = p.v[1];
	o.no_check = a.no_check;
	o.check.jobs = a.jobs;
	terminal_phase(a.no_check ? "planning" : "checking the machines", NULL);
	if (plan_make(&o, &plan, err) < 0)
		return -1;
	terminal_end();
	return print(&plan, &a, o.job, err);
}

const struct command command_batch_plan = {
    .name = "batch plan",
    .arguments = "MANIFEST JOB",
    .summary = "check the machines of a manifest and make a job folder of them",
    .options = options,
    .run = run_plan,
};
