/* Tree hashes of files, in several threads; holes are skipped. */
#include "run/verify/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/work.h"

enum { PIECE = 256 << 10 /* read and hashed while it is in the processor's cache */ };

struct hasher {
	const struct tree_job *job;
	struct tree *t;
	pthread_mutex_t lock; /* of cursor and stop */
	uint64_t cursor;      /* chunks before it are given out, or holes */
	bool stop;
	_Atomic uint64_t read;
};

uint64_t tree_chunk(uint64_t size)
{
	uint64_t chunk = TREE_CHUNK_MIN;

	while (size / chunk >= TREE_LEAVES_MAX)
		chunk *= 2;
	return chunk;
}

static uint64_t chunk_len(const struct hasher *h, size_t i)
{
	return min_u64(h->job->chunk, h->job->size - i * h->job->chunk);
}

int tree_zero_leaf(uint64_t len, unsigned char ret[HASH128], struct err *err)
{
	AUTO(hash128_freep) struct hash128 *h = hash128_new();
	AUTO_FREE char *zeros = calloc(1, PIECE);

	if (!h || !zeros)
		return err_nomem(err);
	for (uint64_t at = 0; at < len; at += PIECE)
		hash128_add(h, zeros, min_u64(PIECE, len - at));
	hash128_get(h, ret);
	return 0;
}

int tree_root(uint64_t size, const unsigned char (*leaves)[HASH128], size_t nleaves, unsigned char ret[HASH128],
	      struct err *err)
{
	AUTO(hash128_freep) struct hash128 *h = hash128_new();
	unsigned char head[8];

	if (!h)
		return err_nomem(err);
	put_le64(head, size);
	hash128_add(h, head, sizeof head);
	hash128_add(h, leaves, nleaves * HASH128);
	hash128_get(h, ret);
	return 0;
}

/* Every leaf as if the file were one hole. */
static int fill_zero_leaves(struct hasher *h, struct err *err)
{
	struct tree *t = h->t;

	if (!t->nleaves)
		return 0;
	if (t->nleaves > 1 && tree_zero_leaf(h->job->chunk, t->leaves[0], err) < 0)
		return -1;
	for (size_t i = 1; i + 1 < t->nleaves; i++)
		memcpy(t->leaves[i], t->leaves[0], HASH128);
	return tree_zero_leaf(chunk_len(h, t->nleaves - 1), t->leaves[t->nleaves - 1], err);
}

/* The next byte that isn't in a hole; a file system that doesn't know holes has none. Lock held. */
static uint64_t next_data(const struct hasher *h)
{
	off_t at = lseek(h->job->fd, (off_t)h->cursor, SEEK_DATA);

	if (at < 0)
		return errno == ENXIO ? h->job->size : h->cursor;
	return (uint64_t)at;
}

static bool next_chunk(struct hasher *h, size_t *ret)
{
	bool found = false;

	pthread_mutex_lock(&h->lock);
	if (!h->stop && h->cursor < h->job->size) {
		uint64_t data = next_data(h);

		found = data < h->job->size;
		*ret = data / h->job->chunk;
		h->cursor = found ? (*ret + 1) * h->job->chunk : h->job->size;
	}
	pthread_mutex_unlock(&h->lock);
	return found;
}

static int hash_chunk(struct hasher *h, struct hash128 *hash, char *buf, size_t i, struct err *err)
{
	uint64_t off = i * h->job->chunk, len = chunk_len(h, i), n;

	hash128_reset(hash);
	for (uint64_t at = 0; at < len; at += n) {
		n = min_u64(PIECE, len - at);
		if (file_pread(h->job->fd, buf, n, off + at, err) < 0)
			return err_wrap(err, "'%s'", h->job->name);
		hash128_add(hash, buf, n);
	}
	hash128_get(hash, h->t->leaves[i]);
	h->read += len;
	return 0;
}

static int hash_chunks(void *opaque, struct err *err)
{
	struct hasher *h = opaque;
	AUTO(hash128_freep) struct hash128 *hash = hash128_new();
	AUTO_FREE char *buf = malloc(PIECE);
	int ret = hash && buf ? 0 : err_nomem(err);
	size_t i;

	while (ret == 0 && next_chunk(h, &i))
		ret = hash_chunk(h, hash, buf, i, err);
	if (ret < 0) {
		pthread_mutex_lock(&h->lock);
		h->stop = true;
		pthread_mutex_unlock(&h->lock);
	}
	return ret;
}

int tree_hash(const struct tree_job *job, struct tree *ret, struct err *err)
{
	struct hasher h = {.job = job, .t = ret, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned threads;

	*ret = (struct tree){.size = job->size, .nleaves = div_round_up(job->size, job->chunk)};
	ret->leaves = calloc(max_u64(ret->nleaves, 1), HASH128);
	if (!ret->leaves)
		return err_nomem(err);
	if (fill_zero_leaves(&h, err) < 0)
		return -1;
	threads = (unsigned)min_u64(work_threads(job->threads), max_u64(ret->nleaves, 1));
	if (work_run(threads, hash_chunks, &h, err) < 0)
		return -1;
	pthread_mutex_destroy(&h.lock);
	ret->read = h.read;
	return tree_root(ret->size, ret->leaves, ret->nleaves, ret->root, err);
}

void tree_done(struct tree *t)
{
	free(t->leaves);
	*t = (struct tree){0};
}
