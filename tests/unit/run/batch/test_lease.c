/* The claim on a unit: one holder at a time, a number of its own for each attempt, and no holder once it is dead. */
#include <errno.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "core/base/file.h"
#include "run/batch/lease.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	struct err err;
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

static struct lease *taken(struct fixture *f, enum lease_kind kind, unsigned attempt)
{
	struct lease *l = NULL;

	err_clear(&f->err);
	if (lease_take(f->dir.fd, kind, &l, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(lease_attempt(l), attempt);
	assert_int_equal(lease_kind(l), kind == LEASE_BEST ? LEASE_FLOCK : kind);
	return l;
}

static void refused(struct fixture *f, enum lease_kind kind)
{
	struct lease *l = NULL;

	assert_int_equal(lease_take(f->dir.fd, kind, &l, &f->err), -1);
	assert_null(l);
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
}

/* In a child that takes the lease and is killed. */
static void taken_and_killed(struct fixture *f, enum lease_kind kind)
{
	struct lease *l;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (lease_take(f->dir.fd, kind, &l, NULL) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void one_holder(struct fixture *f, enum lease_kind kind)
{
	struct lease *l = taken(f, kind, 0);
	struct holder who;
	char text[512];

	refused(f, kind);
	snprintf(text, sizeof text, "process %d on '%s' works on it, attempt 0", (int)getpid(), lease_holder(l)->host);
	assert_string_equal(f->err.text, text);
	assert_true(lease_is_held(f->dir.fd, kind, &who));
	assert_int_equal(who.pid, getpid());
	assert_true(holder_runs(&who));
	assert_int_equal(faccessat(f->dir.fd, "attempt-1", F_OK, 0), -1); /* nothing of who was refused */
	lease_drop(l);
	assert_false(lease_is_held(f->dir.fd, kind, &who));
	lease_drop(taken(f, kind, 1));
}

static void one_holder_by_flock(void **state)
{
	one_holder(*state, LEASE_BEST);
}

static void one_holder_by_heartbeat(void **state)
{
	one_holder(*state, LEASE_HEARTBEAT);
}

static void a_killed_one_holds_nothing(void **state)
{
	struct fixture *f = *state;

	taken_and_killed(f, LEASE_FLOCK);
	lease_drop(taken(f, LEASE_FLOCK, 1));
}

static void a_killed_one_beats_no_more(void **state)
{
	struct fixture *f = *state;

	taken_and_killed(f, LEASE_HEARTBEAT);
	lease_drop(taken(f, LEASE_HEARTBEAT, 1));
}

static void later_attempts_fence(void **state)
{
	struct fixture *f = *state;
	struct lease *l = taken(f, LEASE_FLOCK, 0);

	assert_int_equal(mkdirat(f->dir.fd, "attempt-01x", 0755), 0); /* no attempt's name */
	assert_int_equal(mkdirat(f->dir.fd, "attempt--1", 0755), 0);
	assert_int_equal(mkdirat(f->dir.fd, "attempt-99999999999999999999", 0755), 0);
	assert_int_equal(lease_check(l, &f->err), 0);
	assert_int_equal(mkdirat(f->dir.fd, "attempt-7", 0755), 0);
	assert_int_equal(lease_check(l, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
	assert_string_equal(f->err.text, "this is attempt 0, and attempt 7 has begun: it is for that one to publish");
	lease_drop(l);
	lease_drop(taken(f, LEASE_FLOCK, 8));
}

/* ---- heartbeat ---- */

static int kind_without_flock(struct fixture *f)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct holder who;
	struct lease *l;

	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOLCK), SCMP_SYS(flock), 0) < 0 || seccomp_load(filter) < 0)
		return 1;
	if (lease_take(f->dir.fd, LEASE_FLOCK, &l, &f->err) == 0 || f->err.code != ERR_UNSUPPORTED)
		return 2;
	if (lease_take(f->dir.fd, LEASE_BEST, &l, &f->err) < 0 || lease_kind(l) != LEASE_HEARTBEAT)
		return 3;
	return lease_is_held(f->dir.fd, LEASE_BEST, &who) && who.pid == getpid() ? 0 : 4;
}

/* As on a file server without locks; in a process of its own, for it can't be taken back. */
static void no_flock(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(kind_without_flock(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* attempt-0 of a process on another host, whose last beat is so old. */
static void put_foreign(struct fixture *f, time_t age)
{
	struct holder other;
	struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
	int fd;

	holder_self(&other);
	strcpy(other.host, "far");
	strcpy(other.boot_id, "00000000-0000-0000-0000-000000000000");
	assert_int_equal(mkdirat(f->dir.fd, "attempt-0", 0755), 0);
	fd = openat(f->dir.fd, "attempt-0/alive", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(holder_write(fd, &other, NULL), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void a_foreign_one_that_beats(void **state)
{
	struct fixture *f = *state;
	char text[128];

	put_foreign(f, LEASE_STALE_SECONDS - 30);
	refused(f, LEASE_HEARTBEAT);
	snprintf(text, sizeof text, "process %d on 'far' works on it, attempt 0", (int)getpid());
	assert_string_equal(f->err.text, text);
}

static void a_foreign_one_that_is_silent(void **state)
{
	struct fixture *f = *state;

	put_foreign(f, LEASE_STALE_SECONDS + 1);
	lease_drop(taken(f, LEASE_HEARTBEAT, 1));
}

static void one_that_is_about_to_write(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->dir.fd, "attempt-0", 0755), 0);
	refused(f, LEASE_HEARTBEAT);
	assert_string_equal(f->err.text, "another process works on it");
}

/* ---- holders ---- */

static void another_process_of_that_number(void **state)
{
	struct holder h;

	(void)state;
	holder_self(&h);
	assert_true(holder_runs(&h));
	assert_true(holder_signal(&h, 0));
	h.start++;
	assert_false(holder_runs(&h));
	assert_false(holder_signal(&h, SIGKILL));
	h.start--;
	h.boot_id[0] ^= 1;
	assert_false(holder_signal(&h, SIGKILL));
}

/* Its processes have numbers that mean others here. */
static void a_container_of_the_same_kernel(void **state)
{
	struct fixture *f = *state;
	struct holder h;
	int fd;

	holder_self(&h);
	h.pid_namespace++;
	assert_false(holder_is_here(&h));
	assert_false(holder_signal(&h, SIGKILL));
	h.pid = INT32_MAX; /* nobody's number here: and yet it isn't dead, for it beats */
	assert_int_equal(mkdirat(f->dir.fd, "attempt-0", 0755), 0);
	fd = openat(f->dir.fd, "attempt-0/alive", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(holder_write(fd, &h, NULL), 0);
	close(fd);
	refused(f, LEASE_HEARTBEAT);
}

/* Whoever looks at a folder that was prepared for that doesn't wait for somebody to write. */
static void a_fifo_instead_of_a_file(void **state)
{
	struct fixture *f = *state;
	struct holder who;

	assert_int_equal(mkfifoat(f->dir.fd, "lease", 0644), 0);
	alarm(30);
	assert_int_equal(holder_read(f->dir.fd, "lease", &who, &f->err), -1);
	assert_false(lease_is_held(f->dir.fd, LEASE_BEST, &who));
	alarm(0);
}

static void odd_holders(void **state)
{
	struct fixture *f = *state;
	struct holder h;
	static const struct {
		const char *text, *error;
	} odd[] = {
	    {"{\"pid\": 1}", "'h': no process: pid 1, boot_id ''"},
	    {"{\"pid\": 99999999999, \"boot_id\": \"00000000-0000-0000-0000-000000000000\"}",
	     "'h': no process: pid 99999999999, boot_id '00000000-0000-0000-0000-000000000000'"},
	};

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(file_replace(f->dir.fd, "h", odd[i].text, strlen(odd[i].text), 0600, NULL), 0);
		assert_int_equal(holder_read(f->dir.fd, "h", &h, &f->err), -1);
		assert_string_equal(f->err.text, odd[i].error);
	}
}

static void engines(void **state)
{
	static const char *const variables[] = {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID",
						"JOB_COMPLETION_INDEX", "PARALLEL_SEQ"};
	char id[HOLDER_ENGINE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	holder_engine(id);
	assert_string_equal(id, "");
	setenv("SLURM_JOB_ID", "4712", 1);
	holder_engine(id);
	assert_string_equal(id, "slurm:4712");
	setenv("SLURM_ARRAY_JOB_ID", "4711", 1);
	setenv("SLURM_ARRAY_TASK_ID", "12", 1);
	holder_engine(id);
	assert_string_equal(id, "slurm:4711_12");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_holder_by_flock),
	    TEST(one_holder_by_heartbeat),
	    TEST(a_killed_one_holds_nothing),
	    TEST(a_killed_one_beats_no_more),
	    TEST(later_attempts_fence),
	    TEST(no_flock),
	    TEST(a_foreign_one_that_beats),
	    TEST(a_foreign_one_that_is_silent),
	    TEST(one_that_is_about_to_write),
	    TEST(another_process_of_that_number),
	    TEST(a_container_of_the_same_kernel),
	    TEST(a_fifo_instead_of_a_file),
	    TEST(odd_holders),
	    TEST(engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
