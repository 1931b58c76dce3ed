/* Commands: one row each; dispatch, help and the man page come from the same table. */
#ifndef REHOST_CLI_COMMAND_H
#define REHOST_CLI_COMMAND_H

#include "cli/options.h"

struct command {
	const char *name;
	const char *arguments;		  /* "INPUT…" for the usage line, "" none */
	const char *summary;		  /* one line */
	const struct cli_option *options; /* ends with a row without name */
	/* argv[0] is the command's name. Returns 0, or -1 with err set. */
	int (*run)(const struct command *self, int argc, char **argv, struct err *err);
};

extern const struct command *const commands[];

extern const struct command command_convert, command_plan, command_inspect, command_check, command_info, command_boot,
    command_doctor, command_clean, command_undo, command_formats, command_map, command_compare, command_copy,
    command_nbd, command_iso, command_serve, command_machines;

void command_usage(const struct command *c, FILE *out);

#endif
