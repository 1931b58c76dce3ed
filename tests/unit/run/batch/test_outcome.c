/* A unit's outcome: what is believed, what each exit status means, and how one is set aside. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/batch/outcome.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	struct err err;
	struct json *read;
};

static const struct unit unit = {.index = 7, .name = "web01"};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	return test_folder_make(&f->dir);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	js_free(f->read);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static bool there(const struct fixture *f, const char *name)
{
	return faccessat(f->dir.fd, name, F_OK, 0) == 0;
}

static struct json *outcome(const char *state, unsigned exit)
{
	struct json *j = js_object();

	js_set_str(j, "schema", OUTCOME_SCHEMA);
	js_set_u64(j, "index", 7);
	js_set_str(j, "name", "web01");
	js_set_str(j, "state", state);
	js_set_u64(j, "exit", exit);
	js_set_u64(j, "attempt", 2);
	return j;
}

static void put(struct fixture *f, const char *state, unsigned exit)
{
	AUTO(js_freep) struct json *j = outcome(state, exit);

	assert_int_equal(outcome_write(f->dir.fd, j, &f->err), 0);
}

static int read_it(struct fixture *f)
{
	js_free(take_ptr(&f->read));
	return outcome_read(f->dir.fd, &unit, &f->read, &f->err);
}

static void statuses(void **state)
{
	static const struct {
		int status;
		enum outcome_state state;
	} all[] = {
	    {0, OUTCOME_DONE},	    {1, OUTCOME_FAILED},    {2, OUTCOME_BLOCKED},   {3, OUTCOME_BLOCKED},
	    {4, OUTCOME_BLOCKED},   {5, OUTCOME_FAILED},    {6, OUTCOME_FAILED},    {7, OUTCOME_FAILED},
	    {8, OUTCOME_UNKNOWN},   {75, OUTCOME_UNKNOWN},  {126, OUTCOME_FAILED},  {130, OUTCOME_UNKNOWN},
	    {129, OUTCOME_UNKNOWN}, {137, OUTCOME_UNKNOWN}, {143, OUTCOME_UNKNOWN}, {132, OUTCOME_FAILED},
	    {133, OUTCOME_FAILED},  {134, OUTCOME_FAILED},  {135, OUTCOME_FAILED},  {136, OUTCOME_FAILED},
	    {139, OUTCOME_FAILED},  {159, OUTCOME_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		assert_int_equal(outcome_of_status(all[i].status), all[i].state);
}

static void written_and_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_it(f), 0);
	assert_null(f->read);
	put(f, "failed", 5);
	assert_int_equal(read_it(f), 0);
	assert_int_equal(outcome_state(f->read), OUTCOME_FAILED);
	put(f, "done", 0);
	assert_false(there(f, "failed.json")); /* one truth */
	assert_true(there(f, "failed.json.odd"));
	assert_int_equal(read_it(f), 0);
	assert_int_equal(outcome_state(f->read), OUTCOME_DONE);
}

static void set_aside(void **state)
{
	struct fixture *f = *state;

	put(f, "blocked", 3);
	assert_int_equal(read_it(f), 0);
	assert_int_equal(outcome_set_aside(f->dir.fd, f->read, &f->err), 0);
	assert_true(there(f, "attempt-2/blocked.json"));
	assert_int_equal(read_it(f), 0);
	assert_null(f->read);
}

static void not_believed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *file, *text, *error;
	} odd[] = {
	    {"done.json", "{\"schema\": \"x\"}", "'done.json': schema 'x', 'rehost-outcome-1' expected"},
	    {"done.json", "{\"schema\": \"rehost-outcome-1\", \"index\": 8, \"name\": \"web01\"}",
	     "'done.json': of unit 8 'web01', 7 'web01' expected"},
	    {"failed.json",
	     "{\"schema\": \"rehost-outcome-1\", \"index\": 7, \"name\": \"web01\", \"state\": \"done\"}",
	     "'failed.json': state 'done', 'failed' expected"},
	    {"failed.json",
	     "{\"schema\": \"rehost-outcome-1\", \"index\": 7, \"name\": \"web01\", \"state\": \"failed\", "
	     "\"attempt\": 100000}",
	     "'failed.json': attempt isn't a number below 100000"},
	    {"failed.json",
	     "{\"schema\": \"rehost-outcome-1\", \"index\": 7, \"name\": \"web01\", \"state\": \"failed\", "
	     "\"attempt\": 0, \"exit\": 0}",
	     "'failed.json': exit 0 is not that of a unit that is failed"},
	    {"done.json",
	     "{\"schema\": \"rehost-outcome-1\", \"index\": 7, \"name\": \"web01\", \"state\": \"done\", "
	     "\"attempt\": 0, \"exit\": 4294967296}",
	     "'done.json': exit 4294967296 is not that of a unit that is done"},
	};

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(file_replace(f->dir.fd, odd[i].file, odd[i].text, strlen(odd[i].text), 0600, NULL), 0);
		assert_int_equal(read_it(f), -1);
		assert_int_equal(f->err.code, ERR_CORRUPT);
		assert_string_equal(f->err.text, odd[i].error);
		unlinkat(f->dir.fd, odd[i].file, 0);
	}
}

static void a_torn_or_linked_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(file_replace(f->dir.fd, "done.json", "{\"schema\"", 9, 0600, NULL), 0);
	assert_int_equal(read_it(f), -1);
	assert_non_null(strstr(f->err.text, "'done.json': "));
	unlinkat(f->dir.fd, "done.json", 0);
	assert_int_equal(symlinkat("/etc/passwd", f->dir.fd, "blocked.json"), 0);
	assert_int_equal(read_it(f), -1);
	assert_string_equal(f->err.text, "'blocked.json': Too many levels of symbolic links");
	assert_int_equal(f->err.code, ERR_CORRUPT);
}

/* Nothing is known then, which is another thing than none or an odd one. */
static void one_that_cant_be_read(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, none;

	put(f, "done", 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){0, limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(read_it(f), -1);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_string_equal(f->err.text, "'done.json': Too many open files");
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
	unlinkat(f->dir.fd, "done.json", 0);
	assert_int_equal(mkdirat(f->dir.fd, "done.json", 0755), 0);
	assert_int_equal(read_it(f), -1);
	assert_string_equal(f->err.text, "cannot read 'done.json': Is a directory");
	assert_int_equal(f->err.code, ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(statuses),	TEST(written_and_read),	     TEST(set_aside),
	    TEST(not_believed), TEST(a_torn_or_linked_file), TEST(one_that_cant_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
