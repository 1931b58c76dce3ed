/* Child processes: an argv without a shell, descriptors handed over by number, dead when we are. */
#ifndef REHOST_CORE_BASE_CHILD_H
#define REHOST_CORE_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* A descriptor of ours (from) and its number in the child (to ≥ 3 unless it is a standard stream). */
struct child_fd {
	int from, to;
};

struct child_spec {
	const char *program; /* what to run; NULL: argv[0]. Looked up in PATH unless it has a slash */
	const char *const *argv;
	const char *const *env;	    /* "NAME=value" entries added to ours, NULL-terminated; may be NULL */
	const struct child_fd *fds; /* all others are closed in the child; stdin is /dev/null unless named */
	size_t nfds;
};

/* Starts; returns the pid or -1. The child gets SIGKILL when the thread that started it dies (PR_SET_PDEATHSIG), so
 * start long-lived children from the main thread. A program that can't be executed is an error here (ERR_HOST). */
pid_t child_start(const struct child_spec *spec, struct err *err);

/* Waits; ret_status as of waitpid(2). */
int child_wait(pid_t pid, int *ret_status, struct err *err);

/* Runs to the end with stdout and stderr together in out (bounded by its max; more is dropped).
 * Returns the exit status (128+signal when killed), or -1 when it could not be run. */
int child_run(const char *const *argv, struct buf *out, struct err *err);

/* The first program of that name in PATH that we may run, in ret of size bytes; false when there is none. */
bool child_find(const char *name, char *ret, size_t size);

#endif
