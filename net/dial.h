/* The machine's side of a P2V conversion (docs/p2v.md): dials the conversion host, shows who it is by the token, sends
 * the inventory, and serves its disks, read-only, until the host is done.
 *
 *     struct dial_options o = {.server = "10.0.0.5", .token = "rokof-babad-…", .inventory = j, .disks = d, .ndisks =
 * 2}; if (dial_run(&o, &err) < 0) …
 */
#ifndef REHOST_NET_DIAL_H
#define REHOST_NET_DIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "formats/block.h"

enum {
	DIAL_PORT = 10899,
	DIAL_DISKS_MAX = 64, /* the controllers of one machine; each disk takes a few connections */
};

enum dial_state {
	DIAL_UNKNOWN = 0,
	DIAL_CONNECTING, /* or connecting again */
	DIAL_WAITING,	 /* the host knows us; it is busy with others */
	DIAL_CONVERTING,
	DIAL_DONE,
	DIAL_FAILED,
};

struct dial_progress {
	enum dial_state state;
	const char *text;     /* a sentence; why the connection failed, what the host does; "" nothing to say */
	uint64_t done, total; /* bytes of the copy on the host; 0, 0: it doesn't copy (yet) */
	uint64_t read;	      /* bytes of disk data that were sent since dial_run() */
};

struct dial_options {
	const char *server; /* "host", "host:port", "[v6]:port" */
	const char *token;  /* its words */
	/* docs/p2v.md; borrowed. Of its "disks" the sizes, sectors and identities are filled in by dial_run(). */
	const struct json *inventory;
	struct block *const *disks; /* as many as the inventory names, in its order; borrowed, only read, by threads */
	size_t ndisks;
	unsigned retry_seconds; /* how long to dial without an answer; 0: for ever */
	/* NULL, or told of every change, at least once a second while data flows; from one thread at a time. */
	void (*progress)(const struct dial_progress *p, void *opaque);
	void *opaque;
	const atomic_bool *cancel; /* NULL, or set by the user: the host is told and dial_run() returns soon */
};

/* 0: the host has converted the machine. Else ERR_USAGE: the server or the token can't be one, the inventory doesn't
 * fit the disks; ERR_BLOCKED: the host refuses us, and why; ERR_POLICY: whoever answers doesn't have the token (or it
 * has expired); ERR_CONVERT: the conversion failed on the host, and why (dialling again resumes it); ERR_TEMPFAIL:
 * nobody answered for retry_seconds; ERR_INTERRUPTED: cancelled. */
int dial_run(const struct dial_options *options, struct err *err);

/* Whether a host answers there that has the token: a handshake, and no word more; nothing is enrolled by it. ERR_USAGE,
 * ERR_POLICY and ERR_TEMPFAIL as of dial_run(). */
int dial_check(const char *server, const char *token, struct err *err);

/* True for nine words whose last fits the others: while it is being typed. */
bool dial_token_valid(const char *words);

const char *dial_state_name(enum dial_state s); /* "connecting", "waiting", "converting", "done", "failed" */

#endif
