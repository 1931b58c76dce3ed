/* Option tables: virt-v2v's and our spellings, values, and errors that name the option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"

struct arguments {
	const char *dir, *format;
	struct cli_list maps;
	uint64_t rate;
	unsigned threads;
	bool force;
};

static const char *const formats[] = {"qcow2", "raw", NULL};
static const struct cli_option table[] = {
    {"os", 0, CLI_TEXT, "DIR", NULL, "Folder.", offsetof(struct arguments, dir)},
    {"of", 0, CLI_TEXT, "FORMAT", formats, "Format.", offsetof(struct arguments, format)},
    {"network", 'n', CLI_LIST, "MAP", NULL, "Map.", offsetof(struct arguments, maps)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads.", offsetof(struct arguments, threads)},
    {"rate", 0, CLI_SIZE, "RATE", NULL, "Rate.", offsetof(struct arguments, rate)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Force.", offsetof(struct arguments, force)},
    {0},
};

static int parse(struct arguments *a, struct positionals *p, struct err *err, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(a, 0, sizeof *a);
	return options_parse(table, argc, argv, a, p, err);
}

static void spellings_of_virt_v2v_and_ours(void **state)
{
	char *argv[] = {"convert", "in.ova",	"-os", "/out", "--of=raw", "-n",
			"a:b",	   "--network", "c",   "-j4",  "--force",  NULL};
	struct arguments a;
	struct positionals p;
	struct err err = ERR_INIT;

	assert_int_equal(parse(&a, &p, &err, argv), 0);
	assert_string_equal(a.dir, "/out");
	assert_string_equal(a.format, "raw");
	assert_int_equal(a.maps.n, 2);
	assert_string_equal(a.maps.v[0], "a:b");
	assert_string_equal(a.maps.v[1], "c");
	assert_null(a.maps.v[2]);
	assert_int_equal(a.threads, 4);
	assert_true(a.force);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.v[0], "in.ova");
}

static void two_dashes_end_options(void **state)
{
	char *argv[] = {"convert", "--force", "--", "-os", NULL};
	struct arguments a;
	struct positionals p;
	struct err err = ERR_INIT;

	assert_int_equal(parse(&a, &p, &err, argv), 0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.v[0], "-os");
}

static void sizes(void **state)
{
	char *argv[] = {"convert", "--rate", "20M", NULL};
	struct arguments a;
	struct positionals p;
	struct err err = ERR_INIT;

	assert_int_equal(parse(&a, &p, &err, argv), 0);
	assert_int_equal(a.rate, 20 << 20);
	argv[2] = "0";
	assert_int_equal(parse(&a, &p, &err, argv), -1);
	assert_non_null(
	    strstr(err.text, "option --rate: '0' is not a number of bytes, or with k, M, G or T behind it"));
}

static void fails(char **argv, const char *text)
{
	struct arguments a;
	struct positionals p;
	struct err err = ERR_INIT;

	assert_int_equal(parse(&a, &p, &err, argv), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, text);
}

static void errors_name_the_option(void **state)
{
	fails((char *[]){"convert", "--nonsense", NULL}, "unknown option '--nonsense'");
	fails((char *[]){"convert", "--secret=all:key:s3cret", NULL}, "unknown option '--secret'");
	fails((char *[]){"convert", "--thr", "4", NULL}, "unknown option '--thr'; did you mean --threads?");
	fails((char *[]){"convert", "a", "--netw=x", "b", NULL}, "unknown option '--netw'; did you mean --network?");
	fails((char *[]){"convert", "-os", NULL}, "option '-os' needs a value");
	fails((char *[]){"convert", "-of", "vdi", NULL}, "option --of: 'vdi' is not one of qcow2, raw");
	fails((char *[]){"convert", "-j", "4x", NULL}, "option --threads: '4x' is not a number");
	fails((char *[]){"convert", "-j", "-1", NULL}, "option --threads: '-1' is not a number");
}

/* A group inside a group, behind rows and before others. */
static void groups_stand_where_their_struct_is(void **state)
{
	struct nested {
		unsigned before;
		struct {
			bool outer;
			struct arguments inner;
		} group;
	} a = {0};
	static const struct cli_option middle[] = {
	    {"outer", 0, CLI_FLAG, NULL, NULL, "Outer.", 0},
	    OPTION_GROUP(table, offsetof(struct nested, group.inner) - offsetof(struct nested, group)),
	    {0},
	};
	static const struct cli_option top[] = {
	    {"before", 'b', CLI_NUMBER, "N", NULL, "Before.", offsetof(struct nested, before)},
	    OPTION_GROUP(middle, offsetof(struct nested, group)),
	    {0},
	};
	char *argv[] = {"convert", "-b1", "--outer", "-os", "/out", "-n", "a:b", "--force", NULL};
	struct option_rows rows;
	struct positionals p;
	struct err err = ERR_INIT;

	options_unfold(top, &rows);
	assert_int_equal(rows.n, 8);
	assert_string_equal(rows.v[1].name, "outer");
	assert_string_equal(rows.v[7].name, "force");
	assert_null(rows.v[8].name);
	assert_int_equal(options_parse(top, 8, argv, &a, &p, &err), 0);
	assert_int_equal(a.before, 1);
	assert_true(a.group.outer && a.group.inner.force);
	assert_string_equal(a.group.inner.dir, "/out");
	assert_string_equal(a.group.inner.maps.v[0], "a:b");
}

static void help_shows_every_row(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	options_help(table, out);
	fclose(out);
	assert_non_null(strstr(text, "-os DIR"));
	assert_non_null(strstr(text, "-n, --network MAP"));
	assert_non_null(strstr(text, "--force"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spellings_of_virt_v2v_and_ours),
	    cmocka_unit_test(two_dashes_end_options),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(errors_name_the_option),
	    cmocka_unit_test(groups_stand_where_their_struct_is),
	    cmocka_unit_test(help_shows_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
