/* Completions: a script for each of three shells, made from the tables of commands and options. */
#include "cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "cli/command.h"

/* What a value or an argument can be completed with. */
enum values { VALUES_NONE = 0, VALUES_FOLDERS, VALUES_FILES };

/* By the word that stands for it in the help: a word with several meanings ("ISO|DIR") is the widest of them. */
static const struct {
	const char *word;
	enum values values;
} words[] = {
    {"DIR", VALUES_FOLDERS},	{"FOLDER", VALUES_FOLDERS},    {"JOB", VALUES_FOLDERS},	 {"RESULT", VALUES_FILES},
    {"FILE", VALUES_FILES},	{"PATH", VALUES_FILES},	       {"IMAGE", VALUES_FILES},	 {"INPUT", VALUES_FILES},
    {"ISO", VALUES_FILES},	{"NEW", VALUES_FILES},	       {"TARGET", VALUES_FILES}, {"MANIFEST", VALUES_FILES},
    {"NAME.xml", VALUES_FILES}, {"report.json", VALUES_FILES},
};

static enum values values_of_word(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i].word) == len && !strncmp(words[i].word, word, len))
			return words[i].values;
	return VALUES_NONE;
}

/* Of "INPUT…", "[NAME]", "ISO|DIR", "MANIFEST JOB". */
static enum values values_of(const char *text)
{
	enum values ret = VALUES_NONE;

	while (text && *text) {
		size_t len = strcspn(text, " |[]\xe2"); /* the first byte of "…" */
		enum values v = values_of_word(text, len);

		ret = v > ret ? v : ret;
		text += len + (text[len] != '\0');
	}
	return ret;
}

/* The text with `with` before each of the characters `which`. */
static void escaped(const char *text, const char *which, const char *with, FILE *out)
{
	for (; *text; text++) {
		if (strchr(which, *text))
			fputs(with, out);
		fputc(*text, out);
	}
}

/* The text in single quotes; fish and sh spell a quote inside differently. */
static void quoted(const char *text, const char *quote, FILE *out)
{
	fputc('\'', out);
	for (; *text; text++)
		if (*text == '\'')
			fputs(quote, out);
		else
			fputc(*text, out);
	fputc('\'', out);
}

static void choices(const struct cli_option *o, FILE *out)
{
	for (const char *const *c = o->choices; *c; c++)
		fprintf(out, "%s%s", c == o->choices ? "" : " ", *c);
}

static void words_of(const struct command *const *table, FILE *out)
{
	for (; *table; table++)
		fprintf(out, "%s ", command_word(*table));
}

/* --- bash --- */

static const char bash_head[] =
    "# bash completion for rehost\n"
    "_rehost_words() {\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_rehost_files() { # -f files, -d folders\n"
    "\tcompopt -o filenames\n"
    "\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_rehost() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}\n"
    "\n"
    "\tCOMPREPLY=()\n"
    "\t# \"--of=raw\" comes as three words.\n"
    "\tif [[ $cur == = ]]; then\n"
    "\t\tcur=\n"
    "\telif [[ $prev == = ]]; then\n"
    "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "\tfi\n";

/* A case of $prev: what follows the option. */
static void bash_value(const struct cli_option *o, FILE *out)
{
	enum values v = values_of(o->argument);

	if (o->kind == CLI_FLAG)
		return;
	fputs("\t\t", out);
	if (o->letter)
		fprintf(out, "-%c | ", o->letter);
	fprintf(out, "-%s | --%s) ", o->name, o->name);
	if (o->choices) {
		fputs("_rehost_words '", out);
		choices(o, out);
		fputs("' && return ;;\n", out);
	} else if (v != VALUES_NONE) {
		fprintf(out, "_rehost_files -%c && return ;;\n", v == VALUES_FILES ? 'f' : 'd');
	} else {
		fputs("return ;;\n", out);
	}
}

static void bash_options(const struct option_rows *rows, FILE *out)
{
	fputs("\t\tif [[ $cur == -* ]]; then\n\t\t\t_rehost_words '", out);
	for (const struct cli_option *o = rows->v; o->name; o++) {
		if (o->letter)
			fprintf(out, "-%c ", o->letter);
		fprintf(out, "%s%s ", option_dashes(o), o->name);
	}
	fputs("-h --help'\n\t\t\treturn\n\t\tfi\n", out);
}

