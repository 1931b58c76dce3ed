/* Paths of Windows guests: the case of names doesn't matter there, to the file verbs it does. */
#ifndef REHOST_GUEST_WINPATH_H
#define REHOST_GUEST_WINPATH_H

#include "guest/guest.h"

/* The guest path ("/Windows/System32") of one in any case, with '/' or '\' and with or without a drive's letter, which
 * is left out ("c:\windows\system32"); NULL, and no error, when it isn't there. */
int win_path(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err);

/* The same for what may not be there yet: what is missing keeps the case that path gives it. */
int win_path_new(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err);

#endif
