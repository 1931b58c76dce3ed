#include "guest/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"

struct watchdog {
	struct watchdog_options o;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over;
	atomic_bool bitten;
};

/* False when the watchdog is to end. */
static bool wait_period(struct watchdog *w)
{
	const struct timespec next = clock_at(clock_ms() + w->o.period_ms);
	bool ret;

	pthread_mutex_lock(&w->lock);
	while (!w->over && pthread_cond_clockwait(&w->changed, &w->lock, CLOCK_MONOTONIC, &next) != ETIMEDOUT)
		;
	ret = !w->over;
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static void *watch(void *opaque)
{
	struct watchdog *w = opaque;
	uint64_t last = w->o.activity(w->o.opaque), now;
	unsigned same = 0;

	while (same < w->o.looks && wait_period(w)) {
		now = w->o.activity(w->o.opaque);
		same = now == last ? same + 1 : 0;
		last = now;
	}
	if (same >= w->o.looks) {
		atomic_store(&w->bitten, true);
		w->o.bite(w->o.opaque);
	}
	return NULL;
}

int watchdog_start(const struct watchdog_options *options, struct watchdog **ret, struct err *err)
{
	struct watchdog *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	w->o = *options;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	errno = pthread_create(&w->thread, NULL, watch, w);
	if (errno != 0) {
		free(w);
		return err_sys(err, ERR_INTERNAL, "cannot start the appliance's watchdog");
	}
	*ret = w;
	return 0;
}

bool watchdog_has_bitten(const struct watchdog *w)
{
	return w && atomic_load(&w->bitten);
}

void watchdog_stop(struct watchdog *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
