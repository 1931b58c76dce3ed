/* The short-lived folder of a run's sockets, and the sweeping of those that killed runs left. */
#ifndef REHOST_RUN_RUNTIME_H
#define REHOST_RUN_RUNTIME_H

#include "core/base/err.h"

enum { RUNTIME_PATH_MAX = 80 /* a socket's path has at most 107 bytes */ };

struct runtime {
	char path[RUNTIME_PATH_MAX]; /* "" none */
	int fd;			     /* holds the lock that says it is in use */
};

/* Makes rehost-io-XXXXXX, mode 0700, in $XDG_RUNTIME_DIR when that is ours, else in /tmp. Folders of that name, ours, a
 * minute old, locked by nobody and with nothing but sockets in them, are removed first. */
int runtime_open(struct runtime *r, struct err *err);
/* Removes it. */
void runtime_close(struct runtime *r);

#endif
