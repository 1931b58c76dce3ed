/* Tables of a directory are named once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/tables_once.h"

static void fine(void **state)
{
	static const uint64_t rising[] = {0, 0x10000, 0, 0x20000, 0x30000}, mixed[] = {0x30000, 0, 0x10000, 0, 0x20000};
	struct err err = ERR_INIT;

	assert_int_equal(tables_once(rising, 5, "L2 table", &err), 0);
	assert_int_equal(tables_once(mixed, 5, "L2 table", &err), 0);
	assert_int_equal(tables_once(mixed, 0, "L2 table", &err), 0);
}

static void twice(void **state)
{
	static const uint64_t beside[] = {0x10000, 0x10000}, apart[] = {0x30000, 0x10000, 0, 0x20000, 0x30000};
	struct err err = ERR_INIT;

	assert_int_equal(tables_once(beside, 2, "L2 table", &err), -1);
	assert_string_equal(err.text, "L2 table at 0x10000: two entries name it");
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(tables_once(apart, 5, "table", &err), -1);
	assert_string_equal(err.text, "table at 0x30000: two entries name it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fine),
	    cmocka_unit_test(twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
