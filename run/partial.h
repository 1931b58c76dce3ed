/* The partial folder: DIR/.NAME.partial/ holds everything of a run until one rename publishes it as DIR/NAME/. */
#ifndef REHOST_RUN_PARTIAL_H
#define REHOST_RUN_PARTIAL_H

#include <stdbool.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

struct partial;

/* Opens or creates DIR/.NAME.partial/ and locks it. DIR is made when missing. DIR/NAME exists and not force, or DIR
 * can't be written: ERR_BLOCKED; another run holds the lock: ERR_TEMPFAIL. */
int partial_open(const char *dir, const char *name, bool force, struct partial **ret, struct err *err);

/* ERR_BLOCKED when the result that --force replaces, DIR/NAME, is `path` or holds it: it would be removed with it. A
 * path that isn't there is held by nothing. */
int partial_spares(const struct partial *p, const char *path, struct err *err);

/* The same for a folder that parents of the source may be read from: nor may the target lie in it. */
int partial_spares_parents(const struct partial *p, const char *allowed, struct err *err);

int partial_dirfd(const struct partial *p);	    /* for reading and writing names in it */
const char *partial_path(const struct partial *p);  /* absolute: for messages and the io process */
const char *partial_final(const struct partial *p); /* absolute path of DIR/NAME */
bool partial_was_there(const struct partial *p);    /* left by an earlier run */

/* Empties the folder (a run that starts anew). */
int partial_empty(struct partial *p, struct err *err);

/* The long part of publishing: syncs everything in it. Afterwards what only a resume needs may go. ERR_BLOCKED when the
 * target has appeared meanwhile. */
int partial_prepare(struct partial *p, struct err *err);

/* Is it a file that only a resume needs: the journal, a delta, a map, a spool? */
bool partial_is_scaffold(const char *name);
/* Removes these. */
int partial_remove_scaffold(struct partial *p, struct err *err);

/* Renames it to NAME: without replacing, or with force by exchange, the old result removed after. */
int partial_publish(struct partial *p, struct err *err);

/* Removes the folder with its content: for input errors, which leave nothing. */
void partial_discard(struct partial *p);

/* Closes and unlocks; what is in the folder stays. NULL is fine. */
void partial_close(struct partial *p);
DEFINE_CLEANUP(struct partial *, partial_close)

struct cleaned {
	unsigned removed, held; /* held: a run is working on it */
};

/* Removes DIR/.NAME.partial/ of an earlier run; with name NULL all that no run holds, whatever becomes of the others:
 * err tells of the first that can't be removed. With a name, one that is held is ERR_TEMPFAIL. */
int partial_clean(const char *dir, const char *name, struct cleaned *ret, struct err *err);

#endif
