/* The table of commands, and what help says of it. */
#include "cli/command.h"

#include <string.h>

/* A line each, so that rows of two branches don't collide. */
/* clang-format off */
const struct command *const commands[] = {
    &command_convert,
    &command_plan,
    &command_inspect,
    &command_check,
    &command_boot,
    &command_verify,
    &command_info,
    &command_map,
    &command_copy,
    &command_compare,
    &command_nbd,
    &command_doctor,
    &command_bug_report,
    &command_clean,
    &command_undo,
    &command_formats,
    &command_iso,
    &command_serve,
    &command_machines,
    &command_batch,
    &command_report,
    NULL,
};
/* clang-format on */

const char *command_word(const struct command *c)
{
	const char *space = strrchr(c->name, ' ');

	return space ? space + 1 : c->name;
}

void command_each(void (*fn)(const struct command *c, void *opaque), void *opaque)
{
	for (const struct command *const *c = commands; *c; c++) {
		for (const struct command *const *part = (*c)->parts; part && *part; part++)
			fn(*part, opaque);
		if (!(*c)->parts)
			fn(*c, opaque);
	}
}

void command_list(const struct command *const *table, FILE *out)
{
	for (; *table; table++)
		fprintf(out, "  %-10s %s\n", command_word(*table), (*table)->summary);
}

void command_usage(const struct command *c, FILE *out)
{
	fprintf(out, "rehost %s: %s\n\nusage: rehost %s ", c->name, c->summary, c->name);
	if (c->parts) {
		fputs("COMMAND [options] …\n\n", out);
		command_list(c->parts, out);
		fprintf(out, "\n`rehost %s COMMAND --help` lists its options.\n", c->name);
	} else {
		fprintf(out, "[options] %s\n\n", c->arguments);
		options_help(c->options, out);
	}
}

const struct command *command_find(const struct command *const *table, const char *word)
{
	for (; *table; table++)
		if (!strcmp(command_word(*table), word))
			return *table;
	return NULL;
}
