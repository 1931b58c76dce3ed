/* The copy engine: threads take chunks in order of offset, and what is durable is journalled. */
#include "run/copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/grow.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/work.h"
#include "core/base/zeros.h"
#include "run/copy_move.h"
#include "run/copy_read.h"

enum {
	COMMIT_BYTES = 256 << 20, /* what a kill may cost … */
	COMMIT_MS = 2000,	  /* … at most */
	PROGRESS_MS = 100,
	WRITEBACK_BYTES = 32 << 20, /* so that the sync at a commit has little left to do */
	NOTE_MAX = 64 << 10,	    /* 4096 clusters of 512 bytes in a chunk, each with a place of its own */
	NOTES_BYTES = 4 << 20,	    /* then they are written, and the room is used again */
	PIECE = 512 << 10,	    /* read and written while it is in the cache */
	SAMPLES = 4,		    /* chunks of an earlier run that are read again */
	THREADS_MAX = 64,
};

/* A chunk that is in the target, but perhaps not on disk yet. */
struct finished {
	uint64_t off, len, hash, source;
};

struct copier {
	const struct copy_job *job;
	struct block *source, *target;
	struct copy_reader reader;
	uint64_t unit; /* zeros are left out in pieces of this */
	uint64_t nchunks;
	unsigned char *reused; /* a bit a chunk */
	bool moves;	       /* the kernel may move data that nobody needs to see */
	struct copy_move move;

	pthread_mutex_t lock;	       /* of all below */
	uint64_t cursor;	       /* source bytes before it are given out */
	uint64_t at_work[THREADS_MAX]; /* chunks given out and not done */
	size_t nat_work;
	bool stop;
	struct finished *finished;
	size_t nfinished, finished_cap;
	uint64_t uncommitted; /* data bytes */
	bool committing;
	/* A flush failed. The kernel tells that once, of all that was written before: whatever a later one says,
	 * nothing more is journalled. */
	bool lost;
	pthread_cond_t committed;
	uint64_t committed_at, progress_at; /* ms */

	_Atomic uint64_t moved, done, unwritten;
};

/* ---- writing ---- */

static bool unit_is_zero(const struct copier *c, const char *buf, uint64_t at, uint64_t len)
{
	return all_zeros(buf + at, min_u64(c->unit, len - at));
}

/* Writes what isn't zeros: what isn't written reads as zeros, but on a stale target. */
static int write_chunk(struct copier *c, const char *buf, uint64_t off, uint64_t len, struct err *err)
{
	if (c->target && c->target->stale)
		return block_pwrite(c->target, buf, len, off, err);
	for (uint64_t at = 0, end; c->target && at < len; at = end) {
		bool zero = unit_is_zero(c, buf, at, len);

		for (end = at + c->unit; end < len && unit_is_zero(c, buf, end, len) == zero;)
			end += c->unit;
		end = min_u64(end, len);
		if (!zero && block_pwrite(c->target, buf + at, end - at, off + at, err) < 0)
			return -1;
	}
	return 0;
}

