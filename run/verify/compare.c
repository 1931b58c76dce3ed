/* The disks of a result against their source, chunk by chunk in several threads; where both have holes nothing is read.
 */
#include "run/verify/compare.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/grow.h"
#include "core/base/hash.h"
#include "core/base/work.h"
#include "core/base/zeros.h"
#include "formats/open.h"

enum { BLOCK = 4096 /* bytes that a difference is narrowed down to: the graft's */ };

struct comparer {
	const struct disk_compare_job *job;
	struct disk_comparison *ret;
	pthread_mutex_t lock; /* of all below, and of ret */
	uint64_t cursor;
	size_t cap;
	bool stop;
	_Atomic uint64_t compared;
};

/* A thread's buffers, of SEAL_CHUNK each, and what it found in the chunk at hand. */
struct worker {
	struct comparer *c;
	char *source, *result;
	struct disk_difference found[SEAL_CHUNK / BLOCK];
	size_t n;
};

/* ---- one chunk ---- */

/* At most one for each block, whatever pieces of it are compared: extents and runs may have borders inside. */
static void found(struct worker *w, uint64_t off, uint64_t len)
{
	struct disk_difference *last = w->n ? &w->found[w->n - 1] : NULL;
	uint64_t end = last ? last->off + last->len : 0;

	if (last && (off == end || off < align_up(end, BLOCK)))
		last->len = off + len - last->off;
	else
		w->found[w->n++] = (struct disk_difference){.off = off, .len = len};
}

/* Whatever is wrong with the result's image is the result's fault. */
static int read_result(const struct worker *w, uint64_t off, uint64_t len, struct err *err)
{
	if (block_pread(w->c->job->result, w->result, len, off, err) == 0)
		return 0;
	if (err)
		err->code = ERR_VERIFY;
	return err_wrap(err, "result");
}

/* Compares in blocks of the disk, so that differences have its borders. */
static void compare_blocks(struct worker *w, const char *a, const char *b, uint64_t off, uint64_t len)
{
	for (uint64_t at = 0, n; at < len; at += n) {
		n = min_u64(BLOCK - (off + at) % BLOCK, len - at);
		if (a ? memcmp(a + at, b + at, n) != 0 : !all_zeros(b + at, n))
			found(w, off + at, n);
	}
}

/* Up to where (at most end) both have the same kinds of extents; *ret_data: one of them has data. */
static int extents_at(const struct worker *w, uint64_t off, uint64_t end, uint64_t *ret_end, bool *ret_data,
		      struct err *err)
{
	struct extent source, result;

	if (block_extent(w->c->job->source, off, end - off, &source, err) < 0)
		return err_wrap(err, "source");
	if (block_extent(w->c->job->result, off, end - off, &result, err) < 0) {
		if (err)
			err->code = ERR_VERIFY;
		return err_wrap(err, "result");
	}
	*ret_end = off + min_u64(source.len, result.len);
	*ret_data = source.kind == EXTENT_DATA || result.kind == EXTENT_DATA;
	return 0;
}

static int compare_source(struct worker *w, uint64_t off, uint64_t end, struct err *err)
{
	uint64_t to;
	bool data;

	for (; off < end; off = to) {
		if (extents_at(w, off, end, &to, &data, err) < 0)
			return -1;
		if (!data)
			continue;
		if (block_pread(w->c->job->source, w->source, to - off, off, err) < 0)
			return err_wrap(err, "source");
		if (read_result(w, off, to - off, err) < 0)
			return -1;
		if (memcmp(w->source, w->result, to - off) != 0)
			compare_blocks(w, w->source, w->result, off, to - off);
		w->c->compared += to - off;
	}
	return 0;
}

static int expect_zeros(struct worker *w, uint64_t off, uint64_t end, struct err *err)
{
	if (read_result(w, off, end - off, err) < 0)
		return -1;
	compare_blocks(w, NULL, w->result, off, end - off);
	return 0;
}

/* Is the result's chunk what was published? Chunks without data had no hash, nor those that couldn't be read wholly. */
static int judge(struct worker *w, uint64_t off, uint64_t len, bool unread, enum changed_side *ret, struct err *err)
{
	uint64_t hash = w->c->job->content->guest[off / SEAL_CHUNK];
	bool same;

	if (read_result(w, off, len, err) < 0)
		return -1;
	same = hash ? hash_xxh3(w->result, len) == hash : all_zeros(w->result, len);
	*ret = same ? CHANGED_SOURCE : CHANGED_RESULT;
	if (!hash && unread)
		*ret = CHANGED_UNKNOWN;
	return 0;
}

