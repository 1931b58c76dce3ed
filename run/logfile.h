/* The full log of a run: kept in memory until there is a folder to write it to, then a file in that folder. */
#ifndef REHOST_RUN_LOGFILE_H
#define REHOST_RUN_LOGFILE_H

#include "core/base/err.h"
#include "core/base/log.h"

/* Takes over the log (log_set_sink); `also` (may be NULL) hears each line too. Call once, at start. */
void logfile_start(log_sink *also, void *opaque);
/* From now on into dirfd/name, what was kept first. */
int logfile_attach(int dirfd, const char *name, struct err *err);
/* The file is complete: what comes is kept, until another one is attached. */
void logfile_detach(void);

#endif
