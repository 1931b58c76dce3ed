/* One unit of a batch job: claim, conversion, proof, publishing. */
#include "run/batch/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "run/batch/plan.h"
#include "run/batch/runner_private.h"
#include "run/batch/unit_private.h"
#include "run/report/report.h"

enum { END_MAX = 64 << 10 };

/* What earlier attempts tell. */
struct history {
	unsigned failures; /* since a failed or blocked outcome was last set aside */
	bool set_aside;	   /* one was */
	bool unblocked;	   /* it was blocked, and set aside: to be tried whatever the plan found */
	bool tried;	   /* since then something was run */
	int last_status;   /* of the last one that ended in an orderly way; 0 none */
};

/* ---- places ---- */

const char *unit_work_path(struct unit_work *w)
{
	char state[JOB_PATH_MAX];

	return arena_printf(&w->arena, "%s/%s/%s", w->job->path, job_state_path(w->unit.index, state), w->work);
}

const char *unit_result_path(struct unit_work *w)
{
	return arena_printf(&w->arena, "%s/%s", unit_work_path(w), w->unit.name);
}

static const char *attempt_path(struct unit_work *w)
{
	char state[JOB_PATH_MAX], attempt[LEASE_ATTEMPT_TEXT];

	lease_attempt_name(lease_attempt(w->lease), attempt);
	return arena_printf(&w->arena, "%s/%s/%s", w->job->path, job_state_path(w->unit.index, state), attempt);
}

static bool has_result(struct unit_work *w)
{
	return access(unit_result_path(w), F_OK) == 0;
}

static int open_folder(int dirfd, const char *name, struct err *err)
{
	int fd;

	if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot make '%s' in the job folder", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, ERR_BLOCKED, "cannot open '%s' in the job folder", name) : fd;
}

static int open_places(struct unit_work *w, struct err *err)
{
	AUTO_FD int states = open_folder(w->job->fd, "state", err);
	char name[JOB_PATH_MAX];

	if (states < 0)
		return -1;
	snprintf(name, sizeof name, "%s", strchr(job_state_path(w->unit.index, name), '/') + 1);
	w->state_fd = open_folder(states, name, err);
	w->out_fd = open_folder(w->job->fd, "out", err);
	return w->state_fd < 0 || w->out_fd < 0 ? -1 : 0;
}

/* ---- history ---- */