static int give(struct comparer *c, const struct disk_difference *d, struct err *err)
{
	struct disk_comparison *r = c->ret;

	if (array_grow(&r->differences, r->n, &c->cap, sizeof *r->differences, err) < 0)
		return -1;
	r->differences[r->n++] = *d;
	return 0;
}

/* Hands over what was found in the chunk. */
static int give_all(struct worker *w, enum changed_side side, struct err *err)
{
	struct comparer *c = w->c;
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < w->n && ret == 0; i++) {
		w->found[i].side = side;
		if (c->ret->n < DIFFERENCES_MAX)
			ret = give(c, &w->found[i], err);
		else
			c->ret->more++;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int compare_chunk(struct worker *w, uint64_t off, uint64_t end, struct err *err)
{
	enum changed_side side = CHANGED_UNKNOWN;
	bool unread = false;
	int ret = 0;

	w->n = 0;
	for (uint64_t at = off, to; at < end && ret == 0; at = to) {
		enum seal_kind kind = seal_kind_at(w->c->job->content, at, end, &to);

		unread |= kind == SEAL_UNREAD;
		if (kind == SEAL_SOURCE)
			ret = compare_source(w, at, to, err);
		else if (kind == SEAL_DISCARDED || kind == SEAL_UNREAD)
			ret = expect_zeros(w, at, to, err);
	}
	if (ret < 0 || !w->n)
		return ret;
	return judge(w, off, end - off, unread, &side, err) < 0 ? -1 : give_all(w, side, err);
}

/* ---- all chunks ---- */

/* The next chunk in which one of both has data. 0: none is left. Lock held. */
static int find_chunk(struct worker *w, uint64_t *ret_off, uint64_t *ret_end, struct err *err)
{
	struct comparer *c = w->c;
	uint64_t size = c->job->source->size, to;
	bool data;

	for (; c->cursor < size; c->cursor = to) {
		if (extents_at(w, c->cursor, size, &to, &data, err) < 0)
			return -1;
		if (!data)
			continue;
		*ret_off = align_down(c->cursor, SEAL_CHUNK);
		*ret_end = min_u64(size, *ret_off + SEAL_CHUNK);
		c->cursor = *ret_end;
		return 1;
	}
	return 0;
}

static int next_chunk(struct worker *w, uint64_t *ret_off, uint64_t *ret_end, struct err *err)
{
	struct comparer *c = w->c;
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	if (!c->stop)
		ret = find_chunk(w, ret_off, ret_end, err);
	if (c->job->tick)
		c->job->tick(c->cursor, c->job->opaque);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int compare_chunks(void *opaque, struct err *err)
{
	struct comparer *c = opaque;
	AUTO_FREE struct worker *w = calloc(1, sizeof *w);
	AUTO_FREE char *source = malloc(SEAL_CHUNK), *result = malloc(SEAL_CHUNK);
	uint64_t off = 0, end = 0;
	int ret = 1;

	if (!w || !source || !result)
		return err_nomem(err);
	*w = (struct worker){.c = c, .source = source, .result = result};
	while (ret > 0) {
		ret = next_chunk(w, &off, &end, err);
		if (ret > 0 && compare_chunk(w, off, end, err) < 0)
			ret = -1;
	}
	if (ret < 0) {
		pthread_mutex_lock(&c->lock);
		c->stop = true;
		pthread_mutex_unlock(&c->lock);
	}
	return ret;
}

static int by_offset(const void *a, const void *b)
{
	const struct disk_difference *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* Chunks' differences that touch, of the same side, are one. */
static void join(struct disk_comparison *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->differences, r->n, sizeof *r->differences, by_offset);
	for (size_t i = 0; i < r->n; i++) {
		struct disk_difference *last = n ? &r->differences[n - 1] : NULL, *d = &r->differences[i];

		if (last && last->off + last->len == d->off && last->side == d->side)
			last->len += d->len;
		else
			r->differences[n++] = *d;
	}
	r->n = n;
}

int disk_compare(const struct disk_compare_job *job, struct disk_comparison *ret, struct err *err)
{
	struct comparer c = {.job = job, .ret = ret, .lock = PTHREAD_MUTEX_INITIALIZER};
	int status;

	*ret = (struct disk_comparison){0};
	status = work_run(work_threads(job->threads), compare_chunks, &c, err);
	pthread_mutex_destroy(&c.lock);
	ret->compared = c.compared;
	join(ret);
	return status;
}

void disk_comparison_done(struct disk_comparison *c)
{
	free(c->differences);
	*c = (struct disk_comparison){0};
}

/* ---- all disks ---- */

struct all_disks {
	const struct compare_disks_job *job;
	const struct seal *seal;
	const struct seal_disk *disks;
	size_t current;
};

static void on_passed(uint64_t done, void *opaque)
{
	const struct all_disks *a = opaque;

	if (a->job->tick)
		a->job->tick(a->current, done, a->disks[a->current].size, a->job->opaque);
}

static int expect_size(const char *whose, const struct block *b, const struct seal_disk *d, struct err *err)
{
	if (b->size == d->size)
		return 0;
	return err_set(err, ERR_VERIFY,
		       "'%s': the %s's disk has %" PRIu64 " bytes, the one that was converted had %" PRIu64, d->file,
		       whose, b->size, d->size);
}

static int open_result(const struct all_disks *a, const struct seal_disk *d, struct block **ret, struct err *err)
{
	struct folder folder = {.dirfd = a->job->dirfd, .path = "the result"};

	if (image_open(&folder, d->file, format_by_name(d->format), NULL, ret, err) == 0)
		return expect_size("result", *ret, d, err);
	if (err)
		err->code = ERR_VERIFY;
	return -1;
}

static const char *const run_keys[] = {
    [SEAL_SOURCE] = NULL,     [SEAL_WRITTEN] = "written", [SEAL_DISCARDED] = "discarded",
    [SEAL_UNREAD] = "unread", [SEAL_UNKNOWN] = "unknown",
};

static void describe_content(const struct seal_content *c, struct json *j)
{
	uint64_t sums[SEAL_UNKNOWN + 1] = {0};

	for (size_t i = 0; i < c->nruns; i++)
		sums[c->runs[i].kind] += c->runs[i].len;
	for (unsigned kind = SEAL_WRITTEN; kind <= SEAL_UNKNOWN; kind++)
		js_set_u64(j, run_keys[kind], sums[kind]);
}

static void describe_differences(const struct disk_comparison *c, struct json *j)
{
	static const char *const sides[] = {"unknown", "source", "result"};
	struct json *list = js_set(j, "differences", js_array());

	for (size_t i = 0; i < c->n; i++) {
		struct json *d = js_add(list, js_object());

		js_set_u64(d, "offset", c->differences[i].off);
		js_set_u64(d, "length", c->differences[i].len);
		js_set_str(d, "changed", sides[c->differences[i].side]);
	}
	js_set_u64(j, "more", c->more);
}

static int compare_one(struct all_disks *a, struct json *list, struct err *err)
{
	AUTO(block_closep) struct block *result = NULL;
	AUTO(seal_content_done) struct seal_content content = {0};
	AUTO(disk_comparison_done) struct disk_comparison comparison = {0};
	const struct seal_disk *d = &a->disks[a->current];
	struct disk_compare_job job = {.source = a->job->sources[a->current],
				       .content = &content,
				       .threads = a->job->threads,
				       .tick = on_passed,
				       .opaque = a};
	struct json *j;

	if (expect_size("source", job.source, d, err) < 0 || open_result(a, d, &result, err) < 0 ||
	    seal_content(a->seal, d, &content, err) < 0)
		return -1;
	job.result = result;
	if (disk_compare(&job, &comparison, err) < 0)
		return err_wrap(err, "disk %zu '%s'", a->current + 1, d->file);
	j = js_add(list, js_object());
	js_set_str(j, "file", d->file);
	js_set_u64(j, "compared", comparison.compared);
	describe_content(&content, j);
	describe_differences(&comparison, j);
	return 0;
}

int compare_disks(const struct compare_disks_job *job, struct json *ret, struct err *err)
{
	AUTO(seal_closep) struct seal *seal = NULL;
	struct json *list = js_set(ret, "disks", js_array());
	struct all_disks a = {.job = job};
	size_t n;

	if (seal_open(job->dirfd, &seal, err) < 0)
		return -1;
	a.seal = seal;
	n = seal_disks(seal, &a.disks);
	if (n != job->n)
		return err_set(err, ERR_VERIFY, "the source has %zu disks, the result %zu", job->n, n);
	for (; a.current < n; a.current++)
		if (compare_one(&a, list, err) < 0)
			return -1;
	return 0;
}