static void begin_writeback(struct copier *c, uint64_t written)
{
	if (c->job->writeback_fd < 0 || atomic_fetch_add(&c->unwritten, written) + written < WRITEBACK_BYTES)
		return;
	c->unwritten = 0;
	sync_file_range(c->job->writeback_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* ---- what is durable ---- */

static int add_extents(struct copier *c, const struct finished *f, size_t n, char *notes, struct err *err)
{
	struct journal_extent e[NOTES_BYTES / NOTE_MAX];
	struct err why = ERR_INIT;
	size_t ne = 0;

	for (size_t i = 0; i < n; i++) {
		char *note = notes + i * NOTE_MAX;

		*note = '\0';
		if (c->target->ops->note &&
		    c->target->ops->note(c->target, f[i].off, f[i].len, note, NOTE_MAX, &why) < 0) {
			log_debug("a resume will copy this again: %s", why.text);
			continue;
		}
		e[ne++] = (struct journal_extent){.disk = c->job->disk,
						  .off = f[i].off,
						  .len = f[i].len,
						  .hash = f[i].hash,
						  .source = f[i].source,
						  .note = note};
	}
	return journal_add_extents(c->job->journal, e, ne, err);
}

/* Flushes the target and journals chunks that were finished before. */
static int commit(struct copier *c, const struct finished *f, size_t n, struct err *err)
{
	AUTO_FREE char *notes = NULL;
	size_t step = NOTES_BYTES / NOTE_MAX;

	if (!n)
		return 0;
	notes = malloc(NOTES_BYTES);
	if (!notes)
		return err_nomem(err);
	if (block_flush(c->target, err) < 0) {
		pthread_mutex_lock(&c->lock);
		c->lost = true;
		pthread_mutex_unlock(&c->lock);
		return -1;
	}
	for (size_t i = 0; i < n; i += step)
		if (add_extents(c, f + i, min_u64(step, n - i), notes, err) < 0)
			return -1;
	return 0;
}

/* Takes the list for a commit when one is due and nobody else is at it; NULL when not. */
static struct finished *take_due(struct copier *c, size_t *ret_n)
{
	uint64_t now = clock_ms();
	struct finished *f = NULL;

	if (!c->lost && !c->committing && c->nfinished &&
	    (c->uncommitted >= COMMIT_BYTES || now - c->committed_at >= COMMIT_MS)) {
		f = take_ptr(&c->finished);
		*ret_n = c->nfinished;
		c->nfinished = c->finished_cap = 0;
		c->uncommitted = 0;
		c->committing = true;
	}
	return f;
}

/* When the disk is slower than the source, the threads wait for the commit that is under way: neither dirty pages nor
 * what a kill costs grow beyond two commits. */
static int commit_if_due(struct copier *c, struct err *err)
{
	AUTO_FREE struct finished *f = NULL;
	size_t n = 0;
	int ret;

	pthread_mutex_lock(&c->lock);
	while (c->committing && c->uncommitted >= COMMIT_BYTES)
		pthread_cond_wait(&c->committed, &c->lock);
	f = take_due(c, &n);
	pthread_mutex_unlock(&c->lock);
	if (!f)
		return 0;
	ret = commit(c, f, n, err);
	pthread_mutex_lock(&c->lock);
	c->committing = false;
	c->committed_at = clock_ms();
	pthread_cond_broadcast(&c->committed);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Chunks with bad ranges aren't journalled, so that a resumed run reports these ranges too. */
static int finish_chunk(struct copier *c, const struct finished *f, uint64_t data, struct err *err)
{
	bool bad;
	int ret = 0;

	c->done += data;
	pthread_mutex_lock(&c->lock);
	bad = copy_reader_has_bad(&c->reader, f->off);
	if (c->job->ledger && !bad)
		copy_ledger_put(c->job->ledger, f->off, f->source);
	if (c->job->progress && clock_ms() - c->progress_at >= PROGRESS_MS) {
		c->progress_at = clock_ms();
		c->job->progress(c->done, c->job->opaque);
	}
	if (c->job->journal && c->target && !bad) {
		ret = array_grow(&c->finished, c->nfinished, &c->finished_cap, sizeof *f, err);
		if (ret == 0)
			c->finished[c->nfinished++] = *f;
		c->uncommitted += data;
	}
	pthread_mutex_unlock(&c->lock);
	return ret < 0 ? -1 : commit_if_due(c, err);
}

/* ---- the threads ---- */

static bool is_reused(const struct copier *c, uint64_t chunk)
{
	return c->reused[chunk / 8] >> (chunk % 8) & 1;
}

static void chunk_range(const struct copier *c, uint64_t chunk, uint64_t *ret_off, uint64_t *ret_len)
{
	*ret_off = chunk * COPY_CHUNK;
	*ret_len = min_u64(COPY_CHUNK, c->source->size - *ret_off);
}

/* Tells a target that is written in order how far all chunks are done. */
static int settle(struct copier *c, struct err *err)
{
	uint64_t done = UINT64_MAX;

	if (!c->target || !c->target->ops->settled)
		return 0;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->nat_work; i++)
		done = min_u64(done, c->at_work[i]);
	done = min_u64(done, c->cursor);
	pthread_mutex_unlock(&c->lock);
	return block_settled(c->target, done, err);
}

static void leave_chunk(struct copier *c, uint64_t off)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->nat_work; i++)
		if (c->at_work[i] == off)
			c->at_work[i] = c->at_work[--c->nat_work];
	pthread_mutex_unlock(&c->lock);
}

/* The next chunk that has data and isn't reused; called with the lock held. 0 when there is none, -1 on error. */
static int find_chunk(struct copier *c, uint64_t *ret_off, uint64_t *ret_len, struct err *err)
{
	struct extent e;

	while (c->cursor < c->source->size) {
		uint64_t chunk = c->cursor / COPY_CHUNK;

		if (is_reused(c, chunk)) {
			c->cursor = (chunk + 1) * COPY_CHUNK;
			continue;
		}
		if (block_extent(c->source, c->cursor, c->source->size - c->cursor, &e, err) < 0)
			return -1;
		if (e.kind != EXTENT_DATA) {
			c->cursor += e.len;
			continue;
		}
		chunk_range(c, chunk, ret_off, ret_len);
		c->cursor = *ret_off + COPY_CHUNK;
		return 1;
	}
	return 0;
}

