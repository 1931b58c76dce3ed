/* Arenas and their vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/arena.h"
#include "core/base/cleanup.h"

static void memory_is_zeroed_and_aligned(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	for (size_t size = 1; size < 20000; size += 777) {
		unsigned char *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
}

static void strings_are_copies(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	char text[] = "changes";
	char *whole = arena_strdup(&a, text), *part = arena_strndup(&a, text, 3);

	text[0] = 'X';
	assert_string_equal(whole, "changes");
	assert_string_equal(part, "cha");
	assert_null(arena_strdup(&a, NULL));
	assert_string_equal(arena_printf(&a, "%s-%u", "sda", 7), "sda-7");
}

static void long_strings_get_pages_of_their_own(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	char *s = arena_printf(&a, "%*s", 100000, "end");

	assert_int_equal(strlen(s), 100000);
	assert_string_equal(s + 99997, "end");
	assert_in_range(arena_size(&a), 100001, 101000);
	assert_string_equal(arena_strdup(&a, "after"), "after");
}

struct item {
	unsigned n;
	char *name;
};

static void vectors_grow_by_zeroed_elements(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	VEC(struct item) items = {0};
	unsigned sum = 0, seen = 0;

	VEC_FOR (it, &items)
		fail();
	for (unsigned i = 0; i < 1000; i++) {
		struct item *it = vec_push(&a, &items);

		assert_int_equal(it->n, 0);
		assert_null(it->name);
		it->n = i;
		it->name = arena_printf(&a, "%u", i);
	}
	VEC_FOR (it, &items) {
		sum += it->n;
		seen++;
	}
	assert_int_equal(seen, 1000);
	assert_int_equal(sum, 499500);
	assert_string_equal(items.v[999].name, "999");
}

static void done_leaves_it_empty_and_usable(void **state)
{
	struct arena a = {0};

	arena_strdup(&a, "x");
	arena_done(&a);
	assert_null(a.pages);
	assert_string_equal(arena_strdup(&a, "y"), "y");
	arena_done(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_is_zeroed_and_aligned),	   cmocka_unit_test(strings_are_copies),
	    cmocka_unit_test(long_strings_get_pages_of_their_own), cmocka_unit_test(vectors_grow_by_zeroed_elements),
	    cmocka_unit_test(done_leaves_it_empty_and_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
