/* Errors: the texts, what is cut when they grow too long, and the statuses of the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/base/err.h"

static void set_records_code_and_text(void **state)
{
	struct err err = ERR_INIT;

	err.sys = 7;
	assert_int_equal(err_set(&err, ERR_CORRUPT, "table %u at 0x%x", 7, 0x1f400), -1);
	assert_string_equal(err.text, "table 7 at 0x1f400");
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(err.sys, 0);
}

static void sys_adds_the_reason(void **state)
{
	struct err err = ERR_INIT;

	errno = ENOENT;
	assert_int_equal(err_sys(&err, ERR_UNREADABLE, "cannot open '%s'", "a"), -1);
	assert_string_equal(err.text, "cannot open 'a': No such file or directory");
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_int_equal(err.sys, ENOENT);
}

static void a_full_disk_is_temporary_whatever_failed(void **state)
{
	struct err err = ERR_INIT;

	errno = ENOSPC;
	assert_int_equal(err_sys(&err, ERR_INTERNAL, "write"), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	errno = EDQUOT;
	assert_int_equal(err_sys(&err, ERR_BLOCKED, "write"), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
}

static void sys_cuts_the_name_and_not_the_reason(void **state)
{
	struct err err = ERR_INIT;
	char name[4096];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	errno = EACCES;
	assert_int_equal(err_sys(&err, ERR_UNREADABLE, "%s", name), -1);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(strchr(err.text, ':'), ": Permission denied");
}

static void wrap_puts_context_before_and_keeps_the_code(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(err_set(&err, ERR_POLICY, "cause"), -1);
	assert_int_equal(err_wrap(&err, "disk %u '%s'", 2, "b.vmdk"), -1);
	assert_int_equal(err_wrap(&err, "web01"), -1);
	assert_string_equal(err.text, "web01: disk 2 'b.vmdk': cause");
	assert_int_equal(err.code, ERR_POLICY);
}

static void wrap_cuts_the_context_and_never_the_cause(void **state)
{
	struct err err = ERR_INIT;
	char cause[1501], context[1501];

	memset(cause, 'c', 1500);
	memset(context, 'x', 1500);
	cause[1500] = context[1500] = '\0';
	assert_int_equal(err_set(&err, ERR_CORRUPT, "%s", cause), -1);
	assert_int_equal(err_wrap(&err, "%s", context), -1);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_string_equal(err.text + ERR_TEXT_MAX - 1 - 1500, cause);
	assert_memory_equal(err.text + ERR_TEXT_MAX - 1 - 1502, ": ", 2);
	/* Nothing more fits: all stays as it is. */
	assert_int_equal(err_wrap(&err, "more"), -1);
	assert_memory_equal(err.text, "xxxx", 4);
	assert_string_equal(err.text + ERR_TEXT_MAX - 1 - 1500, cause);
}

static void wrap_may_quote_the_text_itself(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(err_set(&err, ERR_CORRUPT, "cause"), -1);
	assert_int_equal(err_wrap(&err, "'%s'", err.text), -1);
	assert_string_equal(err.text, "'cause': cause");
}

static void nobody_has_to_listen(void **state)
{
	errno = EIO;
	assert_int_equal(err_set(NULL, ERR_CORRUPT, "x"), -1);
	assert_int_equal(err_sys(NULL, ERR_CORRUPT, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_nomem(NULL), -1);
	assert_null(err_null(NULL, ERR_CORRUPT, "x"));
	err_clear(NULL);
}

static void clear_forgets_all(void **state)
{
	struct err err = ERR_INIT;

	errno = EIO;
	assert_int_equal(err_sys(&err, ERR_UNREADABLE, "x"), -1);
	err_clear(&err);
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.text, "");
}

static void codes_have_names_and_statuses(void **state)
{
	static const struct {
		enum err_code code;
		const char *name;
		int status;
	} all[] = {
	    {ERR_NONE, "none", 0},
	    {ERR_INTERNAL, "internal", 1},
	    {ERR_USAGE, "usage", 2},
	    {ERR_BLOCKED, "blocked", 3},
	    {ERR_CORRUPT, "corrupt", 4},
	    {ERR_UNREADABLE, "unreadable", 4},
	    {ERR_UNSUPPORTED, "unsupported", 4},
	    {ERR_POLICY, "policy", 4},
	    {ERR_CONVERT, "convert", 5},
	    {ERR_VERIFY, "verify", 6},
	    {ERR_BOOT, "boot", 7},
	    {ERR_HOST, "host", 8},
	    {ERR_TEMPFAIL, "tempfail", 75},
	    {ERR_INTERRUPTED, "interrupted", 130},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		assert_string_equal(err_code_name(all[i].code), all[i].name);
		assert_int_equal(err_exit_status(all[i].code), all[i].status);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_records_code_and_text),
	    cmocka_unit_test(sys_adds_the_reason),
	    cmocka_unit_test(a_full_disk_is_temporary_whatever_failed),
	    cmocka_unit_test(sys_cuts_the_name_and_not_the_reason),
	    cmocka_unit_test(wrap_puts_context_before_and_keeps_the_code),
	    cmocka_unit_test(wrap_cuts_the_context_and_never_the_cause),
	    cmocka_unit_test(wrap_may_quote_the_text_itself),
	    cmocka_unit_test(nobody_has_to_listen),
	    cmocka_unit_test(clear_forgets_all),
	    cmocka_unit_test(codes_have_names_and_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
