/* Who may be converted: tokens, the machines that they enrolled, and what became of them; one file keeps it all.
 *
 * No threads and no clock in here: the caller locks, and says what time it is.
 */
#ifndef REHOST_RUN_SERVE_ENROL_H
#define REHOST_RUN_SERVE_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "net/token.h"

/* In the output folder; mode 0700, as the tokens are in there. */
#define SERVE_FOLDER ".rehost-serve"

enum {
	ENROL_TOKENS_MAX = 256,
	ENROL_MACHINES_MAX = 4096,
	ENROL_KEEP_DAYS = 90, /* what is kept of a machine of which nothing is heard */
	ENROL_KEY_TEXT = 17,  /* 16 hex digits */
	ENROL_NAME_TEXT = 80, /* a safe name, and what makes it unique */
	ENROL_SESSION_TEXT = 33,
	ENROL_FOLDER_TEXT = ENROL_KEY_TEXT + TOKEN_IDENTITY_TEXT,
};

enum enrol_state {
	ENROL_UNKNOWN = 0,
	ENROL_WAITING, /* for its turn, or to dial again */
	ENROL_CONVERTING,
	ENROL_DONE,
	ENROL_FAILED, /* may dial again, and is tried again then */
};

/* What an enrolment found. */
enum enrol_change {
	ENROL_NEW = 1,	   /* a machine that wasn't known */
	ENROL_SAME,	   /* the same boot of its live system */
	ENROL_REBOOTED,	   /* another boot, the same disks */
	ENROL_OTHER_DISKS, /* another boot, and the disks have changed since: what was read is void */
};

struct enrol_machine {
	char key[ENROL_KEY_TEXT], token[TOKEN_IDENTITY_TEXT], name[ENROL_NAME_TEXT], session[ENROL_SESSION_TEXT];
	char asked[ENROL_NAME_TEXT]; /* the name that it asked for, made safe: another machine may have had it */
	enum enrol_state state;
	char disks[ENROL_KEY_TEXT]; /* a hash over the disks' sizes and samples */
	bool anew;		    /* what an earlier conversion left is void */
	uint64_t size;		    /* bytes of all disks */
	uint64_t done, total;	    /* bytes of the copy */
	uint64_t sent;		    /* bytes of disk data that came over the network in the last conversion */
	uint64_t enrolled, changed; /* seconds since 1970 */
	unsigned ndisks;
	char address[64];
	char text[256]; /* what it does, or why it failed */
};

struct enrol;

/* What folder `dirfd` has, or nothing yet. */
int enrol_load(int dirfd, struct enrol **ret, struct err *err);
int enrol_save(const struct enrol *e, int dirfd, struct err *err);
void enrol_free(struct enrol *e); /* NULL is fine */
DEFINE_CLEANUP(struct enrol *, enrol_free)

/* expires: seconds since 1970. */
int enrol_add_token(struct enrol *e, const struct token *t, unsigned uses, uint64_t expires, struct err *err);
/* Tokens that can be of no more use: expired, and no machine of theirs is unfinished, but those of which nothing was
 * heard for ENROL_KEEP_DAYS. Where there are ENROL_TOKENS_MAX even so, the oldest one that is used up by machines that
 * are done. */
void enrol_forget_tokens(struct enrol *e, uint64_t now);
/* One with room for another machine; false: there is none. */
bool enrol_open_token(const struct enrol *e, uint64_t now, struct token *ret, unsigned *ret_uses,
		      uint64_t *ret_expires);
/* The token of this identity, as long as it can still be of use: it hasn't expired, or a machine it enrolled isn't
 * done. */
bool enrol_find_token(const struct enrol *e, const char *identity, uint64_t now, struct token *ret);
/* How many machines it is for; 0: it is unknown. */
unsigned enrol_uses(const struct enrol *e, const struct token *t);

/* Who has this token comes with a (checked) inventory. Its entry, which stays where it is until enrol_free().
 * One that isn't being converted gets the name that it
 * asks for now. ERR_BLOCKED: refused, and the text says why; the machine may see it. */
int enrol_machine(struct enrol *e, const struct token *t, const struct json *inventory, const char *session,
		  uint64_t now, struct enrol_machine **ret, enum enrol_change *ret_change, struct err *err);

/* Forgets machines that can't come back, as their token is gone: those of which nothing was heard for ENROL_KEEP_DAYS,
 * and when the list is full the oldest. Calls fn for each; entries stay where they are until
 * enrol_free(). */
void enrol_forget_machines(struct enrol *e, uint64_t now, void (*fn)(const struct enrol_machine *m, void *opaque),
			   void *opaque);

/* The entry that this machine has with this token; NULL: none yet. */
struct enrol_machine *enrol_find(const struct enrol *e, const struct token *t, const struct json *inventory);
/* Whether it asks for another name than it did the last time. */
bool enrol_renames(const struct enrol_machine *m, const struct json *inventory);
/* Its folder in SERVE_FOLDER: no other entry has the same. */
void enrol_folder(const struct enrol_machine *m, char name[ENROL_FOLDER_TEXT]);

size_t enrol_count(const struct enrol *e);
struct enrol_machine *enrol_at(struct enrol *e, size_t i);

const char *enrol_state_name(enum enrol_state s); /* "waiting", "converting", "done", "failed" */
/* A machine as `rehost machines --json` shows it. */
struct json *enrol_json(const struct enrol_machine *m);

#endif
