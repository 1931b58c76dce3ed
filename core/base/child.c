/* Child processes: an argv without a shell, descriptors handed over by number, dead when we are. */
#include "core/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

/* Descriptors are first moved above every number that is asked for, so that no dup2() overwrites one still needed. */
enum { FD_PARK = 100 };

static const char *program_of(const struct child_spec *spec)
{
	return spec->program ? spec->program : spec->argv[0];
}

static int install_fds(const struct child_spec *spec, int *report)
{
	int parked[spec->nfds + 1], highest = 2, null;
	bool have_stdin = false;

	*report = fcntl(*report, F_DUPFD_CLOEXEC, FD_PARK);
	for (size_t i = 0; i < spec->nfds; i++) {
		parked[i] = fcntl(spec->fds[i].from, F_DUPFD, FD_PARK);
		if (parked[i] < 0)
			return -1;
		have_stdin |= spec->fds[i].to == STDIN_FILENO;
	}
	if (!have_stdin) {
		null = open("/dev/null", O_RDONLY);
		dup2(null, STDIN_FILENO);
	}
	for (size_t i = 0; i < spec->nfds; i++) {
		if (dup2(parked[i], spec->fds[i].to) < 0)
			return -1;
		if (spec->fds[i].to > highest)
			highest = spec->fds[i].to;
	}
	if (dup2(*report, highest + 1) < 0 || fcntl(highest + 1, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	*report = highest + 1;
	return close_range((unsigned)highest + 2, ~0U, 0);
}

static void __attribute__((noreturn)) child_main(const struct child_spec *spec, pid_t parent, int report)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	for (const char *const *e = spec->env; e && *e; e++)
		putenv((char *)(uintptr_t)*e);
	if (install_fds(spec, &report) == 0)
		execvp(program_of(spec), (char **)(uintptr_t)spec->argv);
	if (write(report, &errno, sizeof errno) < 0)
		_exit(126);
	_exit(127);
}

pid_t child_start(const struct child_spec *spec, struct err *err)
{
	int pipe_fds[2], why = 0;
	pid_t pid, parent = getpid();

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		child_main(spec, parent, pipe_fds[1]);
	close(pipe_fds[1]);
	if (pid < 0) {
		close(pipe_fds[0]);
		return err_sys(err, ERR_TEMPFAIL, "cannot fork");
	}
	if (read(pipe_fds[0], &why, sizeof why) == (ssize_t)sizeof why) {
		close(pipe_fds[0]);
		waitpid(pid, NULL, 0);
		errno = why;
		return err_sys(err, ERR_HOST, "cannot run '%s'", program_of(spec));
	}
	close(pipe_fds[0]);
	return pid;
}

int child_wait(pid_t pid, int *ret_status, struct err *err)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, ERR_INTERNAL, "cannot wait for process %d", (int)pid);
	return 0;
}

static void drain(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(out, chunk, min_u64((uint64_t)n, out->max - out->len));
}

int child_run(const char *const *argv, struct buf *out, struct err *err)
{
	struct child_fd fds[2];
	struct child_spec spec = {.argv = argv, .fds = fds, .nfds = 2};
	AUTO_FD int reader = -1;
	int pipe_fds[2], status;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot make a pipe");
	reader = pipe_fds[0];
	fds[0] = (struct child_fd){pipe_fds[1], STDOUT_FILENO};
	fds[1] = (struct child_fd){pipe_fds[1], STDERR_FILENO};
	pid = child_start(&spec, err);
	close(pipe_fds[1]);
	if (pid < 0)
		return -1;
	drain(reader, out);
	if (child_wait(pid, &status, err) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool child_find(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t n = strcspn(path, ":");

		snprintf(ret, size, "%.*s/%s", (int)n, path, name);
		if (access(ret, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}
