/* What all batch engines share: which units are left, and the book of what was submitted. */
#include "run/batch/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "run/batch/attempt.h"
#include "run/batch/outcome.h"
#include "run/batch/runner_private.h"

#define BOOK_FILE   "state/engine.json"
#define BOOK_SCHEMA "rehost-engine-1"
#define ENGINE_DIR  "state/engine"

enum { BOOK_MAX = 16 << 20 /* bytes: an array has some hundred, a job of JOB_UNITS_MAX units at most some thousand */ };

const struct engine *const engines[] = {&engine_slurm, &engine_parallel, &engine_kubernetes, NULL};

const struct engine *engine_find(const char *name)
{
	for (const struct engine *const *e = engines; *e; e++)
		if (!strcmp((*e)->name, name))
			return *e;
	return NULL;
}

/* ---- programs ---- */

static const char *last_line(struct buf *b)
{
	char *at;

	while (b->len && b->data[b->len - 1] == '\n')
		b->data[--b->len] = '\0';
	at = b->len ? strrchr(b->data, '\n') : NULL;
	return at ? at + 1 : buf_str(b);
}

static int read_all(int fd, struct buf *out, struct err *err)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(err, ERR_INTERNAL, "cannot read what a program said")
					  : file_slurp_fd(fd, "what a program said", out, err);
}

int engine_run(const char *const *argv, struct buf *out, struct err *err)
{
	AUTO_FD int said = file_unnamed(err);
	AUTO_FD int complained = said < 0 ? -1 : file_unnamed(err);
	const struct child_fd fds[] = {{said, STDOUT_FILENO}, {complained, STDERR_FILENO}};
	const struct child_spec spec = {.argv = argv, .fds = fds, .nfds = 2};
	AUTO(buf_done) struct buf why = BUF_INIT(ENGINE_SAID_MAX);
	int status;
	pid_t pid;

	if (complained < 0)
		return -1;
	pid = child_start(&spec, err);
	if (pid < 0 || child_wait(pid, &status, err) < 0 || read_all(said, out, err) < 0 ||
	    read_all(complained, &why, err) < 0)
		return -1;
	if (status != 0)
		return err_set(err, ERR_HOST, "%s: exit status %d: %s", argv[0],
			       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), last_line(&why));
	if (why.len)
		log_info("%s: %s", argv[0], last_line(&why));
	return 0;
}

/* ---- units ---- */

