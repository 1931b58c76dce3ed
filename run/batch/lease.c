/* The claim on a unit: flock, or where there is none the making of the next attempt's folder. */
#include "run/batch/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"

#define LOCK_FILE  "lease"
#define ALIVE_FILE "alive" /* in an attempt's folder: its holder; its time is that of the last heartbeat */
#define LEFT_FILE  "left"  /* what ALIVE_FILE becomes when the attempt has ended */

enum {
	LOCK_TRIES = 5, /* who only looks (lease_is_held) holds the lock for microseconds */
	LOCK_PAUSE_MS = 40,
	NOT_SUPPORTED = 1,
};

struct lease {
	int dirfd, lock_fd, attempt_fd, alive_fd;
	enum lease_kind kind;
	struct holder holder;
	pthread_t beater;
	bool beats, ended;
	pthread_mutex_t lock;
	pthread_cond_t end;
};

/* ---- attempts ---- */

void lease_attempt_name(unsigned attempt, char ret[LEASE_ATTEMPT_TEXT])
{
	snprintf(ret, LEASE_ATTEMPT_TEXT, "attempt-%u", attempt);
}

/* -1: the name is no attempt's. */
static int attempt_of(const char *name)
{
	static const char prefix[] = "attempt-";
	const char *digits = name + sizeof prefix - 1;
	char *end;
	unsigned long n;

	if (strncmp(name, prefix, sizeof prefix - 1) != 0 || digits[0] < '0' || digits[0] > '9')
		return -1;
	n = strtoul(digits, &end, 10);
	return *end || n >= LEASE_ATTEMPTS_MAX ? -1 : (int)n;
}

int lease_last_attempt(int dirfd, int *ret, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	*ret = -1;
	if (!dir)
		return err_sys(err, ERR_TEMPFAIL, "cannot list the unit's state");
	while ((e = readdir(dir)))
		if (attempt_of(e->d_name) > *ret)
			*ret = attempt_of(e->d_name);
	closedir(dir);
	return 0;
}

static int next_attempt(int dirfd, unsigned *ret, struct err *err)
{
	int last;

	if (lease_last_attempt(dirfd, &last, err) < 0)
		return -1;
	if (last + 1 >= LEASE_ATTEMPTS_MAX)
		return err_set(err, ERR_BLOCKED, "attempt %d was the last: %d are allowed", last, LEASE_ATTEMPTS_MAX);
	*ret = (unsigned)(last + 1);
	return 0;
}

static int make_attempt(struct lease *l, struct err *err)
{
	char name[LEASE_ATTEMPT_TEXT];

	lease_attempt_name(l->holder.attempt, name);
	if (mkdirat(l->dirfd, name, 0755) < 0 && errno == EEXIST)
		return err_set(err, ERR_TEMPFAIL, "%s was begun by somebody else", name);
	l->attempt_fd = openat(l->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return l->attempt_fd < 0 ? err_sys(err, ERR_BLOCKED, "cannot make '%s'", name) : 0;
}

static int busy(const struct holder *h, struct err *err)
{
	if (!h->pid)
		return err_set(err, ERR_TEMPFAIL, "another process works on it");
	return err_set(err, ERR_TEMPFAIL, "process %d on '%s' works on it, attempt %u", (int)h->pid, h->host,
		       h->attempt);
}

/* ---- flock ---- */

static bool lacks_flock(void)
{
	return errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS;
}

/* 0 locked, NOT_SUPPORTED, or -1. */
static int lock(int dirfd, int fd, struct err *err)
{
	struct holder other = {0};

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (lacks_flock())
			return NOT_SUPPORTED;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, ERR_TEMPFAIL, "cannot lock '" LOCK_FILE "'");
		nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_MS * 1000000L}, NULL);
	}
	if (holder_read(dirfd, LOCK_FILE, &other, NULL) < 0)
		other.pid = 0;
	return busy(&other, err);
}