static int next_chunk(struct copier *c, uint64_t *ret_off, uint64_t *ret_len, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	if (!c->stop)
		ret = find_chunk(c, ret_off, ret_len, err);
	if (ret > 0)
		c->at_work[c->nat_work++] = *ret_off;
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* What a thread has in hand. */
struct worker {
	struct copier *c;
	char *buf;     /* COPY_CHUNK */
	uint64_t data; /* bytes of the chunk that were read */
};

/* In pieces that stay in the processor's cache between reading (or inflating) and writing. The buffer holds all of the
 * range in the end. */
static int copy_range(void *opaque, uint64_t off, uint64_t len, struct err *err)
{
	struct worker *w = opaque;
	uint64_t data, n;

	for (uint64_t at = 0; at < len; at += n) {
		n = min_u64(max_u64(PIECE, w->c->unit), len - at);
		if (copy_reader_chunk(&w->c->reader, w->buf + at, off + at, n, &data, err) < 0 ||
		    write_chunk(w->c, w->buf + at, off + at, n, err) < 0)
			return -1;
		w->data += data;
	}
	return 0;
}

static int copy_chunk(struct worker *w, uint64_t off, uint64_t len, struct err *err)
{
	struct finished f = {.off = off, .len = len};
	struct copier *c = w->c;
	uint64_t moved = 0;

	w->data = 0;
	if (settle(c, err) < 0)
		return -1;
	if (c->moves ? copy_move_range(&c->move, off, len, copy_range, w, &moved, err) < 0
		     : copy_range(w, off, len, err) < 0)
		return -1;
	if (c->job->journal)
		f.hash = hash_xxh3(w->buf, len);
	if (c->job->ledger)
		f.source = copy_ledger_sum(c->job->ledger, w->buf, len, off);
	c->moved += moved;
	begin_writeback(c, w->data + moved);
	return finish_chunk(c, &f, w->data + moved, err);
}

static int copy_chunks(void *opaque, struct err *err)
{
	struct copier *c = opaque;
	AUTO_FREE char *buf = aligned_alloc(4096, COPY_CHUNK);
	struct worker w = {.c = c, .buf = buf};
	uint64_t off, len;
	int ret = buf ? 1 : err_nomem(err);

	while (ret > 0) {
		ret = next_chunk(c, &off, &len, err);
		if (ret <= 0)
			break;
		if (copy_chunk(&w, off, len, err) < 0)
			ret = -1;
		leave_chunk(c, off);
		/* After an error too: others may wait for this chunk. */
		if (settle(c, ret < 0 ? NULL : err) < 0)
			ret = -1;
	}
	if (ret < 0) {
		pthread_mutex_lock(&c->lock);
		c->stop = true;
		pthread_mutex_unlock(&c->lock);
	}
	return ret;
}

/* ---- resuming ---- */

static bool is_chunk(const struct copier *c, const struct journal_extent *e)
{
	uint64_t off, len;

	if (e->disk != c->job->disk || e->off >= c->source->size || e->off % COPY_CHUNK)
		return false;
	chunk_range(c, e->off / COPY_CHUNK, &off, &len);
	return e->len == len;
}

/* The target takes the chunk over. Its journal is durable, so a note that it can't use is damage, not an accident. */
static int adopt(struct copier *c, const struct journal_extent *e, struct err *err)
{
	uint64_t chunk = e->off / COPY_CHUNK;

	if (c->target->ops->adopt && c->target->ops->adopt(c->target, e->off, e->len, e->note, err) < 0)
		return err_wrap(err, "the run can't be resumed, --restart starts anew");
	c->reused[chunk / 8] |= (unsigned char)(1 << chunk % 8);
	if (c->job->ledger)
		copy_ledger_put(c->job->ledger, e->off, e->source);
	return 0;
}

static int check_hash(const char *buf, const struct journal_extent *e, const char *whose, const char *name,
		      struct err *err)
{
	uint64_t hash = hash_xxh3(buf, e->len);

	if (hash == e->hash)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "%s '%s': the bytes at 0x%" PRIx64 " have hash %016" PRIx64 ", the journal says %016" PRIx64
		       ": the run can't be resumed, --restart starts anew",
		       whose, name, e->off, hash, e->hash);
}

/* Reads an adopted chunk again: does the source still give these bytes, and where the target can be read, are they
 * there? */
