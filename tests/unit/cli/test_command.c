/* The table of commands: rows are whole, and no option of a command is named twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

static void check_options(const struct command *c)
{
	struct option_rows rows;

	options_unfold(c->options, &rows);
	assert_true(rows.n <= OPTION_ROWS_MAX);
	for (const struct cli_option *o = rows.v; o->name; o++) {
		assert_true(o->kind != CLI_UNKNOWN);
		assert_true((o->kind == CLI_FLAG) == !o->argument);
		assert_true(o->help && o->help[strlen(o->help) - 1] == '.');
		for (const struct cli_option *other = o + 1; other->name; other++) {
			assert_string_not_equal(o->name, other->name);
			assert_true(!o->letter || o->letter != other->letter);
		}
	}
}

static void check_row(const struct command *c, void *opaque)
{
	assert_non_null(c->run);
	assert_non_null(c->arguments);
	assert_true(c->summary && c->summary[strlen(c->summary) - 1] != '.');
	check_options(c);
	++*(unsigned *)opaque;
}

static void rows_are_whole(void **state)
{
	unsigned n = 0;

	command_each(check_row, &n);
	assert_true(n > 0);
}

static void found_by_their_word(void **state)
{
	static const struct command part = {.name = "many first"};
	static const struct command *const parts[] = {&part, NULL};

	assert_ptr_equal(command_find(commands, "convert"), &command_convert);
	assert_null(command_find(commands, "many"));
	assert_ptr_equal(command_find(parts, "first"), &part);
	assert_null(command_find(parts, "many"));
	assert_string_equal(command_word(&part), "first");
	assert_string_equal(command_word(&command_copy), "copy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_whole),
	    cmocka_unit_test(found_by_their_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
