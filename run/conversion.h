/* `rehost convert --progress json` (or another command of ours) as a child: how it is started, and what it says.
 *
 * Who converts many machines (run/serve/, run/batch/) gives each a process of its own: one that dies takes no other
 * with it.
 */
#ifndef REHOST_RUN_CONVERSION_H
#define REHOST_RUN_CONVERSION_H

#include <stddef.h>
#include <sys/types.h>

#include "core/base/child.h"
#include "core/base/json.h"

enum { CONVERSION_LINE_MAX = 64 << 10 /* longer ones are left out: an event has a path or an error's text at most */ };

/* This program with these arguments, the first being "rehost"; NULL-terminated. Its standard error, and its standard
 * output unless fds names that, go to *ret_said, for conversion_hear(). Dies with the thread that calls. */
pid_t conversion_start(const char *const *argv, const struct child_fd *fds, size_t nfds, int *ret_said,
		       struct err *err);

/* Who listens; either may be NULL. line is without its newline. */
struct conversion_ear {
	void (*event)(const struct json *event, const char *line, void *opaque);
	void (*text)(const char *line, void *opaque); /* what is no event */
	void *opaque;
};

/* Reads until all have closed their ends; takes fd. */
void conversion_hear(int fd, const struct conversion_ear *ear);

#endif
