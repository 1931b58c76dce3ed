/* Publishing a unit's result: the outcome is written under another name, the result renamed, then the outcome. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "run/batch/job_private.h"
#include "run/batch/unit_private.h"
#include "run/verify/folder.h"
#include "run/verify/seal.h"

/* done.json before it is true, in the attempt's folder: an earlier attempt that still lives, unknown to us, never makes
 * its own words ours. Under "result": the work folder, and the SHA-256 of the result's report. */
#define INTENT_FILE "publish.json"

enum { INTENT_MAX = 16 << 20 /* as outcomes */ };

bool unit_is_published(const struct unit_work *w)
{
	struct stat st;

	return fstatat(w->out_fd, w->unit.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- which result it is ---- */

/* After a failed open: no such thing is there, as against one that can't be opened now. */
static bool is_not_there(void)
{
	return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
}

/* A file of an attempt or a result. ERR_VERIFY: it isn't there, or is another thing; ERR_TEMPFAIL: it can't be read
 * now, and so nothing is decided by it. */
static int read_text(int dirfd, const char *name, struct buf *text, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct err why = ERR_INIT;

	if (fd < 0)
		return err_sys(err, is_not_there() ? ERR_VERIFY : ERR_TEMPFAIL, "cannot open '%s'", name);
	if (file_slurp_fd(fd, name, text, &why) == 0)
		return 0;
	return err_set(err, why.code == ERR_CORRUPT || why.sys == EISDIR ? ERR_VERIFY : ERR_TEMPFAIL, "%s", why.text);
}

/* Its report tells one run from every other: it holds times. Errors as above. */
static int hash_report(int dirfd, const char *name, char ret[JOB_HASH_HEX], struct err *err)
{
	AUTO_FD int folder = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(buf_done) struct buf text = BUF_INIT(ATTEMPT_FILE_MAX);

	if (folder < 0)
		return err_sys(err, is_not_there() ? ERR_VERIFY : ERR_TEMPFAIL, "cannot open '%s'", name);
	if (read_text(folder, ATTEMPT_REPORT, &text, err) < 0)
		return err_wrap(err, "'%s'", name);
	job_hash(buf_str(&text), text.len, ret);
	return 0;
}

static int is_result(int dirfd, const char *name, const struct json *intent, bool *ret, struct err *err)
{
	struct err why = ERR_INIT;
	char hash[JOB_HASH_HEX];

	*ret = false;
	if (hash_report(dirfd, name, hash, &why) < 0)
		return why.code == ERR_VERIFY ? 0 : err_set(err, why.code, "%s", why.text);
	*ret = !strcmp(hash, js_get_str(js_get(intent, "result"), "report", ""));
	return 0;
}

/* ---- the steps ---- */

static int write_intent(struct unit_work *w, struct json *outcome, struct err *err)
{
	struct json *result = js_set(outcome, "result", js_object());
	AUTO(buf_done) struct buf text = BUF_INIT(INTENT_MAX);
	AUTO_FD int work = openat(w->state_fd, w->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char hash[JOB_HASH_HEX];

	if (hash_report(work, w->unit.name, hash, err) < 0)
		return -1;
	js_set_str(result, "work", w->work);
	js_set_str(result, "report", hash);
	if (js_print(outcome, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "'" INTENT_FILE "' is over %d bytes", INTENT_MAX);
	return file_replace(w->attempt.fd, INTENT_FILE, buf_str(&text), text.len, 0644, err);
}

static int move(struct unit_work *w, const char *work, struct err *err)
{
	AUTO_FD int from = openat(w->state_fd, work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (from < 0)
		return err_sys(err, ERR_TEMPFAIL, "cannot open '%s'", work);
	if (lease_check(w->lease, err) < 0)
		return -1;
	return file_move_noreplace(from, w->unit.name, w->out_fd, w->unit.name, err);
}

/* What only an unfinished unit needs goes first: once the outcome is there nobody looks at the unit again. */
static int conclude(struct unit_work *w, unsigned attempt, struct err *err)
{
	char name[UNIT_WORK_TEXT], folder[LEASE_ATTEMPT_TEXT], intent[LEASE_ATTEMPT_TEXT + sizeof "/" INTENT_FILE];

	if (file_sync_dir(w->out_fd, err) < 0 || file_remove_tree(w->state_fd, "work", err) < 0)
		return -1;
	for (unsigned i = 0; lease_kind(w->lease) == LEASE_HEARTBEAT && i <= lease_attempt(w->lease); i++) {
		snprintf(name, sizeof name, "work-%u", i);
		if (file_remove_tree(w->state_fd, name, err) < 0)
			return -1;
	}
	lease_attempt_name(attempt, folder);
	snprintf(intent, sizeof intent, "%s/" INTENT_FILE, folder);
	return outcome_commit(w->state_fd, intent, OUTCOME_DONE, err);
}

/* The result is in its place, so the unit has not failed, whatever hinders us now: the next attempt has only this left
 * to do. */
static int note(struct unit_work *w, unsigned attempt, struct err *err)
{
	struct err why = ERR_INIT;

	if (conclude(w, attempt, &why) == 0)
		return 0;
	return err_set(err, ERR_TEMPFAIL, "published, but its outcome isn't written: %s", why.text);
}

/* As the result's seal has them; one without a seal has names and sizes. */
static struct json *files_json(struct unit_work *w, int dirfd)
{
	AUTO(seal_closep) struct seal *seal = NULL;
	folder_files files = {0};
	struct json *ret;

	if (seal_open(dirfd, &seal, NULL) == 0)
		return seal_files_json(seal);
	ret = js_array();
	if (folder_list(dirfd, &w->arena, &files, NULL) < 0)
		return ret;
	VEC_FOR (f, &files) {
		struct json *file = js_add(ret, js_object());

		js_set_str(file, "name", f->name);
		js_set_u64(file, "size", f->size);
		js_set_str(file, "tree", NULL);
	}
	return ret;
}

static struct json *done_outcome(struct unit_work *w, struct err *err)
{
	AUTO_FD int fd = open(unit_result_path(w), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(js_freep) struct json *report = fd < 0 ? NULL : attempt_read(fd, ATTEMPT_REPORT);
	const struct unit_end end = {.report = report};
	struct json *outcome;

	if (!report)
		return err_null(err, ERR_CONVERT, "the result '%s' has no report that can be read",
				unit_result_path(w));
	outcome = unit_outcome(w, &end);
	js_set(outcome, "files", files_json(w, fd));
	return outcome;
}

int unit_publish(struct unit_work *w, struct err *err)
{
	AUTO(js_freep) struct json *outcome = done_outcome(w, err);

	attempt_phase(&w->attempt, "publishing");
	if (!outcome || write_intent(w, outcome, err) < 0 || move(w, w->work, err) < 0)
		return -1;
	return note(w, lease_attempt(w->lease), err);
}

/* ---- after a kill ---- */

/* "work" or "work-K": the file is read before it is believed. */
static bool is_work_name(const char *name)
{
	if (strncmp(name, "work", 4) != 0 || strlen(name) >= UNIT_WORK_TEXT)
		return false;
	return !name[4] || (name[4] == '-' && name[5] && !name[5 + strspn(name + 5, "0123456789")]);
}

/* Where the result is, if it was published or not, and whether it is the one that is meant. */
static int find_result(const struct unit_work *w, const struct json *intent, bool *ret, struct err *err)
{
	const char *work = js_get_str(js_get(intent, "result"), "work", "");
	AUTO_FD int fd = -1;

	*ret = false;
	if (unit_is_published(w))
		return is_result(w->out_fd, w->unit.name, intent, ret, err);
	fd = openat(w->state_fd, work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return is_not_there() ? 0 : err_sys(err, ERR_TEMPFAIL, "cannot open '%s'", work);
	return is_result(fd, w->unit.name, intent, ret, err);
}

static bool is_intent(const struct unit_work *w, unsigned attempt, const struct json *intent)
{
	return outcome_check(intent, &w->unit, OUTCOME_DONE, NULL) == 0 &&
	       js_get_u64(intent, "attempt", LEASE_ATTEMPTS_MAX) == attempt &&
	       is_work_name(js_get_str(js_get(intent, "result"), "work", ""));
}

static int finish(struct unit_work *w, unsigned attempt, const struct json *intent, bool *ret_done, struct err *err)
{
	const char *work = js_get_str(js_get(intent, "result"), "work", "");
	bool ours;

	if (!is_intent(w, attempt, intent))
		return 0;
	if (find_result(w, intent, &ours, err) < 0)
		return -1;
	if (!ours)
		return 0;
	if (!unit_is_published(w) && move(w, work, err) < 0)
		return -1;
	if (note(w, attempt, err) < 0)
		return -1;
	*ret_done = true;
	log_info("%s: an earlier attempt was about to publish it: finished", w->unit.name);
	return 0;
}

/* NULL: there is none that can be believed. */
static int read_intent(int attempt_fd, struct json **ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ATTEMPT_FILE_MAX);
	struct err why = ERR_INIT;

	*ret = NULL;
	if (read_text(attempt_fd, INTENT_FILE, &text, &why) < 0)
		return why.code == ERR_VERIFY ? 0 : err_set(err, why.code, "%s", why.text);
	*ret = js_parse(buf_str(&text), text.len, NULL);
	return 0;
}

/* What the attempt was about to publish; void, and then removed, when there is no such result. */
static int finish_attempt(struct unit_work *w, unsigned attempt, bool *ret_done, struct err *err)
{
	AUTO(js_freep) struct json *intent = NULL;
	char name[LEASE_ATTEMPT_TEXT];
	AUTO_FD int fd = -1;

	lease_attempt_name(attempt, name);
	fd = openat(w->state_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return is_not_there() ? 0 : err_sys(err, ERR_TEMPFAIL, "cannot open '%s'", name);
	if (read_intent(fd, &intent, err) < 0 || (intent && finish(w, attempt, intent, ret_done, err) < 0))
		return -1;
	return *ret_done ? 0 : file_remove_tree(fd, INTENT_FILE, err);
}

int unit_finish(struct unit_work *w, bool *ret_done, struct err *err)
{
	*ret_done = false;
	for (unsigned i = lease_attempt(w->lease); i-- && !*ret_done;)
		if (finish_attempt(w, i, ret_done, err) < 0)
			return -1;
	return 0;
}
