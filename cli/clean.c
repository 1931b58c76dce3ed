/* clean: removes what interrupted runs left. */
#include <stdio.h>

#include "cli/command.h"
#include "run/partial.h"

struct arguments {
	const char *dir;
};

static const struct cli_option options[] = {
    {"os", 0, CLI_TEXT, "DIR", NULL, "The folder that was given to convert (default: here).",
     offsetof(struct arguments, dir)},
    {0},
};

static int run_clean(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {.dir = "."};
	struct positionals p;
	struct cleaned cleaned;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n > 1)
		return err_set(err, ERR_USAGE, "clean: at most one NAME expected, %zu given", p.n);
	if (partial_clean(a.dir, p.n ? p.v[0] : NULL, &cleaned, err) < 0)
		return -1;
	printf("%u partial folder%s removed\n", cleaned.removed, cleaned.removed == 1 ? "" : "s");
	if (cleaned.held)
		printf("%u held by running conversions\n", cleaned.held);
	return 0;
}

const struct command command_clean = {
    .name = "clean",
    .arguments = "[NAME]",
    .summary = "remove what interrupted or failed conversions left",
    .options = options,
    .run = run_clean,
};
