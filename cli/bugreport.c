/* bug-report: one archive for who is to mend a fault, and first a list of what is in it. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/units.h"
#include "run/bugreport.h"

struct arguments {
	const char *file;
	bool list, force;
};

static const struct cli_option options[] = {
    {"output", 'o', CLI_TEXT, "FILE", NULL,
     "The archive (.tar.gz or .tar.zst; default: rehost-bug-report.tar.gz here).", offsetof(struct arguments, file)},
    {"list", 0, CLI_FLAG, NULL, NULL, "Write nothing, only list what would be in it.",
     offsetof(struct arguments, list)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Replace an existing archive.", offsetof(struct arguments, force)},
    {0},
};

static int print(const struct bug_report *r, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	char words[SIZE_WORDS_MAX];

	VEC_FOR (f, &r->files) {
		buf_addf(&text, "%10s  %s", size_in_words(f->len, words), f->name);
		if (f->hidden)
			buf_addf(&text, "  (%u place%s masked)", f->hidden, f->hidden == 1 ? "" : "s");
		buf_adds(&text, "\n");
	}
	if (r->left_out)
		buf_addf(&text, "left out: %u file%s (disks, pictures, files of the guest)\n", r->left_out,
			 r->left_out == 1 ? "" : "s");
	return text.failed ? err_nomem(err) : terminal_print(&text, err);
}

static int run_bug_report(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(bug_report_done) struct bug_report r = {0};
	struct arguments a = {.file = "rehost-bug-report.tar.gz"};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n > 1)
		return err_set(err, ERR_USAGE, "bug-report: at most one folder expected, %zu given", p.n);
	if (!a.list && bug_report_check(a.file, a.force, err) < 0)
		return -1;
	if (bug_report_collect(p.n ? p.v[0] : NULL, &r, err) < 0 || print(&r, err) < 0)
		return -1;
	if (a.list)
		return 0;
	if (bug_report_write(&r, a.file, a.force, err) < 0)
		return -1;
	printf("written: %s; look through it before you give it to others\n", a.file);
	return 0;
}

const struct command command_bug_report = {
    .name = "bug-report",
    .arguments = "[FOLDER]",
    .summary = "put versions, doctor's findings, reports and logs into one archive, without secrets",
    .options = options,
    .run = run_bug_report,
};
