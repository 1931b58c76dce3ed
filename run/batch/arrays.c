/* Units as task arrays. */
#include "run/batch/arrays.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/checked.h"

enum {
	MEMORY_STEP_MIB = 512,
	GIB_IN_MIB = 1024,
	LIST_MAX = ARRAY_SPAN_MAX * 12, /* "4294967295," for each task */
};

static unsigned round_memory(unsigned mib)
{
	return (unsigned)min_u64(div_round_up(mib, MEMORY_STEP_MIB) * MEMORY_STEP_MIB, UINT32_MAX);
}

static unsigned round_tmp(unsigned mib)
{
	uint64_t size = mib ? GIB_IN_MIB : 0;

	while (size < mib)
		size *= 2;
	return (unsigned)min_u64(size, UINT32_MAX);
}

static struct task_array wants_of(const struct unit *u, unsigned span)
{
	return (struct task_array){.source_group = u->source_group,
				   .cpus = u->cpus,
				   .memory_mib = round_memory(u->memory_mib),
				   .tmp_mib = round_tmp(u->tmp_mib),
				   .offset = u->index / span * span};
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same(const struct task_array *a, const struct task_array *b)
{
	return a->cpus == b->cpus && a->memory_mib == b->memory_mib && a->tmp_mib == b->tmp_mib &&
	       a->offset == b->offset && same_text(a->source_group, b->source_group);
}

/* From the last: offsets grow, so an array that is full up is soon behind. */
static struct task_array *find(const task_arrays *all, const struct task_array *wants)
{
	for (size_t i = all->n; i--;)
		if (same(&all->v[i], wants))
			return &all->v[i];
	return NULL;
}

void task_arrays_make(struct arena *a, const struct unit *units, size_t n, unsigned span, task_arrays *ret)
{
	span = (unsigned)min_u64(span, ARRAY_SPAN_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct task_array wants = wants_of(&units[i], span);
		struct task_array *array = find(ret, &wants);

		if (!array) {
			array = vec_push(a, ret);
			*array = wants;
		}
		*vec_push(a, &array->tasks) = units[i].index - array->offset;
	}
}

/* How many tasks from v[0] on follow each other. */
static size_t run_length(const unsigned *v, size_t n)
{
	size_t i = 1;

	while (i < n && v[i] == v[i - 1] + 1)
		i++;
	return i;
}

const char *task_array_list(struct arena *a, const struct task_array *array)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LIST_MAX);

	for (size_t i = 0, n; i < array->tasks.n; i += n) {
		const unsigned *v = array->tasks.v + i;

		n = run_length(v, array->tasks.n - i);
		buf_addf(&b, "%s%u", i ? "," : "", v[0]);
		if (n > 1)
			buf_addf(&b, "-%u", v[n - 1]);
	}
	return arena_strdup(a, buf_str(&b));
}
