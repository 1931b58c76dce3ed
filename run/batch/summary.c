/* A job as a whole: counts, sums, and each machine's state. */
#include "run/batch/summary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "run/batch/attempt.h"
#include "run/batch/lease.h"
#include "run/batch/outcome.h"
#include "run/batch/progress.h"
#include "run/batch/runner_private.h"
#include "run/report/report.h"

enum {
	PATH_TEXT = 256,
	/* Of a machine: ten times what a large server has. A guest that makes thousands has them in its own report, and
	 * leaves the others their place in the job's. */
	FINDINGS_MAX = 100,
	LEFTOVER_SECONDS = 600, /* nobody writes a page for so long */
};

struct totals {
	unsigned done, failed, blocked, running, waiting;
	uint64_t read, written;
	time_t began, ended; /* of the first and last outcome; 0 none */
};

/* ---- a machine ---- */

/* Of an outcome, or of what the unit is to be. */
static void describe(struct json *m, const struct unit *u)
{
	js_set_str(m, "group", u->group);
	js_set_str(m, "source", u->sources.n ? u->sources.v[0] : NULL);
	js_set_u64(m, "bytes", u->bytes);
}

/* An attempt that ended without an outcome says why. */
static void last_error(struct json *m, int state_fd, int attempt)
{
	char name[LEASE_ATTEMPT_TEXT];
	AUTO(js_freep) struct json *end = NULL;
	AUTO_FD int fd = -1;

	lease_attempt_name((unsigned)attempt, name);
	fd = openat(state_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	end = fd < 0 ? NULL : attempt_read(fd, ATTEMPT_END);
	if (end)
		js_set_str(m, "error", js_get_str(end, "error", NULL));
}

static struct json *unfinished(const struct unit *u, int state_fd)
{
	struct json *m = js_object();
	struct unit_progress p = {.attempt = -1};
	struct holder h = {0};
	bool held = state_fd >= 0 && lease_is_held(state_fd, LEASE_BEST, &h);

	if (state_fd >= 0)
		unit_progress(state_fd, &p);
	js_set_u64(m, "index", u->index);
	js_set_str(m, "name", u->name);
	js_set_str(m, "state", held ? "running" : "waiting");
	if (p.attempt >= 0)
		js_set_u64(m, "attempt", (uint64_t)p.attempt);
	if (held) {
		js_set_str(m, "phase", p.phase);
		js_set_u64(m, "percent", unit_percent(&p));
		js_set_str(m, "host", h.host);
	} else if (p.attempt >= 0) {
		last_error(m, state_fd, p.attempt);
	}
	return m;
}

static struct json *machine_of(const struct unit *u, int state_fd)
{
	struct err err = ERR_INIT;
	struct json *m = NULL;

	if (state_fd >= 0 && outcome_read(state_fd, u, &m, &err) < 0) {
		m = unfinished(u, state_fd);
		js_set_str(m, "error", err.text);
	}
	if (!m)
		m = unfinished(u, state_fd);
	describe(m, u);
	return m;
}

/* ---- findings ---- */

/* Of the report in a folder of the job; *ret_path names it from there. */
static struct json *read_report(const struct job *job, const struct json *m, char path[PATH_TEXT])
{
	char state[JOB_PATH_MAX], attempt[LEASE_ATTEMPT_TEXT];
	AUTO_FD int fd = -1;

	lease_attempt_name((unsigned)js_get_u64(m, "attempt", 0), attempt);
	if (outcome_state(m) == OUTCOME_DONE)
		snprintf(path, PATH_TEXT, "out/%s", js_get_str(m, "name", ""));
	else
		snprintf(path, PATH_TEXT, "%s/%s", job_state_path((unsigned)js_get_u64(m, "index", 0), state), attempt);
	fd = file_open_dir_beneath(job->fd, path, NULL);
	strncat(path, "/" ATTEMPT_REPORT, PATH_TEXT - strlen(path) - 1);
	return fd < 0 ? NULL : attempt_read(fd, ATTEMPT_REPORT);
}

static void copy_findings(const struct json *from, struct json *m)
{
	struct json *to = js_set(m, "findings", js_array());
	size_t n = js_count(from);

	for (size_t i = 0; i < n && i < FINDINGS_MAX; i++)
		js_add(to, js_copy(js_at(from, i)));
	if (n > FINDINGS_MAX)
		js_set_u64(m, "findings_left_out", n - FINDINGS_MAX);
}

static void add_findings(const struct job *job, struct json *m)
{
	char path[PATH_TEXT];
	AUTO(js_freep) struct json *report = read_report(job, m, path);

	copy_findings(js_get(js_get(report, "inspection"), "findings"), m);
	js_set_str(m, "report", report ? path : NULL);
}

/* ---- the whole ---- */

static time_t time_of(const struct json *m, const char *key)
{
	struct tm tm = {0};

	return strptime(js_get_str(m, key, ""), "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

static void add_up(struct totals *t, const struct json *m)
{
	const char *state = js_get_str(m, "state", "");
	time_t began = time_of(m, "began"), ended = time_of(m, "ended");

	t->done += !strcmp(state, "done");
	t->failed += !strcmp(state, "failed");
	t->blocked += !strcmp(state, "blocked");
	t->running += !strcmp(state, "running");
	t->waiting += !strcmp(state, "waiting");
	t->read += js_get_u64(js_get(m, "copy"), "read", 0);
	t->written += js_get_u64(js_get(m, "copy"), "written", 0);
	if (began && (!t->began || began < t->began))
		t->began = began;
	if (ended > t->ended)
		t->ended = ended;
}

static void set_totals(struct json *summary, const struct totals *t)
{
	struct json *counts = js_held(summary, "counts");

	js_set_u64(counts, "done", t->done);
	js_set_u64(counts, "failed", t->failed);
	js_set_u64(counts, "blocked", t->blocked);
	js_set_u64(counts, "running", t->running);
	js_set_u64(counts, "waiting", t->waiting);
	js_set_u64(summary, "bytes_read", t->read);
	js_set_u64(summary, "bytes_written", t->written);
	js_set_u64(summary, "seconds", t->ended > t->began ? (uint64_t)(t->ended - t->began) : 0);
}

static int add_machine(const struct job *job, unsigned i, enum summary_depth depth, struct json *machines,
		       struct totals *t, struct err *err)
{
	struct arena arena = {0};
	char state[JOB_PATH_MAX];
	AUTO_FD int fd = openat(job->fd, job_state_path(i, state), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct json *m;
	struct unit u;
	int ret = job_unit(job, i, &arena, &u, err);

	if (ret == 0) {
		m = js_add(machines, machine_of(&u, fd));
		add_up(t, m);
		if (depth == SUMMARY_FINDINGS)
			add_findings(job, m);
	}
	arena_done(&arena);
	return ret;
}

int batch_summary(const struct job *job, enum summary_depth depth, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *s = js_object();
	struct totals t = {0};
	char written[ATTEMPT_ISO_TEXT];
	struct json *machines;

	attempt_iso(time(NULL), written);
	js_set_str(s, "schema", SUMMARY_SCHEMA);
	js_set(s, "job", job_json(job));
	js_set_str(s, "written", written);
	js_set_bool(s, "cancelled", faccessat(job->fd, RUNNER_CANCELLED, F_OK, 0) == 0);
	js_set(s, "counts", js_object());
	machines = js_array();
	for (unsigned i = 0; i < job->nunits; i++)
		if (add_machine(job, i, depth, machines, &t, err) < 0) {
			js_free(machines);
			return -1;
		}
	set_totals(s, &t);
	js_set(s, "machines", machines);
	*ret = take_ptr(&s);
	return 0;
}

int batch_summary_verdict(const struct json *s, struct err *err)
{
	const struct json *counts = js_get(s, "counts");
	unsigned done = (unsigned)js_get_u64(counts, "done", 0), all = (unsigned)js_count(js_get(s, "machines"));

	if (done == all)
		return 0;
	return err_set(err, ERR_INCOMPLETE,
		       "%s: %u of %u machines are done, %u failed, %u blocked, %u waiting or running",
		       js_get_str(js_get(s, "job"), "name", ""), done, all, (unsigned)js_get_u64(counts, "failed", 0),
		       (unsigned)js_get_u64(counts, "blocked", 0),
		       (unsigned)(js_get_u64(counts, "waiting", 0) + js_get_u64(counts, "running", 0)));
}

/* ---- reports ---- */

static int render(const struct json *report, int dirfd, const char *name,
		  int (*fn)(const struct json *report, int dirfd, struct buf *out, struct err *err), struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REPORT_MAX);

	if (fn(report, dirfd, &text, err) < 0)
		return err_wrap(err, "%s", name);
	return file_replace(dirfd, name, buf_str(&text), text.len, 0644, err);
}

static int as_json(const struct json *report, int dirfd, struct buf *out, struct err *err)
{
	return js_print(report, true, out) < 0 ? err_set(err, ERR_INTERNAL, "over %d bytes", REPORT_MAX) : 0;
}

static int as_junit(const struct json *report, int dirfd, struct buf *out, struct err *err)
{
	return report_junit_batch(report, out, err);
}

/* Results have a page of their own; a conversion that failed has only what it printed. */
static int render_failed(const struct job *job, const struct json *m, struct err *err)
{
	char path[PATH_TEXT];
	AUTO(js_freep) struct json *report = NULL;
	AUTO_FD int fd = -1;

	if (outcome_state(m) == OUTCOME_DONE || !js_get_str(m, "report", NULL))
		return 0;
	report = read_report(job, m, path);
	*strrchr(path, '/') = '\0';
	fd = file_open_dir_beneath(job->fd, path, err);
	return !report || fd < 0 ? -1 : render(report, fd, "report.html", report_html_machine, err);
}

/* What a process left that was killed while it wrote a page, on whatever host: old by the file system's clock. */
static void remove_leftovers(const struct job *job)
{
	int fd = openat(job->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat page, st;

	if (!dir)
		return;
	if (fstatat(job->fd, "report.json", &page, AT_SYMLINK_NOFOLLOW) < 0)
		page.st_mtim.tv_sec = 0;
	while ((e = readdir(dir)))
		if (file_is_temporary(e->d_name) && fstatat(job->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    page.st_mtim.tv_sec - st.st_mtim.tv_sec > LEFTOVER_SECONDS)
			unlinkat(job->fd, e->d_name, 0);
	closedir(dir);
}

int batch_report(const struct job *job, struct err *err)
{
	AUTO(js_freep) struct json *s = NULL;
	struct err why = ERR_INIT;
	const struct json *machines;

	if (batch_summary(job, SUMMARY_FINDINGS, &s, err) < 0)
		return -1;
	machines = js_get(s, "machines");
	for (size_t i = 0; i < js_count(machines); i++)
		if (render_failed(job, js_at(machines, i), &why) < 0)
			log_warn("%s: no page: %s", js_get_str(js_at(machines, i), "name", ""), why.text);
	if (render(s, job->fd, "report.json", as_json, err) < 0 ||
	    render(s, job->fd, "report.html", report_html_batch, err) < 0)
		return -1;
	remove_leftovers(job);
	return render(s, job->fd, "junit.xml", as_junit, err);
}
