/* Tests of net/packing.c: the faster way wins, for a while, and by a margin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/packing.h"

enum { READ = 2 << 20 };

/* So many reads, each taking so long; how many of them were wanted packed. */
static unsigned reads(struct packing *p, unsigned n, uint64_t ns_plain, uint64_t ns_packed)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < n; i++) {
		bool packed = packing_wanted(p);

		packing_note(p, packed, READ, packed ? ns_packed : ns_plain);
		ret += packed;
	}
	return ret;
}

static void test_the_faster_way(void **state)
{
	struct packing slow_network = {.kept = 0}, slow_processor = {.kept = 0};

	(void)state;
	assert_int_equal(reads(&slow_network, 16, 1000, 400), 0);
	assert_int_equal(reads(&slow_network, 16, 1000, 400), 16);
	assert_int_equal(reads(&slow_network, 128, 1000, 400), 128);
	assert_int_equal(reads(&slow_network, 16, 1000, 400), 0); /* tried again */
	reads(&slow_processor, 32, 400, 1000);
	assert_int_equal(reads(&slow_processor, 128, 400, 1000), 0);
	assert_int_equal(reads(&slow_processor, 32, 1000, 400), 16); /* things have changed */
	assert_int_equal(reads(&slow_processor, 128, 1000, 400), 128);
}

static void test_margin(void **state)
{
	struct packing little = {.kept = 0}, enough = {.kept = 0};

	(void)state;
	reads(&little, 32, 1000, 950);
	assert_false(packing_wanted(&little));
	reads(&enough, 32, 1000, 850);
	assert_true(packing_wanted(&enough));
}

/* Small reads say nothing, and one that began before the decision does no harm. */
static void test_what_does_not_count(void **state)
{
	struct packing p = {.kept = 0};

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		packing_note(&p, false, PACKING_READ_MIN - 1, 1);
	assert_int_equal(p.trials[0].bytes, 0);
	reads(&p, 32, 1000, 400);
	packing_note(&p, false, READ, 1);
	assert_true(packing_wanted(&p));
	packing_note(&p, true, 0, 0);
	assert_true(packing_wanted(&p));
	packing_note(&p, true, UINT64_MAX, 5);
	assert_false(packing_wanted(&p));
	packing_note(&p, false, PACKING_TRIAL, 0); /* a clock that stands still */
	packing_note(&p, true, PACKING_TRIAL, 0);
	assert_false(packing_wanted(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_faster_way),
	    cmocka_unit_test(test_margin),
	    cmocka_unit_test(test_what_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
