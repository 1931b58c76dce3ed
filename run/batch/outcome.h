/* What became of a unit: done.json, failed.json or blocked.json in its state folder, the only truth about it.
 *
 *     if (outcome_read(state_fd, &unit, &outcome, err) < 0)
 *             …                                       // there is one, and it can't be believed
 *     if (outcome)                                    // nothing is left to do
 *
 * Written to another name, synced and renamed, so that it is there whole or not at all.
 */
#ifndef REHOST_RUN_BATCH_OUTCOME_H
#define REHOST_RUN_BATCH_OUTCOME_H

#include "core/base/err.h"
#include "core/base/json.h"
#include "run/batch/job.h"

#define OUTCOME_SCHEMA "rehost-outcome-1"
#define OUTCOME_ODD    ".odd" /* behind the name of one that wasn't believed, and then made anew */

enum outcome_state {
	OUTCOME_UNKNOWN = 0,
	OUTCOME_DONE,
	OUTCOME_FAILED,	 /* another attempt might do better; all that were allowed are used up */
	OUTCOME_BLOCKED, /* none would, as the machine is */
};

const char *outcome_state_name(enum outcome_state state);

/* What an attempt's exit status says of the unit; UNKNOWN: nothing, it is to be tried again. 128 + signal for one that
 * was killed. */
enum outcome_state outcome_of_status(int status);

/* The outcome there is, checked: its schema, whose it is, its state against its file's name. *ret NULL: none.
 * ERR_CORRUPT tells what is wrong with it, ERR_TEMPFAIL that it can't be read now. */
int outcome_read(int dirfd, const struct unit *unit, struct json **ret, struct err *err);
/* The same check, of one that isn't in its place yet. */
int outcome_check(const struct json *j, const struct unit *unit, enum outcome_state state, struct err *err);
enum outcome_state outcome_state(const struct json *outcome);

/* Durable when it returns. */
int outcome_write(int dirfd, const struct json *outcome, struct err *err);

/* The same of one that was written before, to the file `from` of the folder: by one rename. */
int outcome_commit(int dirfd, const char *from, enum outcome_state state, struct err *err);

/* A failed or blocked unit is to be tried again: its outcome moves into the folder of the attempt it came from, where
 * earlier failures are no longer counted. */
int outcome_set_aside(int dirfd, const struct json *outcome, struct err *err);

#endif
