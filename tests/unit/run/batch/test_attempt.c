/* What an attempt keeps of what was said, and for how long. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/batch/attempt.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	struct attempt a;
	struct err err;
	unsigned phases; /* that were told to who looks on */
};

static void phase(const char *what, void *opaque)
{
	struct fixture *f = opaque;

	f->phases++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct run_events events = {.phase = phase, .opaque = f};

	*state = f;
	if (test_folder_make(&f->dir) < 0)
		return -1;
	return attempt_open(&f->a, f->dir.fd, NULL, &events, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	attempt_close(&f->a);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static off_t size_of(const struct fixture *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->dir.fd, name, &st, 0), 0);
	return st.st_size;
}

static void phases_are_events(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *event = NULL;
	struct fixture *f = *state;

	attempt_phase(&f->a, "booting \"it\"");
	attempt_close(&f->a);
	assert_int_equal(file_slurp(f->dir.fd, ATTEMPT_EVENTS, &text, &f->err), 0);
	event = js_parse(buf_str(&text), text.len, &f->err);
	assert_string_equal(js_get_str(event, "event", ""), "phase");
	assert_string_equal(js_get_str(event, "text", ""), "booting \"it\"");
	assert_int_equal(f->phases, 1);
	assert_int_equal(size_of(f, ATTEMPT_LOG), 0);
}

/* A program that never stops talking fills no file system; who looks on still hears it. */
static void there_is_an_end_to_what_is_kept(void **state)
{
	AUTO(buf_done) struct buf tail = BUF_INIT(3 * (size_t)ATTEMPT_TEXT_MAX);
	AUTO_FREE char *text = calloc(1, 32 * KIB + 1);
	struct fixture *f = *state;
	off_t full;

	memset(text, 'x', 32 * KIB);
	for (unsigned i = 0; i < 4200; i++)
		attempt_phase(&f->a, text);
	assert_int_equal(f->phases, 4200);
	full = size_of(f, ATTEMPT_EVENTS);
	assert_in_range(full, 2 * (off_t)ATTEMPT_TEXT_MAX, 2 * (off_t)ATTEMPT_TEXT_MAX + 64 * KIB);
	attempt_phase(&f->a, text);
	assert_int_equal(size_of(f, ATTEMPT_EVENTS), full);
	assert_int_equal(file_slurp(f->dir.fd, ATTEMPT_EVENTS, &tail, &f->err), 0);
	assert_string_equal(buf_str(&tail) + tail.len - strlen("no more are kept\"}\n"), "no more are kept\"}\n");
}

/* What an earlier run wrote into the same attempt counts. */
static void a_file_that_goes_on(void **state)
{
	struct fixture *f = *state;
	AUTO_FD int fd = openat(f->dir.fd, ATTEMPT_EVENTS, O_WRONLY | O_CLOEXEC);

	attempt_close(&f->a);
	assert_int_equal(ftruncate(fd, 2 * (off_t)ATTEMPT_TEXT_MAX), 0);
	assert_int_equal(attempt_open(&f->a, f->dir.fd, NULL, &f->a.events, &f->err), 0);
	attempt_phase(&f->a, "more");
	assert_int_equal(size_of(f, ATTEMPT_EVENTS), 2 * (off_t)ATTEMPT_TEXT_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(phases_are_events),
	    TEST(there_is_an_end_to_what_is_kept),
	    TEST(a_file_that_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
