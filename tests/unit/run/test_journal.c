/* Tests of run/journal.c: phases and extents come back, and damage costs only what stands behind it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/journal.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static struct journal *reopen(const struct fixture *f, struct journal *old)
{
	struct journal *j = NULL;
	struct err err;

	journal_close(old);
	assert_int_equal(journal_open(f->dir.fd, &j, &err), 0);
	return j;
}

static void begin(struct journal *j)
{
	struct json *run = js_object();
	struct err err;

	js_set_str(run, "source", "web01.ova");
	assert_int_equal(journal_begin(j, run, &err), 0);
}

static off_t length(const struct fixture *f)
{
	struct stat st;

	assert_int_equal(fstatat(f->dir.fd, "journal.ndjson", &st, 0), 0);
	return st.st_size;
}

static void damage(const struct fixture *f, off_t keep, const char *then)
{
	int fd = openat(f->dir.fd, "journal.ndjson", O_WRONLY);

	assert_true(fd >= 0);
	if (keep >= 0)
		assert_int_equal(ftruncate(fd, keep), 0);
	assert_true(lseek(fd, 0, SEEK_END) >= 0);
	assert_int_equal(write(fd, then, strlen(then)), (ssize_t)strlen(then));
	close(fd);
}

static void test_new_one_is_empty(void **state)
{
	struct journal *j = reopen(*state, NULL);
	const struct journal_extent *e;

	assert_int_equal(journal_phase(j), PHASE_UNKNOWN);
	assert_null(journal_run(j));
	assert_null(journal_phase_data(j, PHASE_CONVERTED));
	assert_int_equal(journal_extents(j, &e), 0);
	journal_close(j);
}

static void test_phases_come_back(void **state)
{
	struct journal *j = reopen(*state, NULL);
	struct json *data = js_object();
	struct err err;

	begin(j);
	assert_int_equal(journal_reach(j, PHASE_MAPPED, NULL, &err), 0);
	js_set_str(data, "os", "debian \"12\"\nbookworm");
	assert_int_equal(journal_reach(j, PHASE_CONVERTED, data, &err), 0);
	for (int i = 0; i < 2; i++) { /* before and after reading it again */
		assert_int_equal(journal_phase(j), PHASE_CONVERTED);
		assert_string_equal(js_get_str(journal_run(j), "source", ""), "web01.ova");
		assert_null(journal_phase_data(j, PHASE_MAPPED));
		assert_string_equal(js_get_str(journal_phase_data(j, PHASE_CONVERTED), "os", ""),
				    "debian \"12\"\nbookworm");
		j = reopen(*state, j);
	}
	begin(j);
	j = reopen(*state, j);
	assert_int_equal(journal_phase(j), PHASE_UNKNOWN);
	assert_null(journal_phase_data(j, PHASE_CONVERTED));
	journal_close(j);
}

static const struct journal_extent two[] = {
    {.disk = 0, .off = 0, .len = 2 << 20, .hash = 0x0123456789abcdef, .source = 7, .note = "q2 16 p10000+20"},
    {.disk = 3, .off = UINT64_C(5) << 40, .len = 4096, .hash = 0xffffffffffffffff, .note = ""},
};

static void test_extents_come_back(void **state)
{
	struct journal *j = reopen(*state, NULL);
	const struct journal_extent *e;
	struct err err;

	begin(j);
	assert_int_equal(journal_add_extents(j, two, 2, &err), 0);
	assert_int_equal(journal_add_extents(j, two, 0, &err), 0);
	j = reopen(*state, j);
	assert_int_equal(journal_extents(j, &e), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e[i].disk, two[i].disk);
		assert_int_equal(e[i].off, two[i].off);
		assert_int_equal(e[i].len, two[i].len);
		assert_true(e[i].hash == two[i].hash);
		assert_true(e[i].source == two[i].source);
		assert_string_equal(e[i].note, two[i].note);
	}
	journal_close(j);
}

/* Cut at every byte of the last line: it is as if it had not been written, and writing goes on well. */
static void test_torn_line(void **state)
{
	struct journal *j = reopen(*state, NULL);
	const struct journal_extent *e;
	struct err err;
	off_t before, after;

	begin(j);
	assert_int_equal(journal_add_extents(j, two, 1, &err), 0);
	before = length(*state);
	assert_int_equal(journal_add_extents(j, two + 1, 1, &err), 0);
	after = length(*state);
	for (off_t at = after - 1; at >= before; at--) {
		damage(*state, at, "");
		j = reopen(*state, j);
		assert_int_equal(journal_extents(j, &e), 1);
		assert_int_equal(length(*state), before);
		assert_int_equal(journal_add_extents(j, two + 1, 1, &err), 0);
		j = reopen(*state, j);
		assert_int_equal(journal_extents(j, &e), 2);
	}
	journal_close(j);
}

static void test_nothing_behind_damage_counts(void **state)
{
	static const char *const bad[] = {
	    "{\"extent\":{\"disk\":0,\"off\":0,\"len\":0,\"xxh3\":\"0123456789abcdef\"}}\n",
	    "{\"extent\":{\"disk\":0,\"off\":0,\"len\":1,\"xxh3\":\"0123456789abcde\"}}\n",
	    "{\"extent\":{\"disk\":0,\"off\":0,\"len\":1,\"xxh3\":\"0123456789abcdex\"}}\n",
	    "{\"phase\":\"finished\"}\n",
	    "{\"something\":1}\n",
	    "[]\n",
	    "\n",
	    "{\"phase\":\"mapped\"\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct journal *j = reopen(*state, NULL);
		const struct journal_extent *e;
		struct err err;

		begin(j);
		assert_int_equal(journal_add_extents(j, two, 1, &err), 0);
		damage(*state, -1, bad[i]);
		damage(*state, -1, "{\"phase\":\"copied\"}\n");
		j = reopen(*state, j);
		assert_int_equal(journal_phase(j), PHASE_UNKNOWN);
		assert_int_equal(journal_extents(j, &e), 1);
		journal_close(j);
	}
}

static void test_two_writers_append(void **state)
{
	struct journal *control = reopen(*state, NULL), *io;
	const struct journal_extent *e;
	struct err err;

	begin(control);
	assert_int_equal(journal_reach(control, PHASE_CONVERTED, NULL, &err), 0);
	io = reopen(*state, NULL);
	assert_int_equal(journal_add_extents(io, two, 2, &err), 0);
	assert_int_equal(journal_reach(control, PHASE_COPIED, NULL, &err), 0);
	journal_close(io);
	control = reopen(*state, control);
	assert_int_equal(journal_phase(control), PHASE_COPIED);
	assert_int_equal(journal_extents(control, &e), 2);
	journal_close(control);
}

static void test_unwritable_folder(void **state)
{
	struct journal *j;
	struct err err;

	assert_int_equal(journal_open(-1, &j, &err), -1);
	assert_string_equal(err.text, "cannot open 'journal.ndjson': Bad file descriptor");
	assert_int_equal(err.code, ERR_BLOCKED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_new_one_is_empty),
	    TEST(test_phases_come_back),
	    TEST(test_extents_come_back),
	    TEST(test_torn_line),
	    TEST(test_two_writers_append),
	    TEST(test_unwritable_folder),
	    TEST(test_nothing_behind_damage_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
