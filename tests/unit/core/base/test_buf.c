/* Buffers: they grow, stop at their limit unharmed, and always end in a NUL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"

static void grows_and_ends_in_a_nul(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(100000);

	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_adds(&b, "disk "), 0);
	assert_int_equal(buf_addf(&b, "%u of %s", 2, "web01"), 0);
	assert_int_equal(buf_add(&b, "\0x", 2), 0);
	assert_int_equal(b.len, 17);
	assert_memory_equal(b.data, "disk 2 of web01\0x", 18);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_add(&b, "1234567", 7), 0);
	assert_int_equal(b.len, 70017);
	assert_memory_equal(b.data + 70010, "1234567", 8);
}

static void stops_at_the_limit_unharmed(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(10);

	assert_int_equal(buf_adds(&b, "12345678"), 0);
	assert_int_equal(buf_adds(&b, "123"), -1);
	assert_int_equal(buf_addf(&b, "%s", "123"), -1);
	assert_null(buf_reserve(&b, 3));
	assert_string_equal(buf_str(&b), "12345678");
	assert_int_equal(buf_add(&b, "90", 2), 0);
	assert_string_equal(buf_str(&b), "1234567890");
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_add(&b, "x", 1), -1);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.len, 10);
}

static void reserved_room_counts_when_committed(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1000);
	char *room = buf_reserve(&b, 500);

	assert_non_null(room);
	assert_int_equal(b.len, 0);
	memcpy(room, "abc", 3);
	buf_commit(&b, 3);
	assert_string_equal(buf_str(&b), "abc");
}

static void clear_keeps_the_memory(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1000);
	const char *data;

	assert_int_equal(buf_adds(&b, "abc"), 0);
	data = b.data;
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_adds(&b, "x"), 0);
	assert_ptr_equal(b.data, data);
}

static void take_hands_over_and_empties(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1000);
	AUTO_FREE char *nothing = buf_take(&b), *text = NULL;

	assert_string_equal(nothing, "");
	assert_int_equal(buf_adds(&b, "abc"), 0);
	text = buf_take(&b);
	assert_string_equal(text, "abc");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_adds(&b, "again"), 0);
	assert_string_equal(buf_str(&b), "again");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_ends_in_a_nul),
	    cmocka_unit_test(stops_at_the_limit_unharmed),
	    cmocka_unit_test(reserved_room_counts_when_committed),
	    cmocka_unit_test(clear_keeps_the_memory),
	    cmocka_unit_test(take_hands_over_and_empties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
