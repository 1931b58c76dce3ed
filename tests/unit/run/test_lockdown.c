/* Tests of run/lockdown.c, in children of their own: a process can't get its rights back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/lockdown.h"

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

/* 0 or errno of opening dir/name with flags. */
static int try_open(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

struct expectation {
	const char *what;
	int got, want;
};

/* In the child; returns how many expectations were missed. */
static int look_around(const char *path)
{
	int source = openat(AT_FDCWD, path, O_PATH | O_DIRECTORY), partial = openat(source, "partial", O_PATH);
	int before = openat(source, "../..", O_PATH), missed = 0;
	struct lockdown_folder folders[] = {{.fd = openat(source, "source", O_PATH)},
					    {.fd = partial, .writable = 1},
					    {.fd = openat(source, "devices/mine", O_PATH), .writable = 1}};

	lockdown_files(folders, 3);
	const struct expectation all[] = {
	    {"read a source", try_open(folders[0].fd, "disk", O_RDONLY), 0},
	    {"write a source", try_open(folders[0].fd, "disk", O_WRONLY), EACCES},
	    {"create beside a source", try_open(folders[0].fd, "new", O_WRONLY | O_CREAT), EACCES},
	    {"create in the partial folder", try_open(partial, "new", O_RDWR | O_CREAT), 0},
	    {"truncate in the partial folder", try_open(partial, "new", O_RDWR | O_TRUNC), 0},
	    {"write a file that is allowed by itself", try_open(source, "devices/mine", O_RDWR), 0},
	    {"read one beside it", try_open(source, "devices/other", O_RDONLY), EACCES},
	    {"write one beside it", try_open(source, "devices/other", O_WRONLY), EACCES},
	    {"create one beside it", try_open(source, "devices/new", O_WRONLY | O_CREAT), EACCES},
	    {"leave by a path", try_open(AT_FDCWD, "/etc/passwd", O_RDONLY), EACCES},
	    {"leave by a descriptor", try_open(before, "etc/passwd", O_RDONLY), EACCES},
	    {"read the folder above", try_open(source, "secret", O_RDONLY), EACCES},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].got != all[i].want) {
			fprintf(stderr, "%s: %s, expected %s\n", all[i].what, strerror(all[i].got),
				strerror(all[i].want));
			missed++;
		}
	return missed;
}

static void test_only_the_given_folders(void **state)
{
	char path[] = "/tmp/rehost-test-XXXXXX", name[64];
	int status;

#ifdef __SANITIZE_ADDRESS__
	print_message("SKIP: the address sanitizer needs /proc\n");
	skip();
#endif
	if (!kernel_has_landlock()) {
		print_message("SKIP: this kernel has no Landlock\n");
		skip();
	}
	assert_non_null(mkdtemp(path));
	for (const char *const *dir = (const char *const[]){"source", "partial", "devices", NULL}; *dir; dir++) {
		snprintf(name, sizeof name, "%s/%s", path, *dir);
		assert_int_equal(mkdir(name, 0700), 0);
	}
	for (const char *const *file =
		 (const char *const[]){"source/disk", "secret", "devices/mine", "devices/other", NULL};
	     *file; file++) {
		snprintf(name, sizeof name, "%s/%s", path, *file);
		assert_int_equal(try_open(AT_FDCWD, name, O_WRONLY | O_CREAT), 0);
	}
	if (fork() == 0)
		_exit(look_around(path));
	assert_true(wait(&status) > 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, path, NULL), 0);
	assert_int_equal(status, 0);
}

/* 0 or errno of a call that must not work. */
static int outcome(long ret)
{
	return ret < 0 ? errno : 0;
}

static void *call_in_thread(void *opaque)
{
	*(int *)opaque = outcome(socket(AF_UNIX, SOCK_STREAM, 0));
	return NULL;
}

struct other_thread {
	pthread_barrier_t locked;
	int got;
};

static void *wait_then_call(void *opaque)
{
	struct other_thread *o = opaque;

	pthread_barrier_wait(&o->locked);
	o->got = outcome(socket(AF_UNIX, SOCK_STREAM, 0));
	return NULL;
}

