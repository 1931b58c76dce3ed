/* Who may come in: so many connections that have not shown a token yet, and so many with each token.
 *
 *     switch (door_knock(&door, origin, now, &place, &evicted)) { case DOOR_OPEN: … }
 *
 * No threads, no sockets and no clock in here: the caller locks, says what time it is, and ends the evicted.
 */
#ifndef REHOST_RUN_SERVE_DOOR_H
#define REHOST_RUN_SERVE_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "net/token.h"
#include "run/serve/enrol.h"

enum {
	DOOR_STRANGERS_MAX = 64,	      /* handshakes at once: each takes a thread and a few KiB */
	DOOR_STRANGERS_OF_ONE = 16,	      /* of them from one address, so that it can't shut out the others */
	DOOR_PLACES = 2 * DOOR_STRANGERS_MAX, /* those that were evicted keep theirs until their threads end */
	DOOR_GRACE_MS = 500,		      /* a handshake takes a tenth of it, far away and on a busy host too */
	DOOR_TOKEN_SPARE = 64, /* connections of a token beyond one for each machine: disks that are just dialling */
};

enum door_answer {
	DOOR_OPEN = 1, /* it has a place; somebody else may have to go for it */
	DOOR_FULL,     /* nobody can go yet: later */
	DOOR_CLOSED,   /* its address has as many as it gets */
};

/* A connection that hasn't shown a token yet. */
struct stranger {
	bool taken, evicted;
	uint64_t origin, since; /* its address; ms */
};

struct door {
	struct stranger strangers[DOOR_PLACES];
	struct {
		char identity[TOKEN_IDENTITY_TEXT];
		unsigned connections;
	} tokens[ENROL_TOKENS_MAX];
};

/* Somebody knocks. Where all places are taken, the one who has been there longest, of the address that has most, goes
 * when its DOOR_GRACE_MS are over: so that who has the token always comes through, and who only holds connections open
 * doesn't stay. *ret_evicted: its place, or -1. now: ms, monotonic. */
enum door_answer door_knock(struct door *d, uint64_t origin, uint64_t now, unsigned *ret_place, int *ret_evicted);
/* It has shown a token, or gone. */
void door_leave(struct door *d, unsigned place);
/* Whether it was evicted meanwhile. */
bool door_evicted(const struct door *d, unsigned place);

/* One more connection with this token, whose machines are at most `machines`; false: it has as many as it gets. */
bool door_admit(struct door *d, const struct token *t, unsigned machines);
void door_dismiss(struct door *d, const struct token *t);

#endif
