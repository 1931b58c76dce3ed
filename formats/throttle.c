/* A limit on how fast sources are read. */
#include "formats/throttle.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/bucket.h"
#include "core/base/checked.h"
#include "core/base/clock.h"

enum {
	PIECES_A_SECOND = 8, /* a read is cut, so that a slow line isn't busy for long and then silent for longer */
	PIECE_MIN = 4096,
	PIECE_MAX = 1 << 20,
};

struct throttle {
	atomic_uint users;
	pthread_mutex_t lock; /* of the bucket */
	pthread_cond_t woken; /* a wait may be over before its time */
	struct bucket bucket;
	uint64_t piece; /* bytes */
};

struct throttled {
	struct block b;
	struct block *file; /* owned */
	struct throttle *throttle;
};

int throttle_new(uint64_t rate, struct throttle **ret, struct err *err)
{
	struct throttle *t = calloc(1, sizeof *t);

	if (!t)
		return err_nomem(err);
	atomic_init(&t->users, 1);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->woken, NULL);
	bucket_init(&t->bucket, rate, clock_ns());
	t->piece = min_u64(PIECE_MAX, max_u64(PIECE_MIN, align_down(rate / PIECES_A_SECOND, PIECE_MIN)));
	*ret = t;
	return 0;
}

struct throttle *throttle_hold(struct throttle *t)
{
	atomic_fetch_add(&t->users, 1);
	return t;
}

void throttle_drop(struct throttle *t)
{
	if (!t || atomic_fetch_sub(&t->users, 1) != 1)
		return;
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->woken);
	free(t);
}

void throttle_wait(struct throttle *t, uint64_t n)
{
	static const atomic_bool never;

	throttle_wait_until(t, n, &never);
}

void throttle_wait_until(struct throttle *t, uint64_t n, const atomic_bool *stop)
{
	uint64_t until = clock_ns();
	struct timespec deadline;

	pthread_mutex_lock(&t->lock);
	until += bucket_take(&t->bucket, n, until);
	deadline = (struct timespec){.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000)};
	while (!atomic_load(stop) && clock_ns() < until)
		pthread_cond_clockwait(&t->woken, &t->lock, CLOCK_MONOTONIC, &deadline);
	pthread_mutex_unlock(&t->lock);
}

void throttle_wake(struct throttle *t)
{
	pthread_mutex_lock(&t->lock);
	pthread_cond_broadcast(&t->woken);
	pthread_mutex_unlock(&t->lock);
}

static int throttled_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct throttled *t = (struct throttled *)b;
	char *to = buf;

	for (size_t n; len; to += n, off += n, len -= n) {
		n = (size_t)min_u64(len, t->throttle->piece);
		throttle_wait(t->throttle, n);
		if (block_pread(t->file, to, n, off, err) < 0)
			return -1;
	}
	return 0;
}

static int throttled_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	return block_extent(((struct throttled *)b)->file, off, max, ret, err);
}

static void throttled_close(struct block *b)
{
	struct throttled *t = (struct throttled *)b;

	block_close(t->file);
	throttle_drop(t->throttle);
	free(t);
}

static const struct block_ops throttled_ops = {
    .name = "file",
    .pread = throttled_pread,
    .extent = throttled_extent,
    .close = throttled_close,
};

int throttle_open(struct block *file, struct throttle *t, struct block **ret, struct err *err)
{
	struct throttled *made = calloc(1, sizeof *made);

	if (!made)
		return err_nomem(err);
	made->b = *file;
	made->b.ops = &throttled_ops;
	made->file = file;
	made->throttle = throttle_hold(t);
	*ret = &made->b;
	return 0;
}
