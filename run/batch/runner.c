/* Running a job on one host: starts units as there is room, hears how they end, tries again what may be. */
#include "run/batch/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/work.h"
#include "run/batch/holder.h"
#include "run/batch/lease.h"
#include "run/batch/outcome.h"
#include "run/batch/runner_private.h"
#include "run/batch/signals.h"

enum {
	LOOK_EVERY_MS = 500,
	SAID_MAX = 64 << 10, /* the end of what a unit said: its last line is looked for */
};

struct runner {
	const struct runner_options *o;
	struct arena arena;
	struct job *job;
	struct runner_unit *units;
	struct runner_unit **active; /* those that run: `running` of them, room for at_once */
	unsigned running, at_once, threads;
	int lock_fd, states_fd;
	uint64_t memory; /* for all units together */
	double began;
	struct signals signals;
	bool stopping;
};

const char *runner_state_name(enum runner_state s)
{
	static const char *const names[] = {"waiting", "running", "done", "failed", "blocked", "given up"};

	return names[s];
}

static struct runner_view view(const struct runner *r)
{
	return (struct runner_view){.job = r->job,
				    .units = r->units,
				    .nunits = r->job->nunits,
				    .running = r->running,
				    .began = r->began,
				    .seconds = clock_seconds() - r->began};
}

static void set_state(struct runner *r, struct runner_unit *u, enum runner_state state, const char *text)
{
	struct runner_view v;

	u->state = state;
	snprintf(u->text, sizeof u->text, "%s", text);
	v = view(r);
	if (r->o->changed)
		r->o->changed(&v, u, r->o->opaque);
}

/* ---- the job ---- */

static enum runner_state state_of(const struct json *outcome)
{
	switch (outcome_state(outcome)) {
	case OUTCOME_DONE:
		return RUNNER_DONE;
	case OUTCOME_FAILED:
		return RUNNER_FAILED;
	case OUTCOME_BLOCKED:
		return RUNNER_BLOCKED;
	case OUTCOME_UNKNOWN:
		break;
	}
	return RUNNER_WAITING;
}

