/* Options as data: parsing and help from one table. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/units.h"

enum { LONG_BASE = 1000 /* getopt's answer for row i is LONG_BASE + i */ };

static void unfold(const struct cli_option *table, size_t at, struct option_rows *ret)
{
	for (; table->name; table++) {
		if (table->kind == CLI_GROUP) {
			unfold(table->rows, at + table->at, ret);
			continue;
		}
		if (ret->n < OPTION_ROWS_MAX) {
			ret->v[ret->n] = *table;
			ret->v[ret->n].at += at;
			ret->v[ret->n + 1] = (struct cli_option){0};
		}
		ret->n++;
	}
}

void options_unfold(const struct cli_option *table, struct option_rows *ret)
{
	ret->n = 0;
	ret->v[0] = (struct cli_option){0};
	unfold(table, 0, ret);
}

static int bad_choice(const struct cli_option *o, const char *value, struct err *err)
{
	char all[256] = "";

	for (const char *const *c = o->choices; *c; c++) {
		strncat(all, *c, sizeof all - strlen(all) - 1);
		if (c[1])
			strncat(all, ", ", sizeof all - strlen(all) - 1);
	}
	return err_set(err, ERR_USAGE, "option --%s: '%s' is not one of %s", o->name, value, all);
}

static int check_choice(const struct cli_option *o, const char *value, struct err *err)
{
	for (const char *const *c = o->choices; c && *c; c++)
		if (!strcmp(*c, value))
			return 0;
	return o->choices ? bad_choice(o, value, err) : 0;
}

static int set_number(const struct cli_option *o, const char *value, unsigned *to, struct err *err)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || *end || end == value || *value == '-' || n > UINT32_MAX)
		return err_set(err, ERR_USAGE, "option --%s: '%s' is not a number", o->name, value);
	*to = (unsigned)n;
	return 0;
}

static int set_size(const struct cli_option *o, const char *value, uint64_t *to, struct err *err)
{
	if (size_parse(value, to) && *to)
		return 0;
	return err_set(err, ERR_USAGE, "option --%s: '%s' is not a number of bytes, or with k, M, G or T behind it",
		       o->name, value);
}

static int add_to_list(const struct cli_option *o, const char *value, struct cli_list *list, struct err *err)
{
	if (list->n == CLI_LIST_MAX)
		return err_set(err, ERR_USAGE, "option --%s: given more than %d times", o->name, CLI_LIST_MAX);
	list->v[list->n++] = value;
	return 0;
}

static int set_value(const struct cli_option *o, const char *value, void *into, struct err *err)
{
	void *at = (char *)into + o->at;

	if (o->kind != CLI_FLAG && check_choice(o, value, err) < 0)
		return -1;
	switch (o->kind) {
	case CLI_FLAG:
		*(bool *)at = true;
		return 0;
	case CLI_TEXT:
		*(const char **)at = value;
		return 0;
	case CLI_NUMBER:
		return set_number(o, value, at, err);
	case CLI_SIZE:
		return set_size(o, value, at, err);
	case CLI_LIST:
		return add_to_list(o, value, at, err);
	case CLI_GROUP:
	case CLI_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "option --%s has no kind", o->name);
}

/* getopt_long_only() takes "-os DIR" as well as "--os DIR" and "-o x"; its tables are made from our rows. */
static void make_getopt(const struct cli_option *table, size_t n, char *letters, struct option *longs)
{
	*letters++ = ':';
	for (size_t i = 0; i < n; i++) {
		longs[i] = (struct option){.name = table[i].name,
					   .has_arg = table[i].kind == CLI_FLAG ? no_argument : required_argument,
					   .val = LONG_BASE + (int)i};
		if (!table[i].letter)
			continue;
		*letters++ = table[i].letter;
		if (table[i].kind != CLI_FLAG)
			*letters++ = ':';
	}
	*letters = '\0';
	longs[n] = (struct option){0};
}

static const struct cli_option *row_of(const struct cli_option *table, int answer)
{
	if (answer >= LONG_BASE)
		return &table[answer - LONG_BASE];
	while (table->letter != answer)
		table++;
	return table;
}

/* getopt takes the beginning of a name for all of it: `--keys SECRET` would be --keys-from-stdin and an input. */
static bool is_spelled(const char *word, const char *name)
{
	word += strspn(word, "-");
	return strcspn(word, "=") == strlen(name) && !strncmp(word, name, strlen(name));
}

int options_parse(const struct cli_option *table, int argc, char **argv, void *into, struct positionals *ret,
		  struct err *err)
{
	char letters[2 * OPTION_ROWS_MAX + 2];
	struct option longs[OPTION_ROWS_MAX + 1];
	struct option_rows rows;
	int answer, at = -1;

	options_unfold(table, &rows);
	if (rows.n > OPTION_ROWS_MAX)
		return err_set(err, ERR_INTERNAL, "option table has %zu rows, at most %d expected", rows.n,
			       OPTION_ROWS_MAX);
	make_getopt(rows.v, rows.n, letters, longs);
	opterr = 0;
	optind = 1;
	while ((answer = getopt_long_only(argc, argv, letters, longs, &at)) != -1) {
		const char *word = argv[optind - 1 - (optarg == argv[optind - 1])];

		if (answer == '?')
			return err_set(err, ERR_USAGE, "unknown option '%.*s'", (int)strcspn(word, "="), word);
		if (at >= 0 && !is_spelled(word, longs[at].name))
			return err_set(err, ERR_USAGE, "unknown option '%.*s'; did you mean --%s?",
				       (int)strcspn(word, "="), word, longs[at].name);
		at = -1;
		if (answer == ':')
			return err_set(err, ERR_USAGE, "option '%s' needs a value", argv[optind - 1]);
		if (set_value(row_of(rows.v, answer), optarg, into, err) < 0)
			return -1;
	}
	ret->v = (const char *const *)(uintptr_t)(argv + optind);
	ret->n = (size_t)(argc - optind);
	return 0;
}

const char *option_dashes(const struct cli_option *o)
{
	/* Names of one or two letters are virt-v2v's: shown as its users write them. */
	return strlen(o->name) <= 2 ? "-" : "--";
}

void option_spelling(const struct cli_option *o, char text[OPTION_TEXT_MAX])
{
	const size_t size = OPTION_TEXT_MAX;
	int n = 0;

	if (o->letter)
		n = snprintf(text, size, "-%c, ", o->letter);
	n += snprintf(text + n, size - (size_t)n, "%s%s", option_dashes(o), o->name);
	if (o->argument)
		snprintf(text + n, size - (size_t)n, " %s", o->argument);
}

static void print_wrapped(const char *text, int indent, FILE *out)
{
	enum { WIDTH = 80 };
	int column = indent;

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (column + word >= WIDTH && column > indent) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		}
		fprintf(out, "%.*s", word, text);
		text += word;
		column += word;
		if (*text == ' ') {
			text++;
			fputc(' ', out);
			column++;
		}
	}
	fputc('\n', out);
}

void options_help(const struct cli_option *table, FILE *out)
{
	enum { INDENT = 28 };
	struct option_rows rows;

	options_unfold(table, &rows);
	for (const struct cli_option *o = rows.v; o->name; o++) {
		char text[OPTION_TEXT_MAX];

		option_spelling(o, text);
		fprintf(out, "  %-*s", INDENT - 2, text);
		if (strlen(text) > INDENT - 3)
			fprintf(out, "\n%*s", INDENT, "");
		print_wrapped(o->help, INDENT, out);
	}
}