static bool has_run(int attempt_fd)
{
	struct stat st;

	return fstatat(attempt_fd, ATTEMPT_EVENTS, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

/* From the last attempt to the first. */
static void look_at_attempt(int fd, struct history *h)
{
	AUTO(js_freep) struct json *end = attempt_read(fd, ATTEMPT_END);
	int status = (int)js_get_u64(end, "exit", 0);

	if (faccessat(fd, "blocked.json", F_OK, 0) == 0)
		h->unblocked = h->set_aside = true;
	if (faccessat(fd, "failed.json", F_OK, 0) == 0)
		h->set_aside = true;
	if (end && !h->last_status)
		h->last_status = status;
	h->tried |= !h->set_aside && has_run(fd);
	h->failures += end && !h->set_aside && outcome_of_status(status) == OUTCOME_FAILED;
}

static struct history look_back(const struct unit_work *w)
{
	struct history h = {0};
	char name[LEASE_ATTEMPT_TEXT];

	for (unsigned i = lease_attempt(w->lease); i--;) {
		AUTO_FD int fd = -1;

		lease_attempt_name(i, name);
		fd = openat(w->state_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			look_at_attempt(fd, &h);
	}
	return h;
}

/* ---- how it ended ---- */

static void set_copy(struct json *outcome, const struct json *report)
{
	const struct json *copy = js_get(report, "copy");
	struct json *to = js_set(outcome, "copy", js_object());

	js_set_u64(to, "read", js_get_u64(copy, "source_read", 0));
	js_set_u64(to, "written", js_get_u64(copy, "bytes_written", 0));
}

static void set_times(struct json *to, const struct unit_work *w)
{
	char began[ATTEMPT_ISO_TEXT], ended[ATTEMPT_ISO_TEXT];

	attempt_iso(w->attempt.began, began);
	attempt_iso(time(NULL), ended);
	js_set_str(to, "host", lease_holder(w->lease)->host);
	js_set_str(to, "engine_id", lease_holder(w->lease)->engine);
	js_set_str(to, "began", began);
	js_set_str(to, "ended", ended);
	js_set_real(to, "seconds", attempt_seconds(&w->attempt));
}

struct json *unit_outcome(const struct unit_work *w, const struct unit_end *end)
{
	enum outcome_state state = outcome_of_status(end->status);
	struct json *j = js_object();
	char folder[JOB_NAME_MAX + 8];

	snprintf(folder, sizeof folder, "out/%s", w->unit.name);
	js_set_str(j, "schema", OUTCOME_SCHEMA);
	js_set_u64(j, "index", w->unit.index);
	js_set_str(j, "name", w->unit.name);
	js_set_str(j, "state", outcome_state_name(state));
	js_set_u64(j, "exit", (uint64_t)end->status);
	js_set_str(j, "error", end->error);
	js_set_str(j, "finding", end->finding);
	js_set_u64(j, "attempt", lease_attempt(w->lease));
	set_times(j, w);
	js_set_str(j, "folder", state == OUTCOME_DONE ? folder : NULL);
	js_set_str(j, "verdict", js_get_str(js_get(end->report, "inspection"), "verdict", NULL));
	set_copy(j, end->report);
	js_set(j, "proof", w->proof ? js_copy(w->proof) : js_null());
	js_set(j, "files", js_array());
	return j;
}

static int write_end(struct unit_work *w, const struct unit_end *end, struct err *err)
{
	AUTO(js_freep) struct json *j = js_object();
	AUTO(buf_done) struct buf text = BUF_INIT(END_MAX);

	js_set_u64(j, "exit", (uint64_t)end->status);
	js_set_str(j, "error", end->error);
	js_set_str(j, "finding", end->finding);
	set_times(j, w);
	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "'" ATTEMPT_END "' is over %d bytes", END_MAX);
	return file_replace(w->attempt.fd, ATTEMPT_END, buf_str(&text), text.len, 0644, err);
}

/* The code whose exit status it is; an exit status that none has is a program's failure. */
static enum err_code code_of(int status)
{
	for (enum err_code code = ERR_INTERNAL; code <= ERR_INTERRUPTED; code++)
		if (err_exit_status(code) == status)
			return code;
	return ERR_CONVERT;
}

static int conclude(struct unit_work *w, const struct unit_end *end, struct err *err)
{
	AUTO(js_freep) struct json *outcome = unit_outcome(w, end);

	if (lease_check(w->lease, err) < 0)
		return -1;
	/* What there is stays, be it a result or something to go on from: a source may be out of reach on one host
	 * only. Of a machine that it refuses, the conversion has removed everything but this folder. */
	if (w->work[0])
		unlinkat(w->state_fd, w->work, AT_REMOVEDIR);
	if (outcome_write(w->state_fd, outcome, err) < 0)
		return -1;
	return err_set(err, code_of(end->status), "%s: %s: %s", w->unit.name,
		       outcome_state_name(outcome_state(outcome)), end->error);
}

/* The attempt didn't make it: is there to be another? Returns -1. */
static int end_badly(struct unit_work *w, const struct unit_end *end, const struct history *h, struct err *err)
{
	enum outcome_state state = outcome_of_status(end->status);

	if (write_end(w, end, err) < 0)
		return -1;
	if (w->signals.stopped)
		return signals_error(&w->signals, w->unit.name, err);
	if (state == OUTCOME_UNKNOWN)
		return err_set(err, ERR_TEMPFAIL, "%s: %s", w->unit.name, end->error);
	if (state == OUTCOME_FAILED && h->failures < w->unit.retries)
		return err_set(err, ERR_TEMPFAIL, "%s: exit status %d: %s; attempts left: %u", w->unit.name,
			       end->status, end->error, w->unit.retries - h->failures);
	return conclude(w, end, err);
}

/* ---- conversion ---- */

typedef VEC(const char *) words;

static void add(struct unit_work *w, words *to, const char *word)
{
	*vec_push(&w->arena, to) = word;
}

static void add_all(struct unit_work *w, words *to, const char *const *v)
{
	for (; *v; v++)
		add(w, to, *v);
}

static const char *const *convert_words(struct unit_work *w, bool anew)
{
	const char *const head[] = {"rehost", "convert", "--json", "--verbose", "--progress", "json", NULL};
	const char *const place[] = {"-os",
				     unit_work_path(w),
				     "-on",
				     w->unit.name,
				     "--published-in",
				     arena_printf(&w->arena, "%s/out", w->job->path),
				     "--",
				     NULL};
	words to = {0};

	add_all(w, &to, head);
	if (w->o->threads)
		add(w, &to, arena_printf(&w->arena, "-j%u", w->o->threads));
	if (anew)
		add(w, &to, "--restart");
	for (size_t i = 0; i < w->unit.arguments.n; i++)
		add(w, &to, w->unit.arguments.v[i]);
	add_all(w, &to, place); /* behind the unit's own: the last one counts */
	for (size_t i = 0; i < w->unit.sources.n; i++)
		add(w, &to, w->unit.sources.v[i]);
	add(w, &to, NULL);
	return to.v;
}

/* The first finding that says no. */
static const char *blocker(const struct json *report)
{
	const struct json *list = js_get(js_get(report, "inspection"), "findings");

	for (size_t i = 0; i < js_count(list); i++)
		if (!strcmp(js_get_str(js_at(list, i), "severity", ""), "blocker"))
			return js_get_str(js_at(list, i), "id", NULL);
	return NULL;
}

/* What isn't as the machine has it is of no use to go on from. */
static int convert(struct unit_work *w, const struct history *h, struct err *err)
{
	struct unit_end end = {0};
	AUTO(js_freep) struct json *report = NULL;
	bool anew = h->last_status == err_exit_status(ERR_VERIFY);

	if (attempt_run(&w->attempt, convert_words(w, anew), ATTEMPT_REPORT, &end.status, err) < 0)
		return -1;
	if (end.status == 0 && has_result(w)) { /* the same report stands in it */
		unlinkat(w->attempt.fd, ATTEMPT_REPORT, 0);
		return 0;
	}
	if (end.status == 0)
		end.status = err_exit_status(ERR_CONVERT);
	report = attempt_read(w->attempt.fd, ATTEMPT_REPORT);
	end.error = w->attempt.last_error[0] ? w->attempt.last_error : "the conversion made no result";
	end.report = report;
	end.finding = end.status == err_exit_status(ERR_BLOCKED) ? blocker(report) : NULL;
	return end_badly(w, &end, h, err);
}

/* ---- proof ---- */

static const char *const *boot_words(struct unit_work *w)
{
	const char *result = unit_result_path(w);
	const char *xml = arena_printf(&w->arena, "%s/%s.xml", result, w->unit.name);
	const char *const head[] = {"rehost",
				    "boot",
				    "--json",
				    "--progress",
				    "json",
				    "--level",
				    boot_level_name(w->unit.proof),
				    "--disks",
				    result,
				    "--shots",
				    arena_printf(&w->arena, "%s/shots", attempt_path(w)),
				    NULL};
	const char *const time[] = {"--timeout", arena_printf(&w->arena, "%u", w->unit.proof_timeout), NULL};
	words to = {0};

	add_all(w, &to, head);
	if (w->unit.proof_timeout)
		add_all(w, &to, time);
	add(w, &to, xml);
	add(w, &to, NULL);
	return to.v;
}

static int prove(struct unit_work *w, const struct history *h, struct err *err)
{
	AUTO_FD int result = open(unit_result_path(w), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(js_freep) struct json *boot = NULL;
	AUTO(js_freep) struct json *report = NULL;
	struct unit_end end = {0};

	if (w->unit.proof == BOOT_LEVEL_UNKNOWN)
		return 0;
	attempt_phase(&w->attempt, "proving that it boots");
	if (attempt_run(&w->attempt, boot_words(w), ATTEMPT_BOOT, &end.status, err) < 0)
		return -1;
	boot = attempt_read(w->attempt.fd, ATTEMPT_BOOT);
	if (boot)
		w->proof = report_proof(boot, w->job->path);
	if (end.status == 0)
		return 0;
	if (outcome_of_status(end.status) == OUTCOME_BLOCKED) /* of the result: the machine was converted */
		end.status = err_exit_status(ERR_BOOT);
	report = result < 0 ? NULL : attempt_read(result, ATTEMPT_REPORT);
	end.report = report;
	end.error = w->attempt.last_error[0] ? w->attempt.last_error : "the boot proof failed";
	return end_badly(w, &end, h, err);
}

/* ---- an attempt ---- */

/* Nothing of an attempt is at work any more: it left, or said how it ended before it was killed. */
static bool is_over(const struct unit_work *w, unsigned attempt)
{
	char name[LEASE_ATTEMPT_TEXT], end[LEASE_ATTEMPT_TEXT + sizeof "/" ATTEMPT_END];

	lease_attempt_name(attempt, name);
	snprintf(end, sizeof end, "%s/" ATTEMPT_END, name);
	return lease_was_left(w->state_fd, attempt) || faccessat(w->state_fd, end, F_OK, 0) == 0;
}

static void remove_work(const struct unit_work *w, const char *name)
{
	struct err why = ERR_INIT;

	if (file_remove_tree(w->state_fd, name, &why) < 0)
		log_warn("%s: what an earlier attempt left stays: %s", w->unit.name, why.text);
}

/* Where there is no lock that tells that the earlier attempts have ended, each has a folder of its own. Of those that
 * are known to be over the last one's goes on as ours; older ones are of no use. */
static int choose_work(struct unit_work *w, struct err *err)
{
	char before[UNIT_WORK_TEXT];
	bool taken = false;

	snprintf(w->work, sizeof w->work, "work");
	if (lease_kind(w->lease) == LEASE_FLOCK)
		return 0;
	snprintf(w->work, sizeof w->work, "work-%u", lease_attempt(w->lease));
	for (unsigned i = lease_attempt(w->lease); i--;) {
		if (!is_over(w, i))
			continue;
		snprintf(before, sizeof before, "work-%u", i);
		if (taken)
			remove_work(w, before);
		else if (renameat(w->state_fd, before, w->state_fd, w->work) == 0)
			taken = true;
		else if (errno != ENOENT)
			return err_sys(err, ERR_TEMPFAIL, "cannot take over '%s'", before);
	}
	return 0;
}

static int refuse(struct unit_work *w, const struct history *h, const char *text, const char *finding, struct err *err)
{
	const struct unit_end end = {.status = err_exit_status(ERR_BLOCKED), .error = text, .finding = finding};

	return end_badly(w, &end, h, err);
}

/* A result from before somebody had the unit tried again: the source may be another since, as may we. It goes when
 * there is a source to convert in its place. */
static int drop_stale_result(struct unit_work *w, const struct history *h, struct err *err)
{
	AUTO_FD int work = -1;
	struct plan_source source;
	struct err why = ERR_INIT;
	struct unit_end end = {.error = why.text};

	if (!h->set_aside || h->tried || !has_result(w))
		return 0;
	if (plan_source(&w->unit, &source, &why) < 0) {
		end.status = err_exit_status(why.code);
		return end_badly(w, &end, h, err);
	}
	log_info("%s: what an earlier attempt made is from before it was to be tried again: converted anew",
		 w->unit.name);
	work = openat(w->state_fd, w->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (work < 0)
		return err_sys(err, ERR_TEMPFAIL, "%s: cannot open '%s'", w->unit.name, w->work);
	if (file_remove_tree(work, w->unit.name, &why) < 0)
		return err_set(err, ERR_TEMPFAIL, "%s: %s", w->unit.name, why.text);
	return 0;
}

/* Somebody else made out/NAME just now, or the host failed us. */
static int publish(struct unit_work *w, const struct history *h, struct err *err)
{
	struct err why = ERR_INIT;
	struct unit_end end = {.error = why.text};

	if (unit_publish(w, &why) == 0)
		return 0;
	if (why.code == ERR_TEMPFAIL) /* also when a later attempt has begun: nothing is this one's to say then */
		return err_set(err, why.code, "%s: %s", w->unit.name, why.text);
	end.status = err_exit_status(why.code);
	return end_badly(w, &end, h, err);
}

static int begin(struct unit_work *w, const struct history *h, struct err *err)
{
	if (w->unit.blocked_text && !h->unblocked)
		return refuse(w, h, w->unit.blocked_text, w->unit.blocked_finding, err);
	if (!unit_is_published(w))
		return choose_work(w, err);
	return refuse(w, h, arena_printf(&w->arena, "'out/%s' exists already and isn't this unit's", w->unit.name),
		      NULL, err);
}

static int go(struct unit_work *w, struct err *err)
{
	const struct history h = look_back(w);
	bool done;

	if (unit_finish(w, &done, err) < 0)
		return err_wrap(err, "%s", w->unit.name);
	if (done)
		return 0;
	if (begin(w, &h, err) < 0 || drop_stale_result(w, &h, err) < 0 || (!has_result(w) && convert(w, &h, err) < 0) ||
	    prove(w, &h, err) < 0)
		return -1;
	return publish(w, &h, err);
}

/* An outcome as it is told to who asks for the unit again. */
static int tell(const struct unit_work *w, const struct json *outcome, struct err *err)
{
	enum outcome_state state = outcome_state(outcome);

	if (state == OUTCOME_DONE) {
		log_info("%s: already done", w->unit.name);
		return 0;
	}
	return err_set(err, code_of((int)js_get_u64(outcome, "exit", 0)), "%s: already %s: %s", w->unit.name,
		       outcome_state_name(state), js_get_str(outcome, "error", ""));
}

/* One that can't be believed is made anew. */
static int known_outcome(const struct unit_work *w, struct json **ret, struct err *err)
{
	struct err why = ERR_INIT;

	if (outcome_read(w->state_fd, &w->unit, ret, &why) == 0)
		return 0;
	if (why.code != ERR_CORRUPT)
		return err_set(err, why.code, "%s: outcome: %s", w->unit.name, why.text);
	log_warn("%s: outcome: %s: made anew", w->unit.name, why.text);
	return 0;
}

static int check_cancelled(const struct unit_work *w, struct err *err)
{
	if (faccessat(w->job->fd, RUNNER_CANCELLED, F_OK, 0) == 0)
		return err_set(err, ERR_INTERRUPTED, "%s: the job was cancelled", w->unit.name);
	return 0;
}

/* Who cancels marks the job and then looks at the leases: marked before we have ours, nobody would tell us. */
static int claim(struct unit_work *w, struct json **ret_outcome, struct err *err)
{
	if (known_outcome(w, ret_outcome, err) < 0)
		return -1;
	if (*ret_outcome)
		return 0;
	if (check_cancelled(w, err) < 0 || signals_open(&w->signals, err) < 0)
		return -1;
	if (lease_take(w->state_fd, w->o->lease, &w->lease, err) < 0)
		return err_wrap(err, "%s", w->unit.name);
	if (known_outcome(w, ret_outcome, err) < 0) /* since we looked */
		return -1;
	return *ret_outcome ? 0 : check_cancelled(w, err);
}

static int work(struct unit_work *w, struct err *err)
{
	AUTO(js_freep) struct json *outcome = NULL;

	if (open_places(w, err) < 0 || claim(w, &outcome, err) < 0)
		return -1;
	if (outcome)
		return tell(w, outcome, err);
	if (attempt_open(&w->attempt, lease_attempt_fd(w->lease), &w->signals, &w->o->events, err) < 0)
		return -1;
	return go(w, err);
}

int batch_unit(const struct batch_unit_options *options, struct err *err)
{
	struct unit_work w = {.o = options, .state_fd = -1, .out_fd = -1, .signals = {.fd = -1}};
	int ret = -1;

	if (job_open(options->job, &w.job, err) == 0 && job_unit(w.job, options->index, &w.arena, &w.unit, err) == 0)
		ret = work(&w, err);
	attempt_close(&w.attempt);
	lease_drop(w.lease);
	signals_close(&w.signals);
	for (size_t i = 0; i < 2; i++) {
		int fd = (const int[]){w.state_fd, w.out_fd}[i];

		if (fd >= 0)
			close(fd);
	}
	js_free(w.proof);
	job_close(w.job);
	arena_done(&w.arena);
	return ret;
}