static int state_folder(const struct runner *r, const struct runner_unit *u)
{
	char name[JOB_PATH_MAX];

	return openat(r->states_fd, strchr(job_state_path(u->unit.index, name), '/') + 1,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* NULL: none that can be believed. */
static struct json *outcome_of(const struct runner *r, const struct runner_unit *u, int *ret_fd)
{
	struct json *ret = NULL;

	*ret_fd = state_folder(r, u);
	if (*ret_fd < 0 || outcome_read(*ret_fd, &u->unit, &ret, NULL) < 0)
		return NULL;
	return ret;
}

static bool is_to_be_retried(const struct runner *r, enum runner_state state)
{
	return (state == RUNNER_FAILED && r->o->retry_failed) || (state == RUNNER_BLOCKED && r->o->retry_blocked);
}

static int load_unit(struct runner *r, unsigned i, struct err *err)
{
	struct runner_unit *u = &r->units[i];
	AUTO(js_freep) struct json *outcome = NULL;
	AUTO_FD int fd = -1;

	*u = (struct runner_unit){.said_fd = -1, .progress.attempt = -1};
	if (job_unit(r->job, i, &r->arena, &u->unit, err) < 0)
		return -1;
	outcome = outcome_of(r, u, &fd);
	u->state = state_of(outcome);
	if (!is_to_be_retried(r, u->state)) {
		snprintf(u->text, sizeof u->text, "%s", js_get_str(outcome, "error", ""));
		return 0;
	}
	u->state = RUNNER_WAITING;
	return outcome_set_aside(fd, outcome, err) < 0 ? err_wrap(err, "%s", u->unit.name) : 0;
}

static int load(struct runner *r, struct err *err)
{
	r->at_once = r->o->at_once ? (unsigned)min_u64(r->o->at_once, r->job->nunits) : 1;
	r->threads = work_threads(0) / r->at_once;
	r->threads = r->threads ? r->threads : 1;
	r->units = calloc(r->job->nunits, sizeof *r->units);
	r->active = calloc(r->at_once, sizeof *r->active);
	if (!r->units || !r->active)
		return err_nomem(err);
	for (unsigned i = 0; i < r->job->nunits; i++)
		if (load_unit(r, i, err) < 0)
			return -1;
	return 0;
}

/* ---- one run a host ---- */

void runner_lock_name(char ret[RUNNER_LOCK_TEXT])
{
	struct holder self;

	holder_self(&self);
	for (char *c = self.host; *c; c++)
		if (*c == '/')
			*c = '_';
	snprintf(ret, RUNNER_LOCK_TEXT, "runner-%s", self.host);
}

static int other_run(const char *name, int states_fd, struct err *err)
{
	struct holder other;

	if (holder_read(states_fd, name, &other, NULL) < 0)
		other.pid = 0;
	return err_set(err, ERR_TEMPFAIL, "process %d on this host runs the job already", (int)other.pid);
}

static int lock(struct runner *r, struct err *err)
{
	char name[RUNNER_LOCK_TEXT];
	struct holder self, other;

	if (r->o->beside)
		return 0;
	runner_lock_name(name);
	r->lock_fd = openat(r->states_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (r->lock_fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open 'state/%s'", name);
	if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return other_run(name, r->states_fd, err);
		if (holder_read(r->states_fd, name, &other, NULL) == 0 && holder_runs(&other)) /* no locks there */
			return other_run(name, r->states_fd, err);
	}
	holder_self(&self);
	return holder_write(r->lock_fd, &self, err);
}

static int take_up(struct runner *r, struct err *err)
{
	if (r->o->resume && unlinkat(r->job->fd, RUNNER_CANCELLED, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_BLOCKED, "cannot remove '" RUNNER_CANCELLED "'");
	if (faccessat(r->job->fd, RUNNER_CANCELLED, F_OK, 0) == 0)
		return err_set(err, ERR_BLOCKED, "the job was cancelled: `rehost batch resume %s` takes it up again",
			       r->o->job);
	return 0;
}

static int open_states(struct runner *r, struct err *err)
{
	if (mkdirat(r->job->fd, "state", 0755) < 0 && errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot make 'state' in the job folder");
	r->states_fd = openat(r->job->fd, "state", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->states_fd < 0 ? err_sys(err, ERR_BLOCKED, "cannot open 'state' in the job folder") : 0;
}

/* ---- room ---- */

static uint64_t need(const struct runner_unit *u)
{
	return (uint64_t)u->unit.memory_mib * MIB;
}

static uint64_t reserved(const struct runner *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < r->running; i++)
		sum += need(r->active[i]);
	return sum;
}

/* What runs may not have taken yet what it will: it counts in full. */
static bool has_memory(const struct runner *r, const struct runner_unit *u)
{
	if (r->running)
		return reserved(r) + need(u) <= r->memory;
	return need(u) <= (r->o->memory ? r->o->memory : memory_available());
}

static bool source_has_room(const struct runner *r, const struct runner_unit *u)
{
	unsigned running = 0, at_once = 0;

	VEC_FOR (g, &r->job->source_groups)
		if (u->unit.source_group && !strcmp(g->name, u->unit.source_group))
			at_once = g->at_once;
	for (unsigned i = 0; at_once && i < r->running; i++) {
		const char *other = r->active[i]->unit.source_group;

		running += other && !strcmp(other, u->unit.source_group);
	}
	return !at_once || running < at_once;
}

/* ---- starting ---- */

static pid_t spawn(const struct runner *r, struct runner_unit *u, struct err *err)
{
	char index[16], threads[16];
	const char *const argv[] = {"rehost", "batch", "unit",	"--job", r->job->path, "--index",
				    index,    "-j",    threads, "-q",	 NULL};
	struct child_fd fds[2];
	const struct child_spec spec = {.program = "/proc/self/exe", .argv = argv, .fds = fds, .nfds = 2};

	snprintf(index, sizeof index, "%u", u->unit.index);
	snprintf(threads, sizeof threads, "%u", r->threads);
	u->said_fd = file_unnamed(err);
	if (u->said_fd < 0)
		return -1;
	fds[0] = (struct child_fd){u->said_fd, STDOUT_FILENO};
	fds[1] = (struct child_fd){u->said_fd, STDERR_FILENO};
	return child_start(&spec, err);
}

static void close_said(struct runner_unit *u)
{
	if (u->said_fd >= 0)
		close(u->said_fd);
	u->said_fd = -1;
}

/* Somebody else works on it, and ends it. */
static bool is_held(const struct runner *r, const struct runner_unit *u)
{
	AUTO_FD int fd = state_folder(r, u);
	struct holder h;

	return fd >= 0 && lease_is_held(fd, LEASE_BEST, &h);
}

/* No outcome: later, or not by this run. */
static void put_off(struct runner *r, struct runner_unit *u, const char *why)
{
	u->not_before = clock_seconds() + (r->o->pause ? r->o->pause : RUNNER_PAUSE_SECONDS);
	u->tries += !is_held(r, u);
	set_state(r, u, u->tries < RUNNER_TRIES + u->unit.retries ? RUNNER_WAITING : RUNNER_GIVEN_UP, why);
}

static void start(struct runner *r, struct runner_unit *u)
{
	struct err err = ERR_INIT;
	pid_t pid = spawn(r, u, &err);

	if (pid < 0) {
		close_said(u);
		put_off(r, u, err.text);
		return;
	}
	u->pid = pid;
	u->began = clock_seconds();
	u->progress = (struct unit_progress){.attempt = -1};
	r->active[r->running++] = u;
	set_state(r, u, RUNNER_RUNNING, "");
}

static void starve(struct runner *r, struct runner_unit *u)
{
	char text[RUNNER_TEXT];

	snprintf(text, sizeof text,
		 "it takes %u MiB of memory, %lu MiB are available: free some, or allow more than that with --memory",
		 u->unit.memory_mib, (unsigned long)((r->o->memory ? r->o->memory : memory_available()) / MIB));
	put_off(r, u, text);
}

/* In the job's order, which is by priority and size; a small one doesn't wait for the room that a large one needs. */
static void start_more(struct runner *r)
{
	for (unsigned i = 0; i < r->job->nunits && r->running < r->at_once && !r->stopping; i++) {
		struct runner_unit *u = &r->units[i];

		if (u->state != RUNNER_WAITING || u->not_before > clock_seconds() || !source_has_room(r, u))
			continue;
		if (has_memory(r, u))
			start(r, u);
		else if (!r->running)
			starve(r, u);
	}
}

/* ---- ending ---- */

/* The last line that the unit printed, without the program's name. */
static void last_words(const struct runner_unit *u, int status, char ret[RUNNER_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(SAID_MAX);
	const char *line;

	snprintf(ret, RUNNER_TEXT, "exit status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (file_slurp_tail(u->said_fd, "what a unit said", &text, NULL) < 0)
		return;
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (!text.len)
		return;
	line = strrchr(text.data, '\n');
	line = line ? line + 1 : text.data;
	if (!strncmp(line, "rehost: ", 8))
		line += 8;
	if (!strncmp(line, u->unit.name, strlen(u->unit.name)) && !strncmp(line + strlen(u->unit.name), ": ", 2))
		line += strlen(u->unit.name) + 2;
	snprintf(ret, RUNNER_TEXT, "%.*s", RUNNER_TEXT - 1, line);
}

static void forget_active(struct runner *r, const struct runner_unit *u)
{
	for (unsigned i = 0; i < r->running; i++)
		if (r->active[i] == u) {
			r->active[i] = r->active[--r->running];
			return;
		}
}

static void on_end(struct runner *r, struct runner_unit *u, int status)
{
	AUTO(js_freep) struct json *outcome = NULL;
	AUTO_FD int fd = -1;
	char words[RUNNER_TEXT];

	last_words(u, status, words);
	close_said(u);
	u->pid = 0;
	forget_active(r, u);
	outcome = outcome_of(r, u, &fd);
	if (outcome)
		set_state(r, u, state_of(outcome), js_get_str(outcome, "error", ""));
	else if (r->stopping)
		set_state(r, u, RUNNER_WAITING, "ended, can be resumed");
	else
		put_off(r, u, words);
}

static void reap(struct runner *r)
{
	int status;

	for (unsigned i = r->running; i--;) /* from the end: the last one takes the place of one that goes */
		if (waitpid(r->active[i]->pid, &status, WNOHANG) == r->active[i]->pid)
			on_end(r, r->active[i], status);
}

static void stop(struct runner *r)
{
	r->stopping = true;
	for (unsigned i = 0; i < r->running; i++)
		kill(r->active[i]->pid, SIGTERM);
}

/* ---- looking on ---- */

static void look(struct runner *r)
{
	const struct runner_view v = view(r);

	if (!r->o->tick)
		return;
	for (unsigned i = 0; i < r->running; i++) {
		struct runner_unit *u = r->active[i];
		AUTO_FD int fd = state_folder(r, u);

		if (fd >= 0)
			unit_progress(fd, &u->progress);
	}
	r->o->tick(&v, r->o->opaque);
}

static bool is_waiting(const struct runner *r)
{
	for (unsigned i = 0; i < r->job->nunits; i++)
		if (r->units[i].state == RUNNER_WAITING)
			return true;
	return false;
}

/* Who looks on is told once even when nothing is left to do: the job's pages may be those of a run that was killed. */
static void work(struct runner *r)
{
	do {
		reap(r);
		if (faccessat(r->job->fd, RUNNER_CANCELLED, F_OK, 0) == 0 || r->signals.stopped)
			if (!r->stopping)
				stop(r);
		start_more(r);
		look(r);
		if (r->running || is_waiting(r))
			signals_wait(&r->signals, LOOK_EVERY_MS);
	} while (r->running || (is_waiting(r) && !r->stopping));
}

/* ---- all ---- */

static int verdict(const struct runner *r, struct err *err)
{
	unsigned n[RUNNER_GIVEN_UP + 1] = {0};

	for (unsigned i = 0; i < r->job->nunits; i++)
		n[r->units[i].state]++;
	if (r->signals.stopped)
		return signals_error(&r->signals, r->job->name, err);
	if (n[RUNNER_DONE] == r->job->nunits)
		return 0;
	return err_set(err, ERR_INCOMPLETE, "%s: %u of %u machines are done, %u failed, %u blocked, %u waiting",
		       r->job->name, n[RUNNER_DONE], r->job->nunits, n[RUNNER_FAILED], n[RUNNER_BLOCKED],
		       n[RUNNER_WAITING] + n[RUNNER_GIVEN_UP]);
}

static int run(struct runner *r, struct err *err)
{
	if (job_open(r->o->job, &r->job, err) < 0 || open_states(r, err) < 0 || lock(r, err) < 0 ||
	    take_up(r, err) < 0 || load(r, err) < 0 || signals_open(&r->signals, err) < 0)
		return -1;
	r->memory = r->o->memory ? r->o->memory : memory_available();
	r->began = clock_seconds();
	work(r);
	return verdict(r, err);
}

int runner_run(const struct runner_options *options, struct err *err)
{
	struct runner r = {.o = options, .lock_fd = -1, .states_fd = -1, .signals = {.fd = -1}};
	int ret = run(&r, err);

	signals_close(&r.signals);
	if (r.lock_fd >= 0)
		close(r.lock_fd);
	if (r.states_fd >= 0)
		close(r.states_fd);
	free(r.active);
	free(r.units);
	job_close(r.job);
	arena_done(&r.arena);
	return ret;
}
