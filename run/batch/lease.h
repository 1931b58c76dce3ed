/* The claim on a unit of a batch job: one process at a time works on it, as an attempt with a number of its own.
 *
 *     AUTO(lease_dropp) struct lease *lease = NULL;
 *     if (lease_take(state_fd, LEASE_BEST, &lease, err) < 0)
 *             return -1;                              // ERR_TEMPFAIL: somebody else works on it
 *     … lease_attempt(lease), lease_attempt_fd(lease) …
 *     if (lease_check(lease, err) < 0)                // before publishing
 *             return -1;                              // ERR_TEMPFAIL: a later attempt has begun
 *
 * The state folder holds `lease`, locked by flock(2) while it is held, and attempt-0, attempt-1 …: the numbers are the
 * fencing token. Where the file system has no flock, making attempt-K is the claim: it is made when attempt-(K-1) has
 * ended, or its holder is known to be gone: dead on this host, or without a heartbeat for LEASE_STALE_SECONDS.
 */
#ifndef REHOST_RUN_BATCH_LEASE_H
#define REHOST_RUN_BATCH_LEASE_H

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "run/batch/holder.h"

enum {
	LEASE_BEAT_SECONDS = 20,
	LEASE_STALE_SECONDS = 120,   /* six beats: a file server may well stand still for one or two */
	LEASE_ATTEMPTS_MAX = 100000, /* numbers of attempts; who reaches it runs in circles */
	LEASE_ATTEMPT_TEXT = 24,     /* "attempt-12" */
};

enum lease_kind {
	LEASE_BEST = 0, /* flock where the file system has it */
	LEASE_FLOCK,
	LEASE_HEARTBEAT,
};

struct lease;

/* Claims the unit whose state folder is dirfd (borrowed while it is held) and makes the next attempt's folder.
 * ERR_TEMPFAIL, with the holder, when somebody else has it. */
int lease_take(int dirfd, enum lease_kind kind, struct lease **ret, struct err *err);
/* The attempt has ended; NULL is fine. */
void lease_drop(struct lease *l);
DEFINE_CLEANUP(struct lease *, lease_drop)

/* No later attempt has begun. */
int lease_check(const struct lease *l, struct err *err);

const struct holder *lease_holder(const struct lease *l);
unsigned lease_attempt(const struct lease *l);
int lease_attempt_fd(const struct lease *l);	   /* of its folder; the lease's */
enum lease_kind lease_kind(const struct lease *l); /* LEASE_FLOCK or LEASE_HEARTBEAT */
/* "attempt-K", the folder's name. */
void lease_attempt_name(unsigned attempt, char ret[LEASE_ATTEMPT_TEXT]);

/* Without locks: the attempt has ended in an orderly way, and all that it had started before it. */
bool lease_was_left(int dirfd, unsigned attempt);
/* By looking only: whether somebody holds it now; *ret is who, when that can be read (else its pid is 0). */
bool lease_is_held(int dirfd, enum lease_kind kind, struct holder *ret);
/* The highest attempt's number; -1: none was begun yet. */
int lease_last_attempt(int dirfd, int *ret, struct err *err);

#endif
