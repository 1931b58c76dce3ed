/* The system calls that a process needs which parses images, and none else: a seccomp filter. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "run/lockdown.h"

#define CALL(name) SCMP_SYS(name)

/* Whatever their arguments: on descriptors that are open, on files (Landlock says which), on ourselves. No call that
 * makes a socket or another process, runs a program, looks into one, mounts, or loads anything into the kernel. */
static const int allowed[] = {
    /* files */
    CALL(openat), CALL(openat2), CALL(close), CALL(close_range), CALL(read), CALL(readv), CALL(pread64), CALL(preadv),
    CALL(preadv2), CALL(write), CALL(writev), CALL(pwrite64), CALL(pwritev), CALL(pwritev2), CALL(lseek), CALL(fstat),
    CALL(newfstatat), CALL(statx), CALL(fstatfs), CALL(fadvise64), CALL(readahead), CALL(getdents64), CALL(flock),
    CALL(dup), CALL(dup2), CALL(dup3), CALL(faccessat), CALL(faccessat2), CALL(access), CALL(readlink), CALL(getcwd),
    CALL(readlinkat), CALL(stat), CALL(lstat), CALL(fallocate), CALL(ftruncate), CALL(fsync), CALL(fdatasync),
    CALL(sync_file_range), CALL(copy_file_range), CALL(unlink), CALL(unlinkat), CALL(renameat), CALL(renameat2),
    CALL(fchmod), CALL(memfd_create), CALL(umask),
    /* memory, threads, signals, time */
    CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(mincore), CALL(membarrier), CALL(futex),
    CALL(set_robust_list), CALL(rseq), CALL(set_tid_address), CALL(exit), CALL(exit_group), CALL(gettid), CALL(getpid),
    CALL(sched_yield), CALL(sched_getaffinity), CALL(getcpu), CALL(rt_sigaction), CALL(rt_sigprocmask),
    CALL(rt_sigreturn), CALL(rt_sigtimedwait), CALL(sigaltstack), CALL(restart_syscall), CALL(clock_gettime),
    CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
    /* sockets and pipes that are there */
    CALL(accept), CALL(accept4), CALL(recvfrom), CALL(recvmsg), CALL(sendto), CALL(sendmsg), CALL(shutdown),
    CALL(getsockopt), CALL(setsockopt), CALL(getsockname), CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6),
    CALL(eventfd2), CALL(pipe2),
    /* facts */
    CALL(getrandom), CALL(uname), CALL(sysinfo), CALL(getrlimit), CALL(getrusage), CALL(getuid), CALL(geteuid),
    CALL(getgid), CALL(getegid)};

/* Sizes of devices, shared extents, discards, and whether standard output is a terminal. */
static const unsigned long requests[] = {BLKGETSIZE64, BLKSSZGET,    BLKPBSZGET, BLKDISCARD, BLKZEROOUT,
					 FICLONE,      FICLONERANGE, FIONREAD,	 TCGETS,     TIOCGWINSZ};

/* Of fcntl(): none that sends signals to whom it likes (F_SETOWN and F_SETSIG, F_SETFL with O_ASYNC, leases, F_NOTIFY).
 * Files are locked by flock(), and nothing changes the flags of an open one. */
static const int commands[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};

static int allow(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
			return -1;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, requests[i])) < 0)
			return -1;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(fcntl), 1,
				     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i])) < 0)
			return -1;
	return 0;
}

/* Where the arguments decide: no memory that can be executed, no limit of another process, no signal to one, and of
 * new tasks only threads. clone3() hides its arguments from filters; without it the C library takes clone(). */
static int allow_some(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, 0);
	const struct scmp_arg_cmp us = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);

	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1, data) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1, data) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prlimit64), 1, own) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1, us) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1, thread) < 0)
		return -1;
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
}

/* What isn't allowed fails with EPERM, so that what we forgot is an error that says so, and no death. */
static int load(scmp_filter_ctx filter)
{
	int ret;

	if (allow(filter) < 0 || allow_some(filter) < 0)
		return -EINVAL;
	ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	return ret < 0 ? ret : seccomp_load(filter);
}

/* Elsewhere the same calls have other names (mmap2, fcntl64, futex_time64 …) or another order of arguments. */
static bool known_machine(void)
{
	uint32_t arch = seccomp_arch_native();

	return arch == SCMP_ARCH_X86_64 || arch == SCMP_ARCH_AARCH64;
}

void lockdown_calls(void)
{
	scmp_filter_ctx filter;
	int ret;

	if (lockdown_sanitized())
		return;
	if (!known_machine()) {
		log_debug("no seccomp filter for this machine: this process may make any system call");
		return;
	}
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	ret = filter ? load(filter) : -ENOMEM;
	if (filter)
		seccomp_release(filter);
	if (ret < 0)
		log_debug("no seccomp filter (%s): this process may make any system call", strerror(-ret));
}
