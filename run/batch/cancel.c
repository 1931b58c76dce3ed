/* Cancelling a job: nothing is begun any more, and what runs on this host is ended. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "run/batch/lease.h"
#include "run/batch/runner.h"
#include "run/batch/runner_private.h"

enum { LOOK_AGAIN_MS = 100 };

static int mark(const struct job *job, struct err *err)
{
	struct holder self;
	AUTO(buf_done) struct buf text = BUF_INIT(HOLDER_FILE_MAX);

	holder_self(&self);
	buf_addf(&text, "by process %d on %s\n", (int)self.pid, self.host);
	return file_replace(job->fd, RUNNER_CANCELLED, buf_str(&text), text.len, 0644, err);
}

/* One process of the job: told, or only looked at. */
static void visit(const struct holder *h, bool tell, struct runner_cancelled *c)
{
	if (!holder_is_here(h)) {
		c->elsewhere++;
		return;
	}
	if (tell ? holder_signal(h, SIGTERM) : holder_runs(h)) {
		c->told++;
		c->running++;
	}
}

static struct runner_cancelled visit_all(const struct job *job, int states_fd, bool tell)
{
	struct runner_cancelled c = {0};
	char name[RUNNER_LOCK_TEXT], state[JOB_PATH_MAX];
	struct holder h;

	runner_lock_name(name);
	if (holder_read(states_fd, name, &h, NULL) == 0 && holder_runs(&h))
		visit(&h, tell, &c);
	for (unsigned i = 0; i < job->nunits; i++) {
		AUTO_FD int fd =
		    openat(job->fd, job_state_path(i, state), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && lease_is_held(fd, LEASE_BEST, &h))
			visit(&h, tell, &c);
	}
	return c;
}

int runner_cancel(const char *path, struct runner_cancelled *ret, struct err *err)
{
	AUTO(job_closep) struct job *job = NULL;
	AUTO_FD int states_fd = -1;
	const double end = clock_seconds() + CANCEL_SECONDS;

	*ret = (struct runner_cancelled){0};
	if (job_open(path, &job, err) < 0 || mark(job, err) < 0)
		return -1;
	states_fd = openat(job->fd, "state", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (states_fd < 0)
		return 0;
	*ret = visit_all(job, states_fd, true);
	while (ret->running && clock_seconds() < end) {
		nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
		ret->running = visit_all(job, states_fd, false).running;
	}
	return 0;
}
