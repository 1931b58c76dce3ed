/* A unit's attempts: what stays of one that ends badly, and what the next one goes on from. This program stands for
 * rehost: when it is given a command it does as the environment says. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
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
#include "run/batch/attempt.h"
#include "run/batch/outcome.h"
#include "run/batch/unit.h"
#include "tests/unit/support/test_folder.h"

#define STATE "job/state/000000/"

/* ---- the program ---- */

static const char *value(char **argv, const char *option)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, option))
			return argv[1];
	return NULL;
}

/* A result, or what another run could go on from. */
static void leave(const char *folder, const char *name, bool whole)
{
	char path[300];
	AUTO_FD int fd = -1;

	snprintf(path, sizeof path, whole ? "%s/%s" : "%s/.%s.partial", folder, name);
	file_mkdirs(path, NULL);
	fd = file_open_dir(path, NULL);
	file_replace(fd, ATTEMPT_REPORT, "{}", 2, 0600, NULL);
}

static const char *told(const char *name)
{
	const char *ret = getenv(name);

	return ret ? ret : "";
}

/* What TEST_COUNT keeps: "b", with its time "b900". */
static bool note(char **argv, const char *command)
{
	const char *seconds = value(argv, "--timeout");
	AUTO_FD int fd = open(told("TEST_COUNT"), O_WRONLY | O_CREAT | O_APPEND, 0600);

	return dprintf(fd, "%s%s", command, seconds ? seconds : "") > 0;
}

/* TEST_CONVERT and TEST_BOOT are how the commands end: an exit status, above 128 by a signal. */
static int run_as_program(char **argv)
{
	bool boot = !strcmp(argv[1], "boot");
	int status = atoi(told(boot ? "TEST_BOOT" : "TEST_CONVERT"));

	fprintf(stderr, "{\"event\":\"phase\",\"seconds\":0,\"text\":\"at it\"}\n");
	if (!note(argv, boot ? "b" : "c"))
		return 1;
	if (!boot)
		file_mkdirs(value(argv, "-os"), NULL);
	if (!boot && !getenv("TEST_NOTHING"))
		leave(value(argv, "-os"), value(argv, "-on"), status == 0);
	if (status > 128)
		raise(status - 128);
	return status;
}

/* ---- the tests ---- */

