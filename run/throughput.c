/* Bytes over time, in a bounded number of steps that grow as time passes. */
#include "run/throughput.h"

#include <string.h>

static const double FIRST_INTERVAL = 0.25; /* seconds; progress is told ten times a second */

/* Pairs of steps become one. */
static void coalesce(struct throughput *t)
{
	for (size_t i = 0; i < THROUGHPUT_STEPS / 2; i++)
		t->bytes[i] = t->bytes[2 * i] + t->bytes[2 * i + 1];
	memset(t->bytes + THROUGHPUT_STEPS / 2, 0, sizeof t->bytes / 2);
	t->n = (t->n + 1) / 2;
	t->interval *= 2;
}

void throughput_add(struct throughput *t, double at, uint64_t done)
{
	size_t step;

	if (!t->interval)
		t->interval = FIRST_INTERVAL;
	while (at / t->interval >= THROUGHPUT_STEPS)
		coalesce(t);
	step = at > 0 ? (size_t)(at / t->interval) : 0;
	if (done > t->done)
		t->bytes[step] += done - t->done;
	if (step + 1 > t->n)
		t->n = step + 1;
	t->done = done;
}

struct json *throughput_json(const struct throughput *t)
{
	struct json *j, *bytes;

	if (!t->n)
		return NULL;
	j = js_object();
	js_set_real(j, "interval", t->interval);
	bytes = js_set(j, "bytes", js_array());
	for (size_t i = 0; i < t->n; i++)
		js_add_u64(bytes, t->bytes[i]);
	return j;
}
