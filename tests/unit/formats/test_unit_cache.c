/* The cache of inflated units: hits, the bound, what is thrown out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "formats/unit_cache.h"

enum { UNIT = 64 };

static void *unit(int value)
{
	return memset(malloc(UNIT), value, UNIT);
}

/* Puts a unit and returns the value of the one that fell out, -1 when none did. */
static int put(struct unit_cache *c, uint64_t key, int value)
{
	void *data = unit(value);
	int out;

	unit_cache_put(c, key, &data);
	out = data ? *(unsigned char *)data : -1;
	free(data);
	return out;
}

static int get(struct unit_cache *c, uint64_t key)
{
	unsigned char buf[2];

	if (!unit_cache_read(c, key, UNIT - 2, 2, buf))
		return -1;
	assert_int_equal(buf[0], buf[1]);
	return buf[0];
}

static void test_hits(void **state)
{
	AUTO(unit_cache_freep) struct unit_cache *c = unit_cache_new(UNIT, 16 * UNIT);

	assert_int_equal(get(c, 0), -1);
	assert_int_equal(put(c, 0, 7), -1);
	assert_int_equal(get(c, 0), 7);
	assert_int_equal(get(c, 2), -1);
	/* Two threads inflated the same unit. */
	assert_int_equal(put(c, 0, 8), 7);
	assert_int_equal(get(c, 0), 8);
}

static void test_least_recently_used_goes(void **state)
{
	AUTO(unit_cache_freep) struct unit_cache *c = unit_cache_new(UNIT, 8 * UNIT);

	for (int i = 0; i < 8; i++)
		assert_int_equal(put(c, (uint64_t)i, i), -1);
	assert_int_equal(get(c, 0), 0);
	assert_int_equal(put(c, 100, 100), 1);
	assert_int_equal(put(c, 101, 101), 2);
	assert_int_equal(get(c, 0), 0);
	assert_int_equal(get(c, 1), -1);
	assert_int_equal(get(c, 100), 100);
}

/* The bound holds whatever the size of a unit; one unit is always kept. */
static void test_bound(void **state)
{
	AUTO(unit_cache_freep) struct unit_cache *small = unit_cache_new(UNIT, UNIT / 2);
	AUTO(unit_cache_freep) struct unit_cache *three = unit_cache_new(UNIT, 3 * UNIT);
	unsigned kept = 0;

	assert_int_equal(put(small, 1, 1), -1);
	assert_int_equal(put(small, 2, 2), 1);
	assert_int_equal(get(small, 2), 2);
	for (int i = 0; i < 50; i++)
		put(three, (uint64_t)i, i);
	for (int i = 0; i < 50; i++)
		kept += get(three, (uint64_t)i) == i;
	assert_int_equal(kept, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hits),
	    cmocka_unit_test(test_least_recently_used_goes),
	    cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