static int check_sample(struct copier *c, char *buf, const struct journal_extent *e, struct err *err)
{
	uint64_t data;

	if (copy_reader_chunk(&c->reader, buf, e->off, e->len, &data, err) < 0 ||
	    check_hash(buf, e, "source", c->source->name, err) < 0)
		return -1;
	if (c->target->ops->note)
		return 0;
	if (block_pread(c->target, buf, e->len, e->off, err) < 0)
		return -1;
	return check_hash(buf, e, "target", c->target->name, err);
}

static int check_samples(struct copier *c, const struct journal_extent *e, const size_t *adopted, size_t n,
			 struct err *err)
{
	AUTO_FREE char *buf = aligned_alloc(4096, COPY_CHUNK);

	if (!buf)
		return err_nomem(err);
	for (size_t i = 0; i < SAMPLES && i < n; i++) {
		size_t at = n < SAMPLES ? i : i * (n - 1) / (SAMPLES - 1);

		if (check_sample(c, buf, &e[adopted[at]], err) < 0)
			return -1;
	}
	return 0;
}

static int add_data(const struct extent *e, void *opaque, struct err *err)
{
	if (e->kind == EXTENT_DATA)
		*(uint64_t *)opaque += e->len;
	return 0;
}

static int adopt_all(struct copier *c, uint64_t *ret_reused, struct err *err)
{
	const struct journal_extent *e = NULL;
	size_t n = c->job->journal && c->target ? journal_extents(c->job->journal, &e) : 0, nadopted = 0;
	AUTO_FREE size_t *adopted = malloc((n + 1) * sizeof *adopted); /* indices */

	if (!adopted)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		if (!is_chunk(c, &e[i]) || is_reused(c, e[i].off / COPY_CHUNK))
			continue;
		adopted[nadopted++] = i;
		if (adopt(c, &e[i], err) < 0 ||
		    block_each_extent(c->source, e[i].off, e[i].len, add_data, ret_reused, err) < 0)
			return -1;
	}
	c->done = *ret_reused;
	return check_samples(c, e, adopted, nadopted, err);
}

/* ---- */

static int zero_extent(const struct extent *e, void *opaque, struct err *err)
{
	return e->kind == EXTENT_DATA ? 0 : block_zero(opaque, e->off, e->len, err);
}

/* Chunks without data aren't looked at later. */
static int clear_target(struct copier *c, struct err *err)
{
	if (!c->target || !c->target->stale)
		return 0;
	return block_each_extent(c->source, 0, c->source->size, zero_extent, c->target, err);
}

/* Copies, then makes durable what is complete, after an error too. */
static int copy_all(struct copier *c, struct err *err)
{
	struct err commit_err = ERR_INIT;
	int ret = work_run(work_threads(c->job->threads), copy_chunks, c, err);

	if (c->job->progress)
		c->job->progress(c->done, c->job->opaque);
	if (!c->lost && commit(c, c->finished, c->nfinished, &commit_err) < 0 && ret == 0) {
		*err = commit_err;
		ret = -1;
	}
	if (ret == 0 && c->target)
		ret = block_flush(c->target, err);
	return ret;
}

int copy_run(const struct copy_job *job, struct copy_result *result, struct err *err)
{
	struct copier c = {.job = job, .source = job->source, .target = job->target};
	int ret;

	*result = (struct copy_result){0};
	c.unit = c.target ? max_u64(c.target->unit, 4096) : COPY_CHUNK;
	c.moves = !job->journal && !job->ledger && copy_move_possible(c.source, c.target);
	c.move = (struct copy_move){.source = c.source, .target = c.target, .unit = c.unit};
	c.nchunks = div_round_up(c.source->size, COPY_CHUNK);
	c.committed_at = clock_ms();
	c.reused = calloc(c.nchunks / 8 + 1, 1);
	if (!c.reused || copy_reader_init(&c.reader, c.source, job->on_read_error) < 0) {
		free(c.reused);
		return err_nomem(err);
	}
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.committed, NULL);
	ret = adopt_all(&c, &result->reused, err);
	if (ret == 0)
		ret = clear_target(&c, err);
	if (ret == 0)
		ret = copy_all(&c, err);
	if (ret == 0 && job->ledger)
		ret = copy_ledger_compare(job->ledger, &result->compared, err);
	result->moved = c.moved;
	copy_reader_done(&c.reader, result);
	pthread_cond_destroy(&c.committed);
	pthread_mutex_destroy(&c.lock);
	free(c.reused);
	free(c.finished);
	return ret < 0 ? err_wrap(err, "copy of '%s'", job->source->name) : 0;
}

void copy_result_done(struct copy_result *r)
{
	free(r->bad);
	*r = (struct copy_result){0};
}
