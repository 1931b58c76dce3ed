/* Being asked to end, and children that did, for who waits for both. */
#ifndef REHOST_RUN_BATCH_SIGNALS_H
#define REHOST_RUN_BATCH_SIGNALS_H

#include "core/base/err.h"

struct signals {
	int fd;	     /* signalfd(2) */
	int stopped; /* the first of SIGTERM, SIGINT and SIGHUP that came; 0 none */
};

/* From here on those signals, and SIGCHLD, come only through this; children begin without. SIGHUP that is ignored
 * (nohup) stays so. Before threads are started. */
int signals_open(struct signals *s, struct err *err);
void signals_close(struct signals *s);

/* Until one comes, at most ms. */
void signals_wait(struct signals *s, int ms);
/* Takes note of what has come. */
void signals_look(struct signals *s);

/* SIGINT: ERR_INTERRUPTED (exit 130), else ERR_TERMINATED (143). */
int signals_error(const struct signals *s, const char *what, struct err *err);

#endif
