/* Units as task arrays: those that want the same of a cluster stand in one, numbered so that they fit its limit. */
#ifndef REHOST_RUN_BATCH_ARRAYS_H
#define REHOST_RUN_BATCH_ARRAYS_H

#include <stddef.h>

#include "core/base/arena.h"
#include "run/batch/job.h"

enum {
	/* Tasks between the first and the last of an array: the list of every other one of them is 30 KB, which one
	 * argument of a command (128 KiB) takes. */
	ARRAY_SPAN_MAX = 10000,
};

struct task_array {
	const char *source_group; /* NULL none */
	unsigned cpus, memory_mib, tmp_mib;
	unsigned offset; /* a unit's index is this and the task's number */
	VEC(unsigned) tasks;
};

typedef VEC(struct task_array) task_arrays;

/* Units by index. Task numbers are below span. What a unit takes is rounded up (memory to half a GiB, disk space to a
 * power of two in GiB), so that machines of slightly different size share an array. */
void task_arrays_make(struct arena *a, const struct unit *units, size_t n, unsigned span, task_arrays *ret);

/* The tasks as schedulers take them: "0-3,7,9-12". */
const char *task_array_list(struct arena *a, const struct task_array *array);

#endif
