/* What became of a unit, as one file. */
#include "run/batch/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "run/batch/lease.h"

enum {
	OUTCOME_MAX = 16 << 20, /* a machine has at most some hundred files; the error's text has 2 KiB */
	FILE_NAME_TEXT = 32,
};

static const struct {
	const char *name;
	enum outcome_state state;
} states[] = {{"done", OUTCOME_DONE}, {"failed", OUTCOME_FAILED}, {"blocked", OUTCOME_BLOCKED}};

enum { STATES = sizeof states / sizeof *states };

const char *outcome_state_name(enum outcome_state state)
{
	for (size_t i = 0; i < STATES; i++)
		if (states[i].state == state)
			return states[i].name;
	return "unknown";
}

static enum outcome_state state_by_name(const char *name)
{
	for (size_t i = 0; i < STATES; i++)
		if (!strcmp(states[i].name, name))
			return states[i].state;
	return OUTCOME_UNKNOWN;
}

enum outcome_state outcome_state(const struct json *outcome)
{
	return state_by_name(js_get_str(outcome, "state", ""));
}

/* Its own fault; the other signals are sent: by people, by the machine that goes down, by the kernel short of memory.
 */
static bool is_crash(int status)
{
	switch (status - 128) {
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGSEGV:
	case SIGSYS:
		return true;
	default:
		return false;
	}
}

enum outcome_state outcome_of_status(int status)
{
	switch (status) {
	case 0:
		return OUTCOME_DONE;
	case 2: /* the same words would be refused again */
	case 3:
	case 4:
		return OUTCOME_BLOCKED;
	case 8: /* this host's fault, or its moment's: not the machine's */
	case 75:
		return OUTCOME_UNKNOWN;
	default: /* 128 + signal: interrupted or killed */
		return status > 128 && !is_crash(status) ? OUTCOME_UNKNOWN : OUTCOME_FAILED;
	}
}

static void file_name(enum outcome_state state, char ret[FILE_NAME_TEXT])
{
	snprintf(ret, FILE_NAME_TEXT, "%s.json", outcome_state_name(state));
}

/* ---- reading ---- */

int outcome_check(const struct json *j, const struct unit *unit, enum outcome_state state, struct err *err)
{
	const char *schema = js_get_str(j, "schema", ""), *name = js_get_str(j, "name", "");
	const char *found = js_get_str(j, "state", "");
	uint64_t index = js_get_u64(j, "index", UINT64_MAX), status = js_get_u64(j, "exit", UINT8_MAX);

	if (strcmp(schema, OUTCOME_SCHEMA) != 0)
		return err_set(err, ERR_CORRUPT, "schema '%.40s', '" OUTCOME_SCHEMA "' expected", schema);
	if (index != unit->index || strcmp(name, unit->name) != 0)
		return err_set(err, ERR_CORRUPT, "of unit %" PRIu64 " '%.120s', %u '%s' expected", index, name,
			       unit->index, unit->name);
	if (state_by_name(found) != state)
		return err_set(err, ERR_CORRUPT, "state '%.40s', '%s' expected", found, outcome_state_name(state));
	if (js_get_u64(j, "attempt", LEASE_ATTEMPTS_MAX) >= LEASE_ATTEMPTS_MAX)
		return err_set(err, ERR_CORRUPT, "attempt isn't a number below %d", LEASE_ATTEMPTS_MAX);
	if (status > UINT8_MAX || outcome_of_status((int)status) != state)
		return err_set(err, ERR_CORRUPT, "exit %" PRIu64 " is not that of a unit that is %s", status,
			       outcome_state_name(state));
	return 0;
}

/* *ret NULL: there is no such file. One that can't be read now says nothing against it. */
static int read_one(int dirfd, const struct unit *unit, enum outcome_state state, struct json **ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OUTCOME_MAX);
	AUTO(js_freep) struct json *j = NULL;
	struct err why = ERR_INIT;
	char name[FILE_NAME_TEXT];
	AUTO_FD int fd = -1;

	*ret = NULL;
	file_name(state, name);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, errno == ELOOP ? ERR_CORRUPT : ERR_TEMPFAIL, "'%s'", name);
	if (file_slurp_fd(fd, name, &text, &why) < 0)
		return err_set(err, why.code == ERR_CORRUPT || why.sys == EISDIR ? ERR_CORRUPT : ERR_TEMPFAIL, "%s",
			       why.text);
	j = js_parse(buf_str(&text), text.len, err);
	if (!j || outcome_check(j, unit, state, err) < 0)
		return err_wrap(err, "'%s'", name);
	*ret = take_ptr(&j);
	return 0;
}

/* A published result can't be taken back, so "done" is looked for first. */
int outcome_read(int dirfd, const struct unit *unit, struct json **ret, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < STATES && !*ret; i++)
		if (read_one(dirfd, unit, states[i].state, ret, err) < 0)
			return -1;
	return 0;
}

/* ---- writing ---- */

/* An outcome is only made where there is none that is believed: what is there, somebody may want to look at. */
static int move_others(int dirfd, enum outcome_state state, struct err *err)
{
	char name[FILE_NAME_TEXT], to[FILE_NAME_TEXT + sizeof OUTCOME_ODD];

	for (size_t i = 0; i < STATES; i++) {
		file_name(states[i].state, name);
		snprintf(to, sizeof to, "%s" OUTCOME_ODD, name);
		if (states[i].state != state && renameat(dirfd, name, dirfd, to) < 0 && errno != ENOENT)
			return err_sys(err, ERR_INTERNAL, "cannot rename '%s' to '%s'", name, to);
	}
	return 0;
}

int outcome_write(int dirfd, const struct json *outcome, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OUTCOME_MAX);
	enum outcome_state state = outcome_state(outcome);
	char name[FILE_NAME_TEXT];

	if (js_print(outcome, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "an outcome is over %d bytes", OUTCOME_MAX);
	if (move_others(dirfd, state, err) < 0)
		return -1;
	file_name(state, name);
	return file_replace(dirfd, name, buf_str(&text), text.len, 0644, err);
}

int outcome_commit(int dirfd, const char *from, enum outcome_state state, struct err *err)
{
	char name[FILE_NAME_TEXT];

	if (move_others(dirfd, state, err) < 0)
		return -1;
	file_name(state, name);
	if (renameat(dirfd, from, dirfd, name) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot rename '%s' to '%s'", from, name);
	return file_sync_dir(dirfd, err);
}

int outcome_set_aside(int dirfd, const struct json *outcome, struct err *err)
{
	char name[FILE_NAME_TEXT], attempt[LEASE_ATTEMPT_TEXT], to[LEASE_ATTEMPT_TEXT + FILE_NAME_TEXT];

	file_name(outcome_state(outcome), name);
	lease_attempt_name((unsigned)js_get_u64(outcome, "attempt", 0), attempt);
	if (mkdirat(dirfd, attempt, 0755) < 0 && errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot make '%s'", attempt);
	snprintf(to, sizeof to, "%s/%s", attempt, name);
	if (renameat(dirfd, name, dirfd, to) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot move '%s' to '%s'", name, to);
	return file_sync_dir(dirfd, err);
}
