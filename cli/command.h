/* Commands: one row each; dispatch, help and the man page come from the same table. */
#ifndef REHOST_CLI_COMMAND_H
#define REHOST_CLI_COMMAND_H

#include "cli/options.h"

struct command {
	const char *name;		  /* "convert"; of a sub-command both words: "batch plan" */
	const char *arguments;		  /* "INPUT…" for the usage line, "" none */
	const char *summary;		  /* one line */
	const struct cli_option *options; /* ends with a row without name */
	/* argv[0] is the last word of the command's name. Returns 0, or -1 with err set. */
	int (*run)(const struct command *self, int argc, char **argv, struct err *err);
	/* Of a command that is only the first word of others: those, ending with NULL. It has no options and no run. */
	const struct command *const *parts;
};

extern const struct command *const commands[];

extern const struct command command_convert, command_plan, command_inspect, command_check, command_info, command_boot,
    command_doctor, command_bug_report, command_clean, command_undo, command_formats, command_map, command_compare,
    command_copy, command_nbd, command_iso, command_serve, command_machines, command_batch, command_batch_unit,
    command_report, command_verify;
/* Parts of batch. */
extern const struct command command_batch_plan, command_batch_run, command_batch_resume, command_batch_submit,
    command_batch_status, command_batch_cancel, command_batch_report;

/* The word by which it is called: "plan" of "batch plan". */
const char *command_word(const struct command *c);

/* Calls fn for each command that has a run, the parts of others where those stand. */
void command_each(void (*fn)(const struct command *c, void *opaque), void *opaque);

/* The row of a table (ends with NULL) that is called so; NULL none. */
const struct command *command_find(const struct command *const *table, const char *word);

/* What --help says: of a table a line each, of one command all. */
void command_list(const struct command *const *table, FILE *out);
void command_usage(const struct command *c, FILE *out);

#endif