struct fixture {
	struct test_folder dir;
	char job[100], source[100], count[100];
	const char *sources[1], *arguments[2];
	struct unit unit;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	if (test_folder_make(&f->dir) < 0)
		return -1;
	snprintf(f->job, sizeof f->job, "%s/job", f->dir.path);
	snprintf(f->source, sizeof f->source, "%s/disk", f->dir.path);
	snprintf(f->count, sizeof f->count, "%s/count", f->dir.path);
	f->sources[0] = f->source;
	f->arguments[0] = "--if";
	f->arguments[1] = "raw";
	f->unit = (struct unit){.name = "web01", .sources = {f->sources, 1}, .arguments = {f->arguments, 2}};
	setenv("TEST_COUNT", f->count, 1);
	unsetenv("TEST_NOTHING");
	return file_replace(f->dir.fd, "disk", "something", 9, 0600, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static void plan(struct fixture *f)
{
	const struct job_draft draft = {
	    .name = "job", .manifest_name = "manifest.yaml", .manifest = "", .units = &f->unit, .nunits = 1};

	if (job_write(f->job, &draft, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static int attempt_as(struct fixture *f, enum lease_kind lease, const char *convert, const char *boot)
{
	const struct batch_unit_options o = {.job = f->job, .lease = lease};

	setenv("TEST_CONVERT", convert, 1);
	setenv("TEST_BOOT", boot, 1);
	err_clear(&f->err);
	return batch_unit(&o, &f->err);
}

static void ends(struct fixture *f, const char *convert, const char *boot, enum err_code code)
{
	assert_int_equal(attempt_as(f, LEASE_BEST, convert, boot), code == ERR_NONE ? 0 : -1);
	if (f->err.code != code)
		fail_msg("%s: %s", err_code_name(f->err.code), f->err.text);
}

static bool there(const struct fixture *f, const char *name)
{
	return faccessat(f->dir.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void ran(const struct fixture *f, const char *commands)
{
	AUTO(buf_done) struct buf text = BUF_INIT(100);

	assert_int_equal(file_slurp(f->dir.fd, "count", &text, NULL), 0);
	assert_string_equal(buf_str(&text), commands);
}

static void set_aside(struct fixture *f)
{
	AUTO(js_freep) struct json *outcome = NULL;
	AUTO_FD int fd = openat(f->dir.fd, STATE, O_RDONLY | O_DIRECTORY);

	assert_int_equal(outcome_read(fd, &f->unit, &outcome, &f->err), 0);
	assert_non_null(outcome);
	assert_int_equal(outcome_set_aside(fd, outcome, &f->err), 0);
}

static void a_refused_machine_keeps_its_copy(void **state)
{
	struct fixture *f = *state;

	plan(f);
	ends(f, "137", "0", ERR_TEMPFAIL);
	ends(f, "4", "0", ERR_CORRUPT);
	assert_true(there(f, STATE "blocked.json"));
	assert_true(there(f, STATE "work/.web01.partial/report.json"));
	set_aside(f);
	ends(f, "0", "0", ERR_NONE);
}

static void nothing_leaves_no_folder(void **state)
{
	struct fixture *f = *state;

	plan(f);
	setenv("TEST_NOTHING", "1", 1);
	ends(f, "3", "0", ERR_BLOCKED);
	assert_false(there(f, STATE "work"));
}

static void a_refused_proof_is_a_failed_one(void **state)
{
	struct fixture *f = *state;

	f->unit.proof = BOOT_LOGIN;
	f->unit.retries = 1;
	plan(f);
	ends(f, "0", "4", ERR_TEMPFAIL);
	ends(f, "0", "3", ERR_BOOT);
	ran(f, "cbb"); /* one series: converted once */
	assert_true(there(f, STATE "failed.json"));
	assert_true(there(f, STATE "work/web01/report.json"));
}

static void tried_again_is_converted_anew(void **state)
{
	struct fixture *f = *state;

	f->unit.proof = BOOT_LOGIN;
	plan(f);
	ends(f, "0", "7", ERR_BOOT);
	set_aside(f);
	ends(f, "0", "137", ERR_TEMPFAIL);
	ran(f, "cbcb");
	ends(f, "0", "0", ERR_NONE);
	ran(f, "cbcbb");
	assert_true(there(f, "job/out/web01"));
}

static void a_result_stays_without_a_source(void **state)
{
	struct fixture *f = *state;

	f->unit.proof = BOOT_LOGIN;
	plan(f);
	ends(f, "0", "7", ERR_BOOT);
	set_aside(f);
	assert_int_equal(unlinkat(f->dir.fd, "disk", 0), 0);
	ends(f, "0", "0", ERR_CORRUPT); /* of those that end with 4 */
	assert_true(there(f, STATE "work/web01/report.json"));
	ran(f, "cb");
}

static void a_proof_has_its_time(void **state)
{
	struct fixture *f = *state;

	f->unit.proof = BOOT_KERNEL;
	f->unit.proof_timeout = 900;
	plan(f);
	ends(f, "0", "0", ERR_NONE);
	ran(f, "cb900");
}

static void a_crash_is_a_failure(void **state)
{
	struct fixture *f = *state;

	plan(f);
	ends(f, "137", "0", ERR_TEMPFAIL);
	ends(f, "134", "0", ERR_CONVERT); /* not 139: the address sanitizer makes an exit of it */
	assert_true(there(f, STATE "failed.json"));
}

/* Without locks: the last folder of an attempt that is over is gone on from, and those before it go. */
static void work_is_taken_over(void **state)
{
	struct fixture *f = *state;
	const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	plan(f);
	assert_int_equal(attempt_as(f, LEASE_HEARTBEAT, "75", "0"), -1);
	assert_true(there(f, STATE "work-0/.web01.partial"));
	assert_int_equal(unlinkat(f->dir.fd, STATE "attempt-0/end.json", 0), 0); /* no room for it */
	assert_int_equal(attempt_as(f, LEASE_HEARTBEAT, "75", "0"), -1);
	assert_false(there(f, STATE "work-0"));
	assert_true(there(f, STATE "work-1/.web01.partial"));
	/* A host that was lost: it may be at work. */
	assert_int_equal(mkdirat(f->dir.fd, STATE "attempt-2", 0755), 0);
	assert_int_equal(utimensat(f->dir.fd, STATE "attempt-2", long_ago, 0), 0);
	assert_int_equal(mkdirat(f->dir.fd, STATE "work-2", 0755), 0);
	assert_int_equal(mkdirat(f->dir.fd, STATE "work-0", 0755), 0);
	setenv("TEST_NOTHING", "1", 1);
	assert_int_equal(attempt_as(f, LEASE_HEARTBEAT, "75", "0"), -1);
	assert_true(there(f, STATE "work-3/.web01.partial"));
	assert_true(there(f, STATE "work-2"));
	assert_false(there(f, STATE "work-1"));
	assert_false(there(f, STATE "work-0"));
	unsetenv("TEST_NOTHING");
	assert_int_equal(attempt_as(f, LEASE_HEARTBEAT, "0", "0"), 0);
	assert_false(there(f, STATE "work-2"));
	assert_false(there(f, STATE "work-4"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_refused_machine_keeps_its_copy),
	    TEST(nothing_leaves_no_folder),
	    TEST(a_refused_proof_is_a_failed_one),
	    TEST(tried_again_is_converted_anew),
	    TEST(a_result_stays_without_a_source),
	    TEST(a_crash_is_a_failure),
	    TEST(a_proof_has_its_time),
	    TEST(work_is_taken_over),
	};

	return argc > 1 ? run_as_program(argv) : cmocka_run_group_tests(tests, NULL, NULL);
}
