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
#include "tests/fuzz/memory_block.h"

/* A walk over a file of which only the size counts. */
static int walk(struct check *c, uint64_t base, uint64_t size, uint64_t unit, bool leaks, check_walk_fn *fn,
		struct err *err)
{
	struct block *file = memory_block_new(NULL, size);
	int ret = check_walk(c, file, base, unit, leaks, fn, NULL, err);

	block_close(file);
	return ret;
}

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

	assert_int_equal(walk(&c, 0, 4096, 512, true, two_that_meet, NULL), 0);
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

	assert_int_equal(walk(&c, 0, 4096, 512, false, two_that_overlap, NULL), 0);
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

	assert_int_equal(walk(&c, 1000, 5096, 512, false, around_the_range, NULL), 0);
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

	assert_int_equal(walk(&c, 0, 2 * PASS_UNITS + 10, 1, false, far_apart, NULL), 0);
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

/* Tables without end whose entries all name the whole file. */
static int everything_again_and_again(struct check *c, void *opaque, struct err *err)
{
	while (check_spend(c, 4096, err) == 0)
		for (unsigned i = 0; i < 4096; i++)
			check_claim(c, 0, 1 << 20, i, "block %u", i);
	return -1;
}

static void claims_without_end_are_given_up(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(walk(&c, 0, 1 << 20, 256, false, everything_again_and_again, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "its tables take more than 4303355904 steps, as when they name places over and "
				      "over: not checked to the end");
	assert_true(c.count[PROBLEM_OVERLAP] > 0);
}

/* What the tables of several files take adds up. */
static int two_thirds(struct check *c, void *opaque, struct err *err)
{
	return check_spend(c, CHECK_WORK / 3 * 2, err);
}

static void the_extents_of_an_image_share_the_work(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(walk(&c, 0, 4096, 512, false, two_thirds, &err), 0);
	assert_int_equal(walk(&c, 0, 4096, 512, false, two_thirds, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

/* As many entries of 4 bytes as the file has room for, each with a sector of its own, in two passes. */
static int full_tables(struct check *c, void *opaque, struct err *err)
{
	if (check_spend(c, c->file->size / 512, err) < 0)
		return -1;
	c->work += c->file->size / 512 * 16;
	return check_spend(c, 1, err);
}

static void a_large_file_may_take_more(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(walk(&c, 0, 512 * (PASS_UNITS + 1), 512, false, full_tables, &err), 0);
	assert_int_equal(c.passes, 2);
	assert_true(c.work > 2 * CHECK_WORK);
}

/* The end of a walk tells as well: a claim that came too late was not looked at. */
static int one_table_too_much(struct check *c, void *opaque, struct err *err)
{
	c->work = UINT64_C(1) << 40;
	check_claim(c, 0, 512, 1, "late");
	return 0;
}

static void too_much_is_told_at_the_end(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(walk(&c, 0, 4096, 512, false, one_table_too_much, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void a_file_of_too_many_parts_is_refused(void **state)
{
	struct check c = {0};
	struct err err = ERR_INIT;

	assert_int_equal(walk(&c, 0, UINT64_C(1) << 62, 512, false, two_that_meet, &err), -1);
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
	    cmocka_unit_test(the_extents_of_an_image_share_the_work),
	    cmocka_unit_test(a_large_file_may_take_more),
	    cmocka_unit_test(too_much_is_told_at_the_end),
	    cmocka_unit_test(a_file_of_too_many_parts_is_refused),
	    cmocka_unit_test(texts_are_kept_as_far_as_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
