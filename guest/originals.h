/* The originals of what a conversion changes in the guest, kept in a folder of the host, and put back from there.
 *
 * The folder holds originals.json, a list of what each path was ("file", "link", "missing") in the order in which it
 * was first changed, and the files' contents under numbers.
 */
#ifndef REHOST_GUEST_ORIGINALS_H
#define REHOST_GUEST_ORIGINALS_H

#include "core/base/cleanup.h"
#include "guest/guest.h"

struct originals;

/* Makes the folder beneath dirfd, emptying what an earlier try left there. */
int originals_open(int dirfd, const char *folder, struct originals **ret, struct err *err);
/* Writes what is kept so far, synced. */
int originals_save(struct originals *o, struct err *err);
void originals_close(struct originals *o);
DEFINE_CLEANUP(struct originals *, originals_close)

/* For guest.c, before it changes a path for the first time: keeps what is there; of a symlink itself, or with follow
 * what it points to. Folders are kept with all that is in them. */
int originals_keep(struct originals *o, struct guest *g, const char *path, bool follow, struct err *err);

/* Puts everything back, the last change first, recorded in the log. Folders that were made stay. A file that had been
 * removed comes back with its mode; its owner is root's. */
int originals_restore(int dirfd, const char *folder, struct guest *g, struct changelog *log, struct err *err);

#endif
