/* Options as data: one table a command makes parsing, --help, the man page's OPTIONS and the completions. */
#ifndef REHOST_CLI_OPTIONS_H
#define REHOST_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/err.h"

enum cli_kind {
	CLI_UNKNOWN = 0,
	CLI_FLAG,   /* bool */
	CLI_TEXT,   /* const char *; a second one replaces the first */
	CLI_NUMBER, /* unsigned */
	CLI_SIZE,   /* uint64_t bytes, not 0: k, M, G or T may stand behind the number */
	CLI_LIST,   /* struct cli_list; each use adds */
	CLI_GROUP,  /* no option: the rows of another table stand here */
};

enum {
	CLI_LIST_MAX = 256,    /* NIC maps, keys: more than any machine has */
	OPTION_ROWS_MAX = 128, /* no command has half of it, virt-v2v's table over 80 */
};

struct cli_list {
	const char *v[CLI_LIST_MAX + 1]; /* NULL-terminated: usable as const char *const * */
	size_t n;
};

/* One row. `name` is spelled with two dashes or, as virt-v2v's users do, with one (-os, --os). */
struct cli_option {
	const char *name; /* "os"; NULL ends the table */
	char letter;	  /* 'o', 0 none */
	enum cli_kind kind;
	const char *argument;	    /* "DIR", NULL for flags */
	const char *const *choices; /* NULL: any; else NULL-terminated */
	const char *help;	    /* one sentence */
	size_t at;		    /* offset in the command's struct; of a group: what its rows' offsets count from */
	const struct cli_option *rows; /* of a group; it may hold groups itself */
};

#define OPTION_GROUP(table, offset)                                                                                    \
	{                                                                                                              \
		.name = "", .kind = CLI_GROUP, .at = (offset), .rows = (table)                                         \
	}

/* A table with its groups unfolded; ends with a row without name. */
struct option_rows {
	struct cli_option v[OPTION_ROWS_MAX + 1];
	size_t n;
};

struct positionals {
	const char *const *v;
	size_t n;
};

/* Rows over OPTION_ROWS_MAX are counted in n, but not there. */
void options_unfold(const struct cli_option *table, struct option_rows *ret);

/* Fills `into` from argv[1…]; options may stand among positionals; "--" ends options. ERR_USAGE names the option. */
int options_parse(const struct cli_option *table, int argc, char **argv, void *into, struct positionals *ret,
		  struct err *err);

enum { OPTION_TEXT_MAX = 80 /* a line of help */ };

/* How an option is shown: "-o, --output KIND"; and the dashes before its name. */
void option_spelling(const struct cli_option *o, char text[OPTION_TEXT_MAX]);
const char *option_dashes(const struct cli_option *o);

/* The options as help lines, 80 columns. */
void options_help(const struct cli_option *table, FILE *out);

#endif
