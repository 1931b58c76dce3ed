/* Tests of run/serve/door.c: who holds connections open makes way for others, and a token has its limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/serve/door.h"

static enum door_answer knock(struct door *d, uint64_t origin, uint64_t now, unsigned *place, int *evicted)
{
	return door_knock(d, origin, now, place, evicted);
}

static void fill(struct door *d, uint64_t origin, unsigned n, uint64_t now)
{
	unsigned place;
	int evicted;

	while (n--) {
		assert_int_equal(knock(d, origin, now, &place, &evicted), DOOR_OPEN);
		assert_int_equal(evicted, -1);
	}
}

static void test_one_address(void **state)
{
	static struct door d;
	unsigned first, place;
	int evicted;

	(void)state;
	assert_int_equal(knock(&d, 7, 0, &first, &evicted), DOOR_OPEN);
	fill(&d, 7, DOOR_STRANGERS_OF_ONE - 1, 100);
	assert_int_equal(knock(&d, 7, DOOR_GRACE_MS - 1, &place, &evicted), DOOR_CLOSED);
	assert_int_equal(evicted, -1);
	assert_int_equal(knock(&d, 8, DOOR_GRACE_MS - 1, &place, &evicted), DOOR_OPEN); /* others aren't concerned */
	assert_int_equal(evicted, -1);
	assert_int_equal(knock(&d, 7, DOOR_GRACE_MS, &place, &evicted), DOOR_OPEN);
	assert_int_equal(evicted, first);
	assert_true(door_evicted(&d, first));
	assert_false(door_evicted(&d, place));
	/* the next oldest has had its time a little later */
	assert_int_equal(knock(&d, 7, DOOR_GRACE_MS + 99, &place, &evicted), DOOR_CLOSED);
	assert_int_equal(knock(&d, 7, DOOR_GRACE_MS + 100, &place, &evicted), DOOR_OPEN);
	assert_int_not_equal(evicted, first);
}

/* All places are taken: the address with most of them loses its oldest, not the good one that came before. */
static void test_many_addresses(void **state)
{
	static struct door d;
	unsigned good, place;
	int evicted;

	(void)state;
	assert_int_equal(knock(&d, 1, 0, &good, &evicted), DOOR_OPEN);
	fill(&d, 2, 3, 1);
	for (uint64_t origin = 3; origin < 63; origin++)
		fill(&d, origin, 1, 2);
	assert_int_equal(knock(&d, 99, 300, &place, &evicted), DOOR_FULL);
	assert_int_equal(evicted, -1);
	assert_int_equal(knock(&d, 99, DOOR_GRACE_MS + 1, &place, &evicted), DOOR_OPEN);
	assert_int_not_equal(evicted, good);
	assert_int_equal(d.strangers[evicted].origin, 2);
	assert_int_equal(knock(&d, 100, DOOR_GRACE_MS + 1, &place, &evicted), DOOR_OPEN);
	assert_int_equal(d.strangers[evicted].origin, 2);
	assert_int_equal(knock(&d, 101, DOOR_GRACE_MS + 1, &place, &evicted), DOOR_OPEN); /* all have one: the oldest */
	assert_int_equal(evicted, good);
}

/* Evicted ones whose threads don't end take no more than their share. */
static void test_evicted_keep_their_places(void **state)
{
	static struct door d;
	unsigned place, opened = 0;
	int evicted;

	(void)state;
	for (uint64_t t = 0; opened < 2 * DOOR_PLACES; t += DOOR_GRACE_MS) {
		if (knock(&d, t % 3, t, &place, &evicted) != DOOR_OPEN)
			break;
		opened++;
	}
	assert_int_equal(opened, DOOR_PLACES);
	assert_int_equal(knock(&d, 50, UINT64_C(1) << 40, &place, &evicted), DOOR_FULL);
	door_leave(&d, 5);
	assert_int_equal(knock(&d, 50, UINT64_C(1) << 40, &place, &evicted), DOOR_OPEN);
	assert_int_equal(place, 5);
	assert_false(door_evicted(&d, 5));
}

static void test_tokens(void **state)
{
	static struct door d;
	const struct token one = {{1}}, other = {{2}};

	(void)state;
	for (unsigned i = 0; i < 3 + DOOR_TOKEN_SPARE; i++)
		assert_true(door_admit(&d, &one, 3));
	assert_false(door_admit(&d, &one, 3));
	assert_true(door_admit(&d, &other, 1));
	door_dismiss(&d, &one);
	assert_true(door_admit(&d, &one, 3));
	assert_false(door_admit(&d, &one, 3));
	door_dismiss(&d, &other);
	door_dismiss(&d, &other); /* once too often */
	for (unsigned i = 0; i < 1 + DOOR_TOKEN_SPARE; i++)
		assert_true(door_admit(&d, &other, 1));
	assert_false(door_admit(&d, &other, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_address),
	    cmocka_unit_test(test_many_addresses),
	    cmocka_unit_test(test_evicted_keep_their_places),
	    cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
