/* Tests of run/verify/files.c: what differs from the seal is named, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/verify/files.h"
#include "tests/unit/run/verify/sealed_folder.h"

struct fixture {
	struct test_folder folder;
	struct seal *seal;
	struct verify_files r;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	if (test_folder_make(&f->folder) < 0 || sealed_folder_fill(&f->folder) < 0)
		return -1;
	return sealed_folder_seal(&f->folder, NULL) < 0 ? -1 : seal_open(f->folder.fd, &f->seal, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	verify_files_done(&f->r);
	seal_close(f->seal);
	test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static void check(struct fixture *f)
{
	struct verify_files_options o = {.threads = 2};
	struct err err = ERR_INIT;

	verify_files_done(&f->r);
	if (verify_files(f->folder.fd, f->seal, &o, &f->r, &err) < 0)
		fail_msg("%s", err.text);
}

static void expect_problem(const struct fixture *f, size_t i, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);

	assert_true(i < f->r.problems.n);
	assert_string_equal(file_problem_text(&f->r.problems.v[i], &b), text);
}

static void expect_one(struct fixture *f, const char *text)
{
	check(f);
	assert_int_equal(f->r.problems.n, 1);
	expect_problem(f, 0, text);
}

static void all_is_well(void **state)
{
	struct fixture *f = *state;

	check(f);
	assert_int_equal(f->r.problems.n, 0);
	assert_int_equal(f->r.checked, 4);
	assert_int_equal(f->r.bytes, SEALED_DISK + 18);
	assert_true(f->r.read <= 4 * MIB + 18); /* two chunks with data */
}

static void poke(const struct fixture *f, const char *name, off_t off)
{
	AUTO_FD int fd = openat(f->folder.fd, name, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, off), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
}

static void changed_bytes(void **state)
{
	struct fixture *f = *state;

	poke(f, "web01-sda.raw", 3 * MIB); /* in a hole */
	poke(f, "web01-sda.raw", 5 * MIB);
	poke(f, "web01-sda.raw", SEALED_DISK - 1);
	poke(f, "web01.xml", 9);
	check(f);
	assert_int_equal(f->r.problems.n, 3);
	expect_problem(f, 0, "'web01-sda.raw' differs between 0x200000 and 0x600000");
	expect_problem(f, 1, "'web01-sda.raw' differs between 0x800000 and 0x900000");
	expect_problem(f, 2, "'web01.xml' differs between 0x0 and 0xa");
}

static void missing_and_extra(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(renameat(f->folder.fd, "undo/1", f->folder.fd, "undo/2\033[2J"), 0);
	check(f);
	assert_int_equal(f->r.problems.n, 2);
	expect_problem(f, 0, "'undo/1' is missing");
	expect_problem(f, 1, "'undo/2?[2J' was not published");
}

static void other_sizes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sealed_folder_put(&f->folder, "web01.xml", "<domain/>\n ", 11), 0);
	expect_one(f, "'web01.xml' has 11 bytes, 10 were published");
	assert_int_equal(sealed_folder_put(&f->folder, "web01.xml", "<domain/>", 9), 0);
	expect_one(f, "'web01.xml' has 9 bytes, 10 were published");
	assert_int_equal(sealed_folder_put(&f->folder, "web01.xml", "<domain/>\n", 10), 0);
	poke(f, "web01-sda.raw", 0);
	{
		AUTO_FD int fd = openat(f->folder.fd, "web01-sda.raw", O_RDWR | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, INT64_C(1) << 42), 0);
	}
	check(f);
	assert_int_equal(f->r.problems.n, 2);
	expect_problem(f, 0, "'web01-sda.raw' has 4398046511104 bytes, 9437184 were published");
	expect_problem(f, 1, "'web01-sda.raw' differs between 0x0 and 0x200000");
}

/* Neither links nor pipes are followed. */
static void no_regular_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unlinkat(f->folder.fd, "web01.xml", 0), 0);
	assert_int_equal(symlinkat("empty", f->folder.fd, "web01.xml"), 0);
	expect_one(f, "'web01.xml' is no regular file any more");
	assert_int_equal(unlinkat(f->folder.fd, "web01.xml", 0), 0);
	assert_int_equal(mkfifoat(f->folder.fd, "web01.xml", 0600), 0);
	expect_one(f, "'web01.xml' is no regular file any more");
}

static void too_many_problems(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (unsigned i = 0; i < FILE_PROBLEMS_MAX + 5; i++) {
		snprintf(name, sizeof name, "x%u", i);
		assert_int_equal(sealed_folder_put(&f->folder, name, "", 0), 0);
	}
	check(f);
	assert_int_equal(f->r.problems.n, FILE_PROBLEMS_MAX);
	assert_int_equal(f->r.more, 5);
}

static void evidence(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *list = NULL;

	assert_int_equal(verify_evidence(f->folder.fd, 3, &list, NULL), 0);
	assert_int_equal(js_count(list), 5);
	assert_string_equal(js_get_str(js_at(list, 0), "name", ""), "empty");
	assert_string_equal(js_get_str(js_at(list, 0), "sha256", ""),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_string_equal(js_get_str(js_at(list, 1), "name", ""), "seal.ndjson");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(all_is_well, setup, teardown),
	    cmocka_unit_test_setup_teardown(changed_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(missing_and_extra, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_sizes, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_regular_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_many_problems, setup, teardown),
	    cmocka_unit_test_setup_teardown(evidence, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
