/* Are two images equal? The answer is the same with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/image/image.h"
#include "tests/unit/support/mem_block.h"

enum { SIZE = 24 << 20 };

struct pair {
	struct mem_block *a, *b;
	struct image_difference d;
	struct err err;
	uint64_t done;
	bool too_far;
};

/* Data in [1 MiB, 9 MiB) and [20 MiB, 21 MiB), the same in both. */
static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof *p);

	p->a = mem_new(SIZE);
	p->b = mem_new(SIZE);
	for (unsigned i = 0; i < 2; i++) {
		mem_fill(i ? p->b : p->a, MIB, 8 * MIB, 7);
		mem_fill(i ? p->b : p->a, 20 * MIB, MIB, 8);
	}
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	block_close(&p->a->b);
	block_close(&p->b->b);
	free(p);
	return 0;
}

static void on_bytes(uint64_t done, uint64_t total, void *opaque)
{
	struct pair *p = opaque;

	p->too_far |= done > total || total < SIZE; /* another thread: no assertion */
	p->done = done;
}

static int compare(struct pair *p, unsigned threads)
{
	const struct image_compare_options options = {.threads = threads, .bytes = on_bytes, .opaque = p};
	int ret = image_compare(&p->a->b, &p->b->b, &options, &p->d, &p->err);

	assert_false(p->too_far);
	return ret;
}

static void expect_equal(struct pair *p)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2) {
		assert_int_equal(compare(p, threads), 0);
		assert_false(p->d.differ);
	}
}

static void expect_difference(struct pair *p, uint64_t at)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2) {
		assert_int_equal(compare(p, threads), 0);
		assert_true(p->d.differ);
		assert_int_equal(p->d.at, at);
	}
}

static void expect_failure(struct pair *p, const char *text)
{
	for (unsigned threads = 1; threads <= 8; threads *= 2) {
		err_clear(&p->err);
		assert_int_equal(compare(p, threads), -1);
		assert_int_equal(p->err.code, ERR_UNREADABLE);
		assert_non_null(strstr(p->err.text, text));
	}
}

static void equal_and_holes_are_not_read(void **state)
{
	struct pair *p = *state;

	assert_int_equal(compare(p, 2), 0);
	assert_false(p->d.differ);
	assert_int_equal(p->d.size_a, SIZE);
	assert_int_equal(p->done, SIZE);
	/* from the first data of a chunk of 2 MiB to its end */
	assert_int_equal(p->a->read_bytes, (1 + 8 + 2) * MIB);
	expect_equal(p);
}

static void data_that_is_zeros_equals_a_hole(void **state)
{
	struct pair *p = *state;

	memset(p->a->allocated + 12 * MIB / MEM_UNIT, 1, MIB / MEM_UNIT);
	expect_equal(p);
	p->a->data[12 * MIB + 4711] = 1;
	expect_difference(p, 12 * MIB + 4711);
}

static void the_first_of_many(void **state)
{
	struct pair *p = *state;

	p->b->data[20 * MIB + 5] ^= 1;
	expect_difference(p, 20 * MIB + 5);
	p->b->data[9 * MIB - 1] ^= 1;
	expect_difference(p, 9 * MIB - 1);
	p->b->data[3 * MIB] ^= 1;
	p->b->data[3 * MIB + 100] ^= 1;
	expect_difference(p, 3 * MIB);
}

/* A slow chunk in front of a quick one is waited for. */
static void the_slow_one_counts(void **state)
{
	struct pair *p = *state;

	p->a->delay_us = 50000;
	p->a->delay_to = 2 * MIB;
	p->b->data[MIB + 1] ^= 1;
	for (uint64_t at = 2 * MIB; at < 9 * MIB; at += MIB)
		p->b->data[at] ^= 1;
	expect_difference(p, MIB + 1);
}

static void a_longer_one(void **state)
{
	struct pair *p = *state;

	block_close(&p->b->b);
	p->b = mem_new(SIZE + 5 * MIB);
	mem_fill(p->b, MIB, 8 * MIB, 7);
	mem_fill(p->b, 20 * MIB, MIB, 8);
	expect_equal(p); /* its rest is a hole */
	mem_fill(p->b, SIZE + MIB, 4096, 9);
	expect_difference(p, SIZE + MIB);
}

static void errors_count_in_front_of_a_difference_only(void **state)
{
	struct pair *p = *state;

	p->b->bad_off = 7 * MIB;
	p->b->bad_len = 512;
	p->b->bad_times = -1;
	expect_failure(p, "read of 4096 bytes at 0x700000");
	p->a->data[8 * MIB] ^= 1;
	expect_failure(p, "read of 4096 bytes at 0x700000");
	p->a->data[7 * MIB + 4096] ^= 1; /* the same chunk */
	expect_failure(p, "read of 4096 bytes at 0x700000");
	p->a->data[7 * MIB - 1] ^= 1;
	expect_difference(p, 7 * MIB - 1);
	p->a->data[2 * MIB] ^= 1;
	expect_difference(p, 2 * MIB);
}

/* A cable that was pulled for a moment. */
static void an_error_that_passes(void **state)
{
	struct pair *p = *state;

	p->b->bad_off = 3 * MIB;
	p->b->bad_len = 512;
	p->b->bad_times = 1;
	assert_int_equal(compare(p, 2), 0);
	assert_false(p->d.differ);
	assert_int_equal(p->b->bad_times, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(equal_and_holes_are_not_read),
	    TEST(data_that_is_zeros_equals_a_hole),
	    TEST(the_first_of_many),
	    TEST(the_slow_one_counts),
	    TEST(a_longer_one),
	    TEST(errors_count_in_front_of_a_difference_only),
	    TEST(an_error_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
