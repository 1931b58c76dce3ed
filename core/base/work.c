/* Work in several threads. */
#include "core/base/work.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

enum { THREADS_MAX = 64 /* a copy doesn't get faster with more, and each has its buffers */ };

struct crew {
	int (*fn)(void *opaque, struct err *err);
	void *opaque;
	pthread_mutex_t lock;
	bool failed;
	struct err *err; /* of the first that failed */
};

unsigned work_threads(unsigned asked)
{
	cpu_set_t set;

	if (!asked)
		asked = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	return asked < THREADS_MAX ? asked : THREADS_MAX;
}

static void *work(void *opaque)
{
	struct crew *c = opaque;
	struct err err = ERR_INIT;

	if (c->fn(c->opaque, &err) == 0)
		return NULL;
	pthread_mutex_lock(&c->lock);
	if (!c->failed && c->err)
		*c->err = err;
	c->failed = true;
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int work_run(unsigned threads, int (*fn)(void *opaque, struct err *err), void *opaque, struct err *err)
{
	struct crew c = {.fn = fn, .opaque = opaque, .lock = PTHREAD_MUTEX_INITIALIZER, .err = err};
	pthread_t others[THREADS_MAX];
	unsigned n = 0;

	while (n + 1 < threads && n < THREADS_MAX && pthread_create(&others[n], NULL, work, &c) == 0)
		n++;
	work(&c);
	while (n)
		pthread_join(others[--n], NULL);
	pthread_mutex_destroy(&c.lock);
	return c.failed ? -1 : 0;
}
