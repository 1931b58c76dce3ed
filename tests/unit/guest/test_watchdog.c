/* Tests of guest/watchdog.c: the numbers that it sees are made up, so no test depends on a machine's speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/watchdog.h"

struct seen {
	const uint64_t *numbers; /* what activity() gives, look by look; the last one for ever */
	unsigned n, looks, bites, looks_at_bite;
};

static uint64_t activity(void *opaque)
{
	struct seen *s = opaque;
	unsigned i = s->looks < s->n ? s->looks : s->n - 1;

	s->looks++;
	return s->numbers[i];
}

static void bite(void *opaque)
{
	struct seen *s = opaque;

	s->bites++;
	s->looks_at_bite = s->looks;
}

static struct watchdog *start(struct seen *s, unsigned looks, unsigned period_ms)
{
	struct watchdog_options o = {
	    .period_ms = period_ms, .looks = looks, .activity = activity, .bite = bite, .opaque = s};
	struct watchdog *w;
	struct err err = ERR_INIT;

	assert_int_equal(watchdog_start(&o, &w, &err), 0);
	return w;
}

static void wait_for_bite(const struct watchdog *w)
{
	for (unsigned i = 0; i < 10000 && !watchdog_has_bitten(w); i++)
		usleep(1000);
	assert_true(watchdog_has_bitten(w));
}

static void test_bites_once_when_nothing_moves(void **state)
{
	const uint64_t numbers[] = {7};
	struct seen s = {numbers, 1};
	AUTO(watchdog_stopp) struct watchdog *w = start(&s, 3, 1);

	wait_for_bite(w);
	watchdog_stop(w);
	w = NULL;
	assert_int_equal(s.bites, 1);
	assert_int_equal(s.looks_at_bite, 4); /* the first, and three that saw the same */
}

static void test_every_change_begins_anew(void **state)
{
	const uint64_t numbers[] = {1, 1, 2, 2, 3, 0, 0};
	struct seen s = {numbers, 7};
	AUTO(watchdog_stopp) struct watchdog *w = start(&s, 3, 1);

	wait_for_bite(w);
	watchdog_stop(w);
	w = NULL;
	assert_int_equal(s.looks_at_bite, 5 + 4);
}

static void test_stops_at_once_without_a_bite(void **state)
{
	const uint64_t numbers[] = {7};
	struct seen s = {numbers, 1};
	struct watchdog *w = start(&s, 1, 3600 * 1000);

	assert_false(watchdog_has_bitten(w));
	watchdog_stop(w);
	assert_int_equal(s.bites, 0);
	assert_false(watchdog_has_bitten(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bites_once_when_nothing_moves),
	    cmocka_unit_test(test_every_change_begins_anew),
	    cmocka_unit_test(test_stops_at_once_without_a_bite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