/* In the child: what a parser that was taken over would try, and what work needs. */
static int make_calls(const char *path)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/nobody"};
	int fd = open(path, O_RDWR), pair[2], in_thread = -1, missed = 0;
	struct other_thread before = {.got = -1};
	pthread_t thread, early;
	char byte = 'x';

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 100;
	pthread_barrier_init(&before.locked, NULL, 2);
	pthread_create(&early, NULL, wait_then_call, &before);
	lockdown_calls();
	pthread_barrier_wait(&before.locked);
	pthread_join(early, NULL);
	if (pthread_create(&thread, NULL, call_in_thread, &in_thread) == 0)
		pthread_join(thread, NULL);
	const struct expectation all[] = {
	    {"socket", outcome(socket(AF_INET, SOCK_STREAM, 0)), EPERM},
	    {"socket in a new thread", in_thread, EPERM},
	    {"socket in a thread from before", before.got, EPERM},
	    {"connect", outcome(connect(pair[0], (struct sockaddr *)&address, sizeof address)), EPERM},
	    {"execve", outcome(execv(argv[0], (char **)(uintptr_t)argv)), EPERM},
	    {"ptrace", outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL)), EPERM},
	    {"fork", outcome(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)), EPERM},
	    {"kill", outcome(kill(getppid(), 0)), EPERM},
	    {"signals from a descriptor to another", outcome(fcntl(pair[0], F_SETOWN, getppid())), EPERM},
	    {"which signal", outcome(fcntl(pair[0], F_SETSIG, SIGKILL)), EPERM},
	    {"signals from a descriptor", outcome(fcntl(pair[0], F_SETFL, O_ASYNC)), EPERM},
	    {"lease", outcome(fcntl(fd, F_SETLEASE, F_RDLCK)), EPERM},
	    {"flags of a descriptor", outcome(fcntl(fd, F_GETFD)), 0},
	    {"close on exec", outcome(fcntl(fd, F_SETFD, FD_CLOEXEC)), 0},
	    {"flags of a file", outcome(fcntl(fd, F_GETFL)), 0},
	    {"another descriptor", outcome(fcntl(fd, F_DUPFD_CLOEXEC, 0)), 0},
	    {"signal of another", outcome(syscall(SYS_tgkill, getppid(), getppid(), 0)), EPERM},
	    {"memory of another", outcome(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)), EPERM},
	    {"code",
	     mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0,
	     EPERM},
	    {"mount", outcome(mount("none", "/", "tmpfs", 0, NULL)), EPERM},
	    {"type into the terminal", outcome(ioctl(STDIN_FILENO, TIOCSTI, &byte)), EPERM},
	    {"write", outcome(pwrite(fd, "y", 1, 0)), 0},
	    {"read", outcome(pread(fd, &byte, 1, 0)), 0},
	    {"send", outcome(send(pair[0], "z", 1, MSG_NOSIGNAL)), 0},
	    {"memory", malloc(64 << 20) ? 0 : errno, 0},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].got != all[i].want) {
			fprintf(stderr, "%s: %s, expected %s\n", all[i].what, strerror(all[i].got),
				strerror(all[i].want));
			missed++;
		}
	return missed + (byte != 'y');
}

static void test_only_harmless_calls(void **state)
{
	char path[] = "/tmp/rehost-test-XXXXXX";
	int status, fd = mkstemp(path);

	if (lockdown_sanitized()) {
		print_message("SKIP: nothing is locked down with a sanitizer\n");
		skip();
	}
	assert_true(fd >= 0);
	close(fd);
#if !defined(__x86_64__) && !defined(__aarch64__)
	print_message("SKIP: there is no filter for this machine\n");
	skip();
#endif
	if (fork() == 0)
		_exit(make_calls(path));
	assert_true(wait(&status) > 0);
	unlink(path);
	assert_int_equal(status, 0);
}

static int look_at_limits(void)
{
	struct rlimit core, files;

	lockdown_limits();
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	return core.rlim_max != 0 || files.rlim_cur != files.rlim_max;
}

static void test_limits(void **state)
{
	int status;

	if (fork() == 0)
		_exit(look_at_limits());
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_given_folders),
	    cmocka_unit_test(test_only_harmless_calls),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