static void bash_command(const struct command *c, void *opaque)
{
	FILE *out = opaque;
	enum values v = values_of(c->arguments);
	struct option_rows rows;

	options_unfold(c->options, &rows);
	fprintf(out, "\t'%s')\n\t\tcase $prev in\n", c->name);
	for (const struct cli_option *o = rows.v; o->name; o++)
		bash_value(o, out);
	fputs("\t\tesac\n", out);
	bash_options(&rows, out);
	if (v != VALUES_NONE)
		fprintf(out, "\t\t_rehost_files -%c\n", v == VALUES_FILES ? 'f' : 'd');
	fputs("\t\t;;\n", out);
}

/* Where the second word is a command, too, both make its name. */
static void bash_parts(FILE *out)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (!(*c)->parts)
			continue;
		fprintf(out,
			"\tif [[ $command == %s ]]; then\n"
			"\t\tif [[ $COMP_CWORD == 2 ]]; then\n\t\t\t_rehost_words '",
			(*c)->name);
		words_of((*c)->parts, out);
		fputs("--help'\n\t\t\treturn\n\t\tfi\n\t\tcommand+=\" ${COMP_WORDS[2]}\"\n\tfi\n", out);
	}
}

static void bash(FILE *out)
{
	fputs(bash_head, out);
	fputs("\tif [[ $COMP_CWORD == 1 ]]; then\n\t\t_rehost_words '", out);
	words_of(commands, out);
	fputs("--help --version'\n\t\treturn\n\tfi\n", out);
	bash_parts(out);
	fputs("\tcase $command in\n", out);
	command_each(bash_command, out);
	fputs("\tesac\n}\n\ncomplete -F _rehost rehost\n", out);
}

/* --- zsh --- */

static const char zsh_quote[] = "'\\''";

/* "word:summary" in quotes, as _describe takes it. */
static void zsh_described(const struct command *const *table, FILE *out)
{
	for (; *table; table++) {
		fprintf(out, " '%s:", command_word(*table));
		for (const char *s = (*table)->summary; *s; s++)
			if (*s == '\'')
				fputs(zsh_quote, out);
			else
				fprintf(out, *s == ':' ? "\\%c" : "%c", *s);
		fputc('\'', out);
	}
}

/* ":KIND:(ova ovf)": what follows an option, as _arguments takes it. */
static void zsh_value(const struct cli_option *o, FILE *out)
{
	enum values v = values_of(o->argument);

	fputc(':', out);
	escaped(o->argument, ":", "\\", out);
	fputc(':', out);
	if (o->choices) {
		fputc('(', out);
		choices(o, out);
		fputc(')', out);
	} else {
		fputs(v == VALUES_FILES ? "_files" : v == VALUES_FOLDERS ? "_files -/" : " ", out);
	}
}

/* One spelling: '*--network=[Connect …]:IN\:OUT: '. What may not be given twice excludes its other spelling. */
static void zsh_spelling(const struct cli_option *o, const char *dashes, const char *name, FILE *out)
{
	fputs(" \\\n\t\t\t", out);
	if (o->kind == CLI_LIST)
		fputs("'*'", out);
	else if (o->letter)
		fprintf(out, "'(-%c %s%s)'", o->letter, option_dashes(o), o->name);
	fprintf(out, "%s%s", dashes, name);
	if (o->kind != CLI_FLAG && !strcmp(dashes, "--"))
		fputc('=', out);
	fputs("'[", out);
	for (const char *s = o->help; *s; s++)
		if (*s == '\'')
			fputs(zsh_quote, out);
		else
			fprintf(out, strchr("[]:\\", *s) ? "\\%c" : "%c", *s);
	fputc(']', out);
	if (o->kind != CLI_FLAG)
		zsh_value(o, out);
	fputc('\'', out);
}

static void zsh_command(const struct command *c, FILE *out)
{
	enum values v = values_of(c->arguments);
	struct option_rows rows;

	options_unfold(c->options, &rows);
	fprintf(out, "\t%s)\n\t\t_arguments", command_word(c));
	for (const struct cli_option *o = rows.v; o->name; o++) {
		char letter[] = {o->letter, '\0'};

		if (o->letter)
			zsh_spelling(o, "-", letter, out);
		zsh_spelling(o, option_dashes(o), o->name, out);
	}
	fputs(" \\\n\t\t\t'(- *)'{-h,--help}'[Print the options.]'", out);
	if (v != VALUES_NONE)
		fprintf(out, " \\\n\t\t\t'*:file:_files%s'", v == VALUES_FOLDERS ? " -/" : "");
	fputs("\n\t\t;;\n", out);
}

