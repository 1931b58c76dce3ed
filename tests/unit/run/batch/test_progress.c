/* How far a unit is: from the events of its last attempt, whatever state their file is in. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/batch/progress.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	struct unit_progress p;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	return test_folder_make(&f->dir);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *attempt, const char *events)
{
	int dirfd;

	assert_int_equal(mkdirat(f->dir.fd, attempt, 0755), 0);
	dirfd = openat(f->dir.fd, attempt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace(dirfd, "events.ndjson", events, strlen(events), 0600, NULL), 0);
	close(dirfd);
}

static void nothing_yet(void **state)
{
	struct fixture *f = *state;

	unit_progress(f->dir.fd, &f->p);
	assert_int_equal(f->p.attempt, -1);
	assert_int_equal(mkdirat(f->dir.fd, "attempt-0", 0755), 0);
	unit_progress(f->dir.fd, &f->p);
	assert_int_equal(f->p.attempt, 0);
	assert_string_equal(f->p.phase, "");
	assert_int_equal(unit_percent(&f->p), 0);
}

static void the_last_of_the_last(void **state)
{
	struct fixture *f = *state;

	put(f, "attempt-2", "{\"event\":\"phase\",\"text\":\"of another attempt\"}\n");
	put(f, "attempt-10",
	    "{\"event\":\"phase\",\"text\":\"copying\"}\n{\"event\":\"progress\",\"text\":\"copying\",\"done\":25,"
	    "\"total\":100}\n{\"event\":\"warning\",\"text\":\"slow\"}\n{\"event\":\"progress\",\"done\":9");
	unit_progress(f->dir.fd, &f->p);
	assert_int_equal(f->p.attempt, 10);
	assert_string_equal(f->p.phase, "copying");
	assert_int_equal(unit_percent(&f->p), 25);
}

/* By the events' own clock, from the first of them. */
static void rates(void **state)
{
	struct fixture *f = *state;

	put(f, "attempt-0",
	    "{\"event\":\"phase\",\"seconds\":100,\"text\":\"copying\"}\n"
	    "{\"event\":\"progress\",\"seconds\":105,\"text\":\"copying\",\"done\":1000,\"total\":9000}\n");
	unit_progress(f->dir.fd, &f->p);
	assert_int_equal((int)f->p.rate, 200);
	put(f, "attempt-1",
	    "{\"event\":\"phase\",\"seconds\":100,\"text\":\"copying\"}\n"
	    "{\"event\":\"progress\",\"seconds\":105,\"text\":\"copying\",\"done\":5000,\"total\":9000}\n"
	    "{\"event\":\"progress\",\"seconds\":110,\"text\":\"copying\",\"done\":5500,\"total\":9000}\n");
	unit_progress(f->dir.fd, &f->p);
	assert_int_equal((int)f->p.rate, 100);
}

/* A clock that hardly goes: no rate that a size can't hold. */
static void a_rate_without_end(void **state)
{
	struct fixture *f = *state;

	put(f, "attempt-0",
	    "{\"event\":\"phase\",\"seconds\":0,\"text\":\"copying\"}\n"
	    "{\"event\":\"progress\",\"seconds\":1e-300,\"text\":\"copying\",\"done\":9000000000000000000,"
	    "\"total\":9000000000000000000}\n");
	unit_progress(f->dir.fd, &f->p);
	assert_true(f->p.rate > 0 && f->p.rate < (double)UINT64_MAX);
}

static void a_new_phase_copies_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, "attempt-0",
	    "{\"event\":\"progress\",\"text\":\"copying\",\"done\":100,\"total\":100}\n"
	    "{\"event\":\"phase\",\"text\":\"publishing\"}\n");
	unit_progress(f->dir.fd, &f->p);
	assert_string_equal(f->p.phase, "publishing");
	assert_int_equal(f->p.total, 0);
}

static void odd_numbers_and_long_files(void **state)
{
	struct fixture *f = *state;
	char *events = malloc(1 << 20);
	size_t n = 0;

	for (unsigned i = 0; i < 10000; i++)
		n += (size_t)sprintf(events + n, "{\"event\":\"phase\",\"text\":\"phase %u\"}\n", i);
	strcpy(events + n, "{\"event\":\"progress\",\"text\":\"x\",\"done\":900,\"total\":3}\n[1]\n\"text\"\n{}\n");
	put(f, "attempt-0", events);
	free(events);
	unit_progress(f->dir.fd, &f->p);
	assert_string_equal(f->p.phase, "x");
	assert_int_equal(unit_percent(&f->p), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_yet),	      TEST(the_last_of_the_last),	TEST(rates),
	    TEST(a_rate_without_end), TEST(a_new_phase_copies_nothing), TEST(odd_numbers_and_long_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
