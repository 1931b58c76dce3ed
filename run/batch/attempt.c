/* One attempt at a unit: runs programs, keeps what they say. */
#include "run/batch/attempt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "run/conversion.h"

enum {
	LOOK_EVERY_MS = 1000, /* SIGCHLD wakes us; this only guards against one that was lost */
	GRACE_SECONDS = 20,   /* a conversion ends at once when it is told; what doesn't, hangs */
};

double attempt_seconds(const struct attempt *a)
{
	return clock_seconds() - a->since;
}

void attempt_iso(time_t t, char ret[ATTEMPT_ISO_TEXT])
{
	struct tm utc;

	gmtime_r(&t, &utc);
	strftime(ret, ATTEMPT_ISO_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static FILE *open_text(int dirfd, const char *name)
{
	AUTO_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *ret = fd < 0 ? NULL : fdopen(fd, "a");

	if (!ret)
		return NULL;
	take_fd(&fd);
	setvbuf(ret, NULL, _IOLBF, 0); /* who looks sees whole lines, and at once */
	fseeko(ret, 0, SEEK_END);      /* what an earlier run wrote counts, too */
	return ret;
}

int attempt_open(struct attempt *a, int dirfd, struct signals *signals, const struct run_events *events,
		 struct err *err)
{
	*a = (struct attempt){
	    .fd = dirfd, .signals = signals, .events = *events, .began = time(NULL), .since = clock_seconds()};
	a->said = open_text(dirfd, ATTEMPT_EVENTS);
	a->log = open_text(dirfd, ATTEMPT_LOG);
	if (!a->said || !a->log)
		return err_sys(err, ERR_BLOCKED, "cannot write the attempt's log");
	return 0;
}

void attempt_close(struct attempt *a)
{
	if (a->said)
		fclose(a->said);
	if (a->log)
		fclose(a->log);
	a->said = a->log = NULL;
}

struct json *attempt_read(int attempt_fd, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ATTEMPT_FILE_MAX);
	AUTO_FD int fd = openat(attempt_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || file_slurp_fd(fd, name, &text, NULL) < 0)
		return NULL;
	return js_parse(buf_str(&text), text.len, NULL);
}

/* ---- what it says ---- */

/* A line, as long as there is room; the last one says that there is no more. */
static void put_line(FILE *to, off_t max, const char *line, const char *last)
{
	if (ftello(to) >= max)
		return;
	fprintf(to, "%s\n", line);
	if (ftello(to) >= max)
		fprintf(to, "%s\n", last);
}

/* Where an attempt is and why it failed has room of its own behind what may be said without end. */
static void put_event(struct attempt *a, const char *kind, const char *line)
{
	bool milestone = !strcmp(kind, "phase") || !strcmp(kind, "error");

	put_line(a->said, milestone ? 2 * (off_t)ATTEMPT_TEXT_MAX : ATTEMPT_TEXT_MAX, line,
		 "{\"event\":\"warning\",\"text\":\"too many events: no more are kept\"}");
}

static void put_log(struct attempt *a, const char *line)
{
	put_line(a->log, ATTEMPT_TEXT_MAX, line, "too long: no more is kept");
}

void attempt_phase(struct attempt *a, const char *text)
{
	AUTO(js_freep) struct json *event = js_object();
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);

	js_set_str(event, "event", "phase");
	js_set_real(event, "seconds", attempt_seconds(a));
	js_set_str(event, "text", text);
	if (js_print(event, false, &line) == 0)
		put_event(a, "phase", buf_str(&line));
	if (a->events.phase)
		a->events.phase(text, a->events.opaque);
}

static void pass_on(const struct attempt *a, const char *kind, const char *text, const struct json *event)
{
	uint64_t total = js_get_u64(event, "total", 0);

	if (!strcmp(kind, "warning"))
		log_warn("%s", text);
	if (!strcmp(kind, "phase") && a->events.phase)
		a->events.phase(text, a->events.opaque);
	if (total && a->events.bytes)
		a->events.bytes(js_get_u64(event, "done", 0), total, a->events.opaque);
}

static void on_event(const struct json *event, const char *line, void *opaque)
{
	AUTO(buf_done) struct buf told = BUF_INIT(MIB);
	struct attempt *a = opaque;
	const char *kind = js_get_str(event, "event", ""), *text = js_get_str(event, "text", "");

	if (strcmp(kind, "progress") != 0 &&
	    buf_addf(&told, "%9.1f %s: %s", js_get_real(event, "seconds", 0), kind, text) == 0)
		put_log(a, buf_str(&told));
	if (!strcmp(kind, "log"))
		return;
	put_event(a, kind, line);
	if (!strcmp(kind, "error"))
		snprintf(a->last_error, sizeof a->last_error, "%s", text);
	pass_on(a, kind, text, event);
}

static void on_text(const char *line, void *opaque)
{
	struct attempt *a = opaque;

	put_log(a, line);
}

struct ear {
	struct conversion_ear ear;
	int fd;
};

static void *hear(void *opaque)
{
	const struct ear *e = opaque;

	conversion_hear(e->fd, &e->ear);
	return NULL;
}

/* ---- running ---- */

static int status_of(int wait_status)
{
	return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/* Waits for the end; passes on being asked to end. */
static int wait_for(struct attempt *a, pid_t pid)
{
	int status, told = 0;
	double deadline = 0;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (a->signals->stopped && !told) {
			kill(pid, SIGTERM);
			deadline = clock_seconds() + GRACE_SECONDS;
			told = 1;
		}
		if (told && clock_seconds() > deadline)
			kill(pid, SIGKILL);
		signals_wait(a->signals, LOOK_EVERY_MS);
	}
	signals_look(a->signals);
	return status_of(status);
}

static int run(struct attempt *a, const char *const *argv, const struct child_fd *out, int *ret_status, struct err *err)
{
	struct ear e = {.ear = {.event = on_event, .text = on_text, .opaque = a}};
	pthread_t thread;
	pid_t pid = conversion_start(argv, out, 1, &e.fd, err);

	if (pid < 0)
		return -1;
	if (pthread_create(&thread, NULL, hear, &e) != 0) {
		close(e.fd);
		kill(pid, SIGKILL);
		wait_for(a, pid);
		return err_set(err, ERR_TEMPFAIL, "cannot start a thread to listen to the conversion");
	}
	*ret_status = wait_for(a, pid);
	pthread_join(thread, NULL);
	return 0;
}

int attempt_run(struct attempt *a, const char *const *argv, const char *output, int *ret_status, struct err *err)
{
	AUTO_FD int fd = openat(a->fd, output, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	const struct child_fd out = {fd, STDOUT_FILENO};
	struct stat st;

	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", output);
	a->last_error[0] = '\0';
	if (run(a, argv, &out, ret_status, err) < 0)
		return -1;
	if (!a->last_error[0] && *ret_status > 128)
		snprintf(a->last_error, sizeof a->last_error, "killed by signal %d", *ret_status - 128);
	if (fstat(fd, &st) == 0 && !st.st_size)
		unlinkat(a->fd, output, 0);
	return 0;
}
