/* Work in several threads: the same function in each, ended by the first error. */
#ifndef REHOST_CORE_BASE_WORK_H
#define REHOST_CORE_BASE_WORK_H

#include "core/base/err.h"

/* How many threads to use: asked, or with 0 one for each core that this process may run on; 1 … 64. */
unsigned work_threads(unsigned asked);

/* Calls fn in so many threads (the caller's among them) and returns when all have. Fewer run when no more can be
 * started. The error is that of the first call that failed; fn itself sees to it that the others stop. */
int work_run(unsigned threads, int (*fn)(void *opaque, struct err *err), void *opaque, struct err *err);

#endif
