/* Units as task arrays: what shares one, how tasks are numbered, and how a list of them is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/batch/arrays.h"

static int teardown(void **state)
{
	arena_done(*state);
	return 0;
}

static int setup(void **state)
{
	static struct arena a;

	*state = &a;
	return 0;
}

static struct unit unit(unsigned index, const char *group, unsigned memory_mib, unsigned tmp_mib)
{
	return (struct unit){
	    .index = index, .source_group = group, .cpus = 2, .memory_mib = memory_mib, .tmp_mib = tmp_mib};
}

static void test_list(void **state)
{
	static const struct {
		unsigned v[6];
		size_t n;
		const char *text;
	} rows[] = {
	    {{0}, 1, "0"},	     {{7}, 1, "7"}, {{0, 1, 2}, 3, "0-2"}, {{0, 1, 3, 5, 6}, 5, "0-1,3,5-6"},
	    {{1, 3, 5}, 3, "1,3,5"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct task_array array = {0};

		for (size_t k = 0; k < rows[i].n; k++)
			*vec_push(*state, &array.tasks) = rows[i].v[k];
		assert_string_equal(task_array_list(*state, &array), rows[i].text);
	}
}

static void test_what_wants_the_same_shares_an_array(void **state)
{
	const struct unit units[] = {unit(0, NULL, 3000, 900),	  unit(1, "esx1", 3072, 900), unit(2, NULL, 2800, 10),
				     unit(3, "esx1", 2561, 1024), unit(4, NULL, 3073, 900),   unit(5, NULL, 3072, 1025),
				     unit(6, "esx2", 3072, 1024)};
	task_arrays arrays = {0};

	task_arrays_make(*state, units, 7, 1001, &arrays);
	assert_int_equal(arrays.n, 5);
	assert_string_equal(task_array_list(*state, &arrays.v[0]), "0,2");
	assert_null(arrays.v[0].source_group);
	assert_int_equal(arrays.v[0].memory_mib, 3072);
	assert_int_equal(arrays.v[0].tmp_mib, 1024);
	assert_string_equal(task_array_list(*state, &arrays.v[1]), "1,3");
	assert_string_equal(arrays.v[1].source_group, "esx1");
	assert_string_equal(task_array_list(*state, &arrays.v[2]), "4");
	assert_int_equal(arrays.v[2].memory_mib, 3584);
	assert_string_equal(task_array_list(*state, &arrays.v[3]), "5");
	assert_int_equal(arrays.v[3].tmp_mib, 2048);
	assert_string_equal(arrays.v[4].source_group, "esx2");
}

static void test_split_at_the_cluster_s_limit(void **state)
{
	static const unsigned indexes[] = {0, 999, 1000, 1001, 2500};
	struct unit units[5];
	task_arrays arrays = {0};

	for (size_t i = 0; i < 5; i++)
		units[i] = unit(indexes[i], NULL, 512, 0);
	task_arrays_make(*state, units, 5, 1000, &arrays);
	assert_int_equal(arrays.n, 3);
	assert_string_equal(task_array_list(*state, &arrays.v[0]), "0,999");
	assert_int_equal(arrays.v[1].offset, 1000);
	assert_string_equal(task_array_list(*state, &arrays.v[1]), "0-1");
	assert_int_equal(arrays.v[2].offset, 2000);
	assert_string_equal(task_array_list(*state, &arrays.v[2]), "500");
}

/* The longest list there can be is an argument that execve() takes (128 KiB). */
static void test_longest_list(void **state)
{
	enum { UNITS = ARRAY_SPAN_MAX };
	struct unit *units = arena_alloc(*state, UNITS * sizeof *units);
	task_arrays arrays = {0};

	for (unsigned i = 0; i < UNITS; i++)
		units[i] = unit(2 * i, NULL, 512, 0);
	task_arrays_make(*state, units, UNITS, 4000001, &arrays);
	assert_int_equal(arrays.n, 2);
	assert_int_equal(arrays.v[1].offset, ARRAY_SPAN_MAX);
	assert_true(strlen(task_array_list(*state, &arrays.v[1])) < 128 * 1024 - 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_what_wants_the_same_shares_an_array),
	    cmocka_unit_test(test_split_at_the_cluster_s_limit),
	    cmocka_unit_test(test_longest_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