/* A function that completes a table's word and then what belongs to it. */
static void zsh_function(const char *name, const struct command *const *table, FILE *out)
{
	fprintf(out, "%s() {\n\tlocal -a known\n\tif (( CURRENT == 2 )); then\n\t\tknown=(", name);
	zsh_described(table, out);
	fputs(")\n\t\t_describe command known\n\t\treturn\n\tfi\n"
	      "\tshift words\n\t(( CURRENT-- ))\n\tcase $words[1] in\n",
	      out);
	for (; *table; table++)
		if ((*table)->parts)
			fprintf(out, "\t%s) _rehost_%s ;;\n", (*table)->name, (*table)->name);
		else
			zsh_command(*table, out);
	fputs("\tesac\n}\n\n", out);
}

static void zsh(FILE *out)
{
	fputs("#compdef rehost\n\n", out);
	for (const struct command *const *c = commands; *c; c++) {
		char name[64];

		if (!(*c)->parts)
			continue;
		snprintf(name, sizeof name, "_rehost_%s", (*c)->name);
		zsh_function(name, (*c)->parts, out);
	}
	zsh_function("_rehost", commands, out);
	fputs("_rehost \"$@\"\n", out);
}

/* --- fish --- */

static const char fish_quote[] = "\\'";

static const char fish_head[] = "# fish completion for rehost\n"
				"function __rehost_is --description 'The command line begins with these words'\n"
				"\tset -l words (commandline -opc)\n"
				"\tset -l last (math (count $argv) + 1)\n"
				"\ttest (count $words) -ge $last\n"
				"\tand test \"$words[2..$last]\" = \"$argv\"\n"
				"end\n"
				"\n"
				"function __rehost_needs --description 'After these words a command comes next'\n"
				"\ttest (count (commandline -opc)) = (math (count $argv) + 1)\n"
				"\tand begin; test (count $argv) = 0; or __rehost_is $argv; end\n"
				"end\n"
				"\n"
				"complete -c rehost -f\n"
				"complete -c rehost -n __rehost_needs -l help -d 'List the commands'\n"
				"complete -c rehost -n __rehost_needs -l version -d 'Print the version'\n";

static void fish_words(const struct command *const *table, const char *after, FILE *out)
{
	for (; *table; table++) {
		fprintf(out, "complete -c rehost -n '__rehost_needs%s%s' -a %s -d ", *after ? " " : "", after,
			command_word(*table));
		quoted((*table)->summary, fish_quote, out);
		fputc('\n', out);
	}
}

static void fish_value(const struct cli_option *o, FILE *out)
{
	enum values v = values_of(o->argument);

	if (o->choices) {
		fputs(" -x -a '", out);
		choices(o, out);
		fputc('\'', out);
	} else {
		fputs(v == VALUES_FILES	    ? " -r -F"
		      : v == VALUES_FOLDERS ? " -x -a '(__fish_complete_directories)'"
					    : " -x",
		      out);
	}
}

static void fish_option(const struct command *c, const struct cli_option *o, FILE *out)
{
	fprintf(out, "complete -c rehost -n '__rehost_is %s'", c->name);
	if (o->letter)
		fprintf(out, " -s %c", o->letter);
	fprintf(out, " -%c %s", option_dashes(o)[1] ? 'l' : 'o', o->name);
	if (o->kind != CLI_FLAG)
		fish_value(o, out);
	fputs(" -d ", out);
	quoted(o->help, fish_quote, out);
	fputc('\n', out);
}

static void fish_command(const struct command *c, void *opaque)
{
	FILE *out = opaque;
	enum values v = values_of(c->arguments);
	struct option_rows rows;

	options_unfold(c->options, &rows);
	for (const struct cli_option *o = rows.v; o->name; o++)
		fish_option(c, o, out);
	fprintf(out, "complete -c rehost -n '__rehost_is %s' -s h -l help -d 'Print the options.'\n", c->name);
	if (v != VALUES_NONE)
		fprintf(out, "complete -c rehost -n '__rehost_is %s' %s\n", c->name,
			v == VALUES_FILES ? "-F" : "-a '(__fish_complete_directories)'");
}

static void fish(FILE *out)
{
	fputs(fish_head, out);
	fish_words(commands, "", out);
	for (const struct command *const *c = commands; *c; c++)
		if ((*c)->parts)
			fish_words((*c)->parts, (*c)->name, out);
	command_each(fish_command, out);
}

int completion(const char *shell, FILE *out, struct err *err)
{
	static const struct {
		const char *name;
		void (*write)(FILE *out);
	} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		if (strcmp(shells[i].name, shell) != 0)
			continue;
		shells[i].write(out);
		return 0;
	}
	return err_set(err, ERR_USAGE, "--completion: '%s' is not one of bash, zsh, fish", shell);
}
