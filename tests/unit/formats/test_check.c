/* The engine of the structure checks: claims, leaks, and files larger than its bitmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "formats/check.h"

static int two_that_meet(struct check *c, void *opaque, struct err *err)
{
	check_claim(c, 0, 512, 1, "first");
	check_claim(c, 512, 1024, 2, "second");
	check_claim(c, 4096, 0, 3, "nothing");
	return 0;
}

static void what_only_meets_is_no_overlap(void **state)
{
	struct check c = {0};

	assert_int_equal(check_walk(&c, 0, 4096, 512, true, two_that_meet, NULL, NULL), 0);
	assert_int_equal(check_errors(&c), 0);
	assert_int_equal(c.count[PROBLEM_LEAK], 5);
	assert_int_equal(c.claimed, 1536);
	assert_int_equal(c.passes, 1);
	assert_string_equal(c.first[0].text, "0x200 bytes at 0x600: nothing uses them");
}

static int two_that_overlap(struct check *c, void *opaque, struct err *err)
{
	check_claim(c, 512, 1024, 0x10, "block %d", 0);
	check_claim(c, 1024, 2048, 0x18, "block %d", 1);
	return 0;
}

static void an_overlap_is_told_by_the_later_entry(void **state)
{
	struct check c = {0};

	assert_int_equal(check_walk(&c, 0, 4096, 512, false, two_that_overlap, NULL, NULL), 0);
	assert_int_equal(c.count[PROBLEM_OVERLAP], 1);
	assert_int_equal(c.first[0].at, 0x18);
	assert_string_equal(c.first[0].text,
			    "block 1 at 0x400 with 0x800 bytes: a part of that has an owner already, expected none");
}

/* What stands in front of base and behind the end isn't looked at. */
static int around_the_range(struct check *c, void *opaque, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		check_claim(c, 0, 1000, 1, "in front");
		check_claim(c, 5096, UINT64_MAX - 5096, 2, "behind");
		check_claim(c, UINT64_MAX, UINT64_MAX, 3, "nowhere");
	}
	return 0;
}

static void only_the_range_counts(void **state)
{
	struct check c = {0};

	assert_int_equal(check_walk(&c, 1000, 5096, 512, false, around_the_range, NULL, NULL), 0);
	assert_int_equal(check_errors(&c), 0);
	assert_int_equal(c.claimed, 0);
}

#define PASS_UNITS (CHECK_BITMAP_BYTES * 8)

static int far_apart(struct check *c, void *opaque, struct err *err)
{
	check_claim(c, 5, 1, 1, "a");
	check_claim(c, 5, 1, 2, "its double");
	check_claim(c, PASS_UNITS - 1, 2, 3, "over the border");
	check_claim(c, 2 * PASS_UNITS + 9, 1, 4, "c");
	check_claim(c, 2 * PASS_UNITS + 9, 1, 5, "its double");
	check_report(c, PROBLEM_OUTSIDE, 6, "once");
	return 0;
}

static void a_file_beyond_the_bitmap_is_walked_in_parts(void **state)
{
	struct check c = {0};

	assert_int_equal(check_walk(&c, 0, 2 * PASS_UNITS + 10, 1, false, far_apart, NULL, NULL), 0);
	assert_int_equal(c.passes, 3);
	assert_int_equal(c.count[PROBLEM_OVERLAP], 2);
	assert_int_equal(c.count[PROBLEM_OUTSIDE], 1);
	assert_int_equal(c.claimed, 4);
}

static void texts_are_kept_as_far_as_there_is_room(void **state)
{
	struct check c = {.where = "disk-s001.vmdk"};

	for (int i = 0; i < CHECK_FINDINGS + 10; i++)
		check_report(&c, PROBLEM_ENTRY, (uint64_t)i, "entry %d\nwith a line", i);
	assert_int_equal(c.count[PROBLEM_ENTRY], CHECK_FINDINGS + 10);
	assert_int_equal(c.n, CHECK_FINDINGS);
	assert_string_equal(c.first[1].text, "'disk-s001.vmdk': entry 1?with a line");
}

/* A table whose entries all name the whole file. */
static int everything_again_and_again(struct check *c, void *opaque, struct err *err)
{
	for (unsigned i = 0; i < 100000; i++)
		check_claim(c, 0, 1 << 20, i, "block %u", i);
	return 0;
}

static void claims_without_end_are_given_up(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(check_walk(&c, 0, 1 << 20, 256, false, everything_again_and_again, NULL, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "its tables name more than 134250496 units of 256 bytes where 4096 are: not "
				      "checked to the end");
	assert_int_equal(c.count[PROBLEM_OVERLAP], 134250496 / 4096);
}

static void a_file_of_too_many_parts_is_refused(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(check_walk(&c, 0, UINT64_C(1) << 62, 512, false, two_that_meet, NULL, &err), -1);
	assert_string_equal(err.text, "a file of 9007199254740992 units of 512 bytes: too large to check");
	assert_int_equal(c.passes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_only_meets_is_no_overlap),
	    cmocka_unit_test(an_overlap_is_told_by_the_later_entry),
	    cmocka_unit_test(only_the_range_counts),
	    cmocka_unit_test(a_file_beyond_the_bitmap_is_walked_in_parts),
	    cmocka_unit_test(claims_without_end_are_given_up),
	    cmocka_unit_test(a_file_of_too_many_parts_is_refused),
	    cmocka_unit_test(texts_are_kept_as_far_as_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
