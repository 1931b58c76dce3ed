/* Child processes: what they get, what they don't, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"

static int run(const char *script, struct buf *out)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	buf_clear(out);
	return child_run(argv, out, NULL);
}

static void output_and_status(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1000);

	assert_int_equal(run("echo out; echo err >&2; exit 3", &out), 3);
	assert_string_equal(buf_str(&out), "out\nerr\n");
	assert_int_equal(run("kill -TERM $$", &out), 128 + SIGTERM);
	assert_int_equal(run("true", &out), 0);
	assert_string_equal(buf_str(&out), "");
}

static void arguments_pass_no_shell(void **state)
{
	const char *argv[] = {"printf", "%s|", "a b", "$HOME", "*", ";", NULL};
	AUTO(buf_done) struct buf out = BUF_INIT(1000);

	assert_int_equal(child_run(argv, &out, NULL), 0);
	assert_string_equal(buf_str(&out), "a b|$HOME|*|;|");
}

static void more_output_than_wanted_is_dropped(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(10);

	assert_int_equal(run("head -c 1000000 /dev/zero | tr '\\0' x; exit 5", &out), 5);
	assert_string_equal(buf_str(&out), "xxxxxxxxxx");
}

static void a_program_that_cannot_run(void **state)
{
	const char *argv[] = {"no-such-program", NULL}, *folder[] = {"/var/tmp", NULL};
	AUTO(buf_done) struct buf out = BUF_INIT(1000);
	struct err err = ERR_INIT;

	setenv("PATH", "/usr/bin:/bin", 1);
	assert_int_equal(child_run(argv, &out, &err), -1);
	assert_string_equal(err.text, "cannot run 'no-such-program': No such file or directory");
	assert_int_equal(err.code, ERR_HOST);
	assert_int_equal(child_run(folder, &out, &err), -1);
	assert_string_equal(err.text, "cannot run '/var/tmp': Permission denied");
}

/* stdin is empty, no descriptor of ours is open, no signal is blocked. */
static void more_descriptors_than_allowed(void **state)
{
	enum { FDS = 20 };
	const char *argv[] = {"true", NULL};
	struct child_fd fds[FDS];
	struct child_spec spec = {.argv = argv, .fds = fds, .nfds = FDS};
	struct rlimit before, few;
	struct err err = ERR_INIT;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < FDS; i++)
		fds[i] = (struct child_fd){STDOUT_FILENO, 3 + i};
	few = (struct rlimit){.rlim_cur = 110, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(child_start(&spec, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(err.text, "cannot run 'true': Too many open files");
}

static void a_child_inherits_nothing(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1000);
	AUTO_FD int open_here = fcntl(STDERR_FILENO, F_DUPFD, 50);
	sigset_t blocked, before;

	assert_true(open_here >= 50);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	assert_int_equal(run("cat; ls /proc/self/fd | tr '\\n' ' '; grep SigBlk /proc/self/status", &out), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* 3 is ls's own, of the folder. */
	assert_string_equal(buf_str(&out), "0 1 2 3 SigBlk:\t0000000000000000\n");
}

static void descriptors_and_environment_by_word(void **state)
{
	const char *argv[] = {"sh", "-c", "echo $REHOST_TEST >&4; cat <&3 >&4", NULL};
	const char *env[] = {"REHOST_TEST=value", NULL};
	int in[2], out[2], status = -1;
	struct child_spec spec = {.argv = argv, .env = env};
	struct child_fd fds[2];
	char text[100] = "";
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	/* Numbers that overlap with those they come from. */
	fds[0] = (struct child_fd){in[0], 3};
	fds[1] = (struct child_fd){out[1], 4};
	spec.fds = fds;
	spec.nfds = 2;
	pid = child_start(&spec, NULL);
	assert_true(pid > 0);
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "through\n", 8), 8);
	close(in[1]);
	assert_int_equal(child_wait(pid, &status, NULL), 0);
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], text, sizeof text - 1), 14);
	assert_string_equal(text, "value\nthrough\n");
	close(out[0]);
	assert_null(getenv("REHOST_TEST"));
}

/* A child of ours starts a grandchild by the same way and dies: the grandchild must die too, and with it the last
 * writer of the pipe. */
static void nobody_outlives_the_parent(void **state)
{
	const char *argv[] = {"sh", "-c", "echo started >&3; exec sleep 100", NULL};
	int pipe_fds[2];
	char text[10];
	pid_t middle;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	middle = fork();
	if (!middle) {
		struct child_fd fd = {pipe_fds[1], 3};
		struct child_spec spec = {.argv = argv, .fds = &fd, .nfds = 1};

		child_start(&spec, NULL);
		pause();
		_exit(0);
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], text, sizeof text), 8);
	kill(middle, SIGKILL);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	alarm(20);
	assert_int_equal(read(pipe_fds[0], text, sizeof text), 0);
	alarm(0);
	close(pipe_fds[0]);
}

static void waiting_for_a_stranger(void **state)
{
	struct err err = ERR_INIT;
	int status;

	assert_int_equal(child_wait(getppid(), &status, &err), -1);
	assert_non_null(strstr(err.text, "No child processes"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(output_and_status),
	    cmocka_unit_test(arguments_pass_no_shell),
	    cmocka_unit_test(more_output_than_wanted_is_dropped),
	    cmocka_unit_test(a_program_that_cannot_run),
	    cmocka_unit_test(more_descriptors_than_allowed),
	    cmocka_unit_test(a_child_inherits_nothing),
	    cmocka_unit_test(descriptors_and_environment_by_word),
	    cmocka_unit_test(nobody_outlives_the_parent),
	    cmocka_unit_test(waiting_for_a_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
