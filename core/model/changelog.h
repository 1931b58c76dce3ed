/* The change log: every edit of the guest with its reason; in a dry run it is the plan. */
#ifndef REHOST_CORE_MODEL_CHANGELOG_H
#define REHOST_CORE_MODEL_CHANGELOG_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/mask.h"

enum change_kind {
	CHANGE_UNKNOWN = 0,
	CHANGE_EDIT,   /* a text file: diff is unified */
	CHANGE_CREATE, /* a new file: diff shows it all when it is text */
	CHANGE_BINARY, /* in words */
	CHANGE_REMOVE,
	CHANGE_LINK,
	CHANGE_TRIM,
};

struct change {
	enum change_kind kind;
	char *step;   /* id of the step that made it */
	char *path;   /* guest path or device */
	char *reason; /* one sentence */
	char *diff;   /* unified diff with secrets masked, or NULL */
	char *words;  /* what a binary change does, or NULL */
};

struct changelog {
	struct arena arena;
	VEC(struct change) changes;
	const char *step;  /* current step's id, stamped on what is added */
	uint64_t diffs;	   /* bytes of all diffs, as JSON writes them */
	struct mask *mask; /* made when the first diff is */
};

void changelog_done(struct changelog *log);

/* A text edit: before NULL means created, after NULL removed, equal texts record nothing. The unified diff (3 lines of
 * context) is made here; more than 1000 changed lines are shown as one block, and of diffs that would make a report too
 * long only the size is told. What looks like a secret is masked, since a report is for more eyes than some of the
 * guest's files. path begins with '/'. */
void changelog_text(struct changelog *log, const char *path, const char *before, const char *after, const char *reason);
/* Anything else, in words. */
void changelog_words(struct changelog *log, enum change_kind kind, const char *path, const char *reason,
		     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

const char *change_kind_name(enum change_kind k);
struct json *changelog_json(const struct changelog *log);
/* For people: each change with reason and diff. 0, or -1 when the buffer is full. */
int changelog_print(const struct changelog *log, struct buf *out);

#endif