/* 0, NOT_SUPPORTED, or -1. */
static int take_flock(struct lease *l, struct err *err)
{
	int ret;

	l->lock_fd = openat(l->dirfd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (l->lock_fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '" LOCK_FILE "'");
	ret = lock(l->dirfd, l->lock_fd, err);
	if (ret)
		return ret;
	l->kind = LEASE_FLOCK;
	if (next_attempt(l->dirfd, &l->holder.attempt, err) < 0 || make_attempt(l, err) < 0)
		return -1;
	return holder_write(l->lock_fd, &l->holder, err) < 0 ? err_wrap(err, "'" LOCK_FILE "'") : 0;
}

/* ---- heartbeat ---- */

static int64_t modified(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : (int64_t)st.st_mtim.tv_sec;
}

/* The time as the file system's server has it, so that hosts with different clocks agree. */
static int64_t server_now(int dirfd)
{
	struct stat st;
	char name[64];
	AUTO_FD int fd = -1;

	snprintf(name, sizeof name, ".clock-%d-%u", (int)getpid(), (unsigned)random());
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return time(NULL);
	unlinkat(dirfd, name, 0);
	return fstat(fd, &st) < 0 ? time(NULL) : (int64_t)st.st_mtim.tv_sec;
}

/* Whether the last attempt may still be at work. */
static bool beats(int dirfd, struct holder *ret)
{
	char name[LEASE_ATTEMPT_TEXT];
	AUTO_FD int fd = -1;
	int64_t beat;
	int last;

	*ret = (struct holder){0};
	if (lease_last_attempt(dirfd, &last, NULL) < 0 || last < 0)
		return false;
	lease_attempt_name((unsigned)last, name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, LEFT_FILE, F_OK, 0) == 0)
		return false;
	if (holder_read(fd, ALIVE_FILE, ret, NULL) == 0 && holder_is_here(ret))
		return holder_runs(ret);
	beat = modified(fd, ALIVE_FILE);
	if (beat < 0)
		beat = modified(dirfd, name); /* just made: its holder is about to write */
	return server_now(dirfd) - beat < LEASE_STALE_SECONDS;
}

static void *beat(void *opaque)
{
	struct lease *l = opaque;
	struct timespec until;

	pthread_mutex_lock(&l->lock);
	while (!l->ended) {
		futimens(l->alive_fd, NULL);
		until = clock_at(clock_ms() + LEASE_BEAT_SECONDS * UINT64_C(1000));
		pthread_cond_clockwait(&l->end, &l->lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static int start_beating(struct lease *l, struct err *err)
{
	l->alive_fd = openat(l->attempt_fd, ALIVE_FILE, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (l->alive_fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot make '" ALIVE_FILE "'");
	if (holder_write(l->alive_fd, &l->holder, err) < 0)
		return err_wrap(err, "'" ALIVE_FILE "'");
	l->beats = pthread_create(&l->beater, NULL, beat, l) == 0;
	return l->beats ? 0 : err_set(err, ERR_TEMPFAIL, "cannot start a thread for the heartbeat");
}

static int take_heartbeat(struct lease *l, struct err *err)
{
	struct holder other;

	l->kind = LEASE_HEARTBEAT;
	if (beats(l->dirfd, &other))
		return busy(&other, err);
	if (next_attempt(l->dirfd, &l->holder.attempt, err) < 0 || make_attempt(l, err) < 0)
		return -1;
	return start_beating(l, err);
}

static void stop_beating(struct lease *l)
{
	if (!l->beats)
		return;
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	pthread_cond_signal(&l->end);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->beater, NULL);
	renameat(l->attempt_fd, ALIVE_FILE, l->attempt_fd, LEFT_FILE);
}

/* ---- both ---- */

int lease_take(int dirfd, enum lease_kind kind, struct lease **ret, struct err *err)
{
	AUTO(lease_dropp) struct lease *l = calloc(1, sizeof *l);
	int got = NOT_SUPPORTED;

	if (!l)
		return err_nomem(err);
	*l = (struct lease){.dirfd = dirfd, .lock_fd = -1, .attempt_fd = -1, .alive_fd = -1};
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->end, NULL);
	holder_self(&l->holder);
	holder_engine(l->holder.engine);
	if (kind != LEASE_HEARTBEAT)
		got = take_flock(l, err);
	if (got == NOT_SUPPORTED && kind == LEASE_FLOCK)
		return err_set(err, ERR_UNSUPPORTED, "the file system has no flock");
	if (got == NOT_SUPPORTED)
		got = take_heartbeat(l, err);
	if (got < 0)
		return -1;
	*ret = take_ptr(&l);
	return 0;
}

void lease_drop(struct lease *l)
{
	if (!l)
		return;
	stop_beating(l);
	for (size_t i = 0; i < 3; i++) {
		int fd = (const int[]){l->alive_fd, l->attempt_fd, l->lock_fd}[i];

		if (fd >= 0)
			close(fd);
	}
	pthread_cond_destroy(&l->end);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int lease_check(const struct lease *l, struct err *err)
{
	int last;

	if (lease_last_attempt(l->dirfd, &last, err) < 0)
		return -1;
	if (last == (int)l->holder.attempt)
		return 0;
	return err_set(err, ERR_TEMPFAIL, "this is attempt %u, and attempt %d has begun: it is for that one to publish",
		       l->holder.attempt, last);
}

bool lease_is_held(int dirfd, enum lease_kind kind, struct holder *ret)
{
	AUTO_FD int fd = openat(dirfd, LOCK_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*ret = (struct holder){0};
	if (kind == LEASE_HEARTBEAT)
		return beats(dirfd, ret);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		return false;
	if (kind == LEASE_BEST && lacks_flock())
		return beats(dirfd, ret);
	if (holder_read(dirfd, LOCK_FILE, ret, NULL) < 0)
		ret->pid = 0;
	return true;
}

bool lease_was_left(int dirfd, unsigned attempt)
{
	char name[LEASE_ATTEMPT_TEXT], left[LEASE_ATTEMPT_TEXT + sizeof "/" LEFT_FILE];

	lease_attempt_name(attempt, name);
	snprintf(left, sizeof left, "%s/" LEFT_FILE, name);
	return faccessat(dirfd, left, F_OK, 0) == 0;
}

const struct holder *lease_holder(const struct lease *l)
{
	return &l->holder;
}

unsigned lease_attempt(const struct lease *l)
{
	return l->holder.attempt;
}

int lease_attempt_fd(const struct lease *l)
{
	return l->attempt_fd;
}

enum lease_kind lease_kind(const struct lease *l)
{
	return l->kind;
}