/* -1: it has no state yet. */
static int open_state(const struct job *job, unsigned index)
{
	char path[JOB_PATH_MAX];

	return openat(job->fd, job_state_path(index, path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* NULL: none, or one that can't be believed, which the unit makes anew. */
static struct json *outcome_of(const struct job *job, const struct unit *unit)
{
	AUTO_FD int fd = open_state(job, unit->index);
	struct json *ret = NULL;

	if (fd < 0 || outcome_read(fd, unit, &ret, NULL) < 0)
		return NULL;
	return ret;
}

static bool is_to_be_tried(const struct submission *s, const struct json *outcome)
{
	switch (outcome_state(outcome)) {
	case OUTCOME_DONE:
		return false;
	case OUTCOME_BLOCKED:
		return s->options->retry_blocked;
	case OUTCOME_FAILED:
	case OUTCOME_UNKNOWN:
		break;
	}
	return true;
}

static int collect(struct submission *s, struct err *err)
{
	for (unsigned i = 0; i < s->job->nunits; i++) {
		AUTO(js_freep) struct json *outcome = NULL;
		struct unit unit;

		if (job_unit(s->job, i, &s->arena, &unit, err) < 0)
			return -1;
		outcome = outcome_of(s->job, &unit);
		if (is_to_be_tried(s, outcome))
			*vec_push(&s->arena, &s->units) = unit;
	}
	return 0;
}

static int set_aside_outcomes(struct submission *s, struct err *err)
{
	VEC_FOR (unit, &s->units) {
		AUTO(js_freep) struct json *outcome = outcome_of(s->job, unit);
		AUTO_FD int fd = outcome ? open_state(s->job, unit->index) : -1;

		if (outcome && is_to_be_tried(s, outcome) && outcome_set_aside(fd, outcome, err) < 0)
			return err_wrap(err, "unit %u '%s'", unit->index, unit->name);
	}
	return 0;
}

/* ---- the book ---- */

static int read_book(const struct job *job, struct json **ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BOOK_MAX);
	AUTO(js_freep) struct json *book = NULL;
	AUTO_FD int fd = -1;

	if (faccessat(job->fd, BOOK_FILE, F_OK, 0) < 0 && errno == ENOENT) {
		book = js_object();
		js_set_str(book, "schema", BOOK_SCHEMA);
		js_set(book, "submissions", js_array());
		*ret = take_ptr(&book);
		return 0;
	}
	fd = file_open_beneath(job->fd, BOOK_FILE, false, err);
	if (fd < 0 || file_slurp_fd(fd, BOOK_FILE, &text, err) < 0)
		return -1;
	book = js_parse(buf_str(&text), text.len, err);
	if (!book)
		return err_wrap(err, "'" BOOK_FILE "'");
	if (strcmp(js_get_str(book, "schema", ""), BOOK_SCHEMA) != 0 || !js_held(book, "submissions"))
		return err_set(err, ERR_CORRUPT, "'" BOOK_FILE "': schema '%.40s', '" BOOK_SCHEMA "' expected",
			       js_get_str(book, "schema", ""));
	*ret = take_ptr(&book);
	return 0;
}

int engine_note(struct submission *s, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BOOK_MAX);

	if (js_print(s->book, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "'" BOOK_FILE "' would be over %d bytes", BOOK_MAX);
	return file_replace(s->job->fd, BOOK_FILE, buf_str(&text), text.len, 0644, err);
}

static void open_record(struct submission *s, const struct engine *e)
{
	char now[ATTEMPT_ISO_TEXT];

	attempt_iso(time(NULL), now);
	s->record = js_add(js_held(s->book, "submissions"), js_object());
	js_set_str(s->record, "engine", e->name);
	js_set_str(s->record, "submitted", now);
	js_set_u64(s->record, "units", s->units.n);
}

static int check_idle(const struct submission *s, struct err *err)
{
	const struct json *all = js_get(s->book, "submissions");

	for (size_t i = 0; i < js_count(all); i++) {
		const struct engine *e = engine_find(js_get_str(js_at(all, i), "engine", ""));
		bool busy = false;

		if (!e || !e->busy)
			continue;
		if (e->busy(js_at(all, i), &busy, err) < 0)
			return err_wrap(err, "cannot tell whether an earlier submission is still at work");
		if (busy)
			return err_set(err, ERR_BLOCKED,
				       "what was submitted to %s on %s is still at work; `rehost batch cancel` ends it",
				       e->name, js_get_str(js_at(all, i), "submitted", "?"));
	}
	return 0;
}

/* ---- verbs ---- */

static const char *own_program(struct arena *a)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	return n < 0 ? "rehost" : arena_strndup(a, path, (size_t)n);
}

int engine_prepare(const struct engine *e, const struct job *job, const struct engine_options *options,
		   struct submission *s, struct err *err)
{
	*s = (struct submission){.job = job, .options = options, .text = BUF_INIT(ENGINE_TEXT_MAX)};
	s->program = options->program ? options->program : own_program(&s->arena);
	if (s->program[0] != '/')
		return err_set(err, ERR_USAGE, "the program '%s' isn't an absolute path", s->program);
	if (read_book(job, &s->book, err) < 0 || check_idle(s, err) < 0 || collect(s, err) < 0)
		return -1;
	s->number = (unsigned)js_count(js_get(s->book, "submissions"));
	if (!s->units.n)
		return 0;
	if (e->prepare(s, err) < 0)
		return err_wrap(err, "%s", e->name);
	return s->text.failed ? err_set(err, ERR_INTERNAL, "the plan is over %d bytes", ENGINE_TEXT_MAX) : 0;
}

static int make_folder(int dirfd, const char *name, struct err *err)
{
	if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot make '%s' in the job folder", name);
	return 0;
}

int engine_submit(const struct engine *e, struct submission *s, struct err *err)
{
	if (make_folder(s->job->fd, "state", err) < 0 || make_folder(s->job->fd, ENGINE_DIR, err) < 0 ||
	    set_aside_outcomes(s, err) < 0)
		return -1;
	if (unlinkat(s->job->fd, RUNNER_CANCELLED, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_BLOCKED, "cannot remove '" RUNNER_CANCELLED "' from the job folder");
	open_record(s, e);
	return e->submit(s, err) < 0 ? err_wrap(err, "%s", e->name) : engine_note(s, err);
}

void submission_done(struct submission *s)
{
	js_free(s->book);
	buf_done(&s->text);
	arena_done(&s->arena);
	*s = (struct submission){0};
}

static int cancel_one(const struct json *record, unsigned *n, struct err *err)
{
	const struct engine *e = engine_find(js_get_str(record, "engine", ""));
	bool busy = false;

	if (!e || !e->busy)
		return 0;
	if (e->busy(record, &busy, err) < 0 || (busy && e->cancel(record, err) < 0))
		return err_wrap(err, "%s", e->name);
	*n += busy;
	return 0;
}

int engine_cancel(const struct job *job, unsigned *ret_n, struct err *err)
{
	AUTO(js_freep) struct json *book = NULL;
	const struct json *all;

	*ret_n = 0;
	if (read_book(job, &book, err) < 0)
		return -1;
	all = js_get(book, "submissions");
	for (size_t i = 0; i < js_count(all); i++)
		if (cancel_one(js_at(all, i), ret_n, err) < 0)
			return -1;
	return 0;
}

/* ---- files ---- */

const char *engine_path(struct submission *s, const char *name)
{
	return arena_printf(&s->arena, "%s/" ENGINE_DIR "/%s", s->job->path, name);
}

int engine_write(struct submission *s, const char *name, const char *text, mode_t mode, struct err *err)
{
	const char *path = arena_printf(&s->arena, ENGINE_DIR "/%s", name);

	return file_replace(s->job->fd, path, text, strlen(text), mode, err) < 0 ? err_wrap(err, "'%s'", path) : 0;
}
