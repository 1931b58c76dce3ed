/* Lines of seal.ndjson that are asked for after it was opened: the file may have changed since. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/grow.h"
#include "run/verify/seal_lines.h"
#include "run/verify/tree.h"

/* Calls fn for each line from `at` on, until it returns non-zero. */
static int each_line(const struct seal *s, uint64_t at, int (*fn)(const struct json *j, void *opaque, struct err *err),
		     void *opaque, struct err *err)
{
	AUTO_FREE struct seal_lines *lines = seal_lines_new(s->fd, at);
	struct seal_line line;
	int got = 1;

	if (!lines)
		return err_nomem(err);
	while ((got = seal_next_line(lines, &line, err)) > 0) {
		AUTO(js_freep) struct json *j = js_parse(line.text, line.len, err);

		got = j ? fn(j, opaque, err) : -1;
		if (got)
			break;
	}
	return got < 0 ? err_wrap(err, "'" SEAL_NAME "' from 0x%" PRIx64 " on", at) : 0;
}

struct leaves_job {
	unsigned char (*leaves)[HASH128];
	uint64_t n, done;
	unsigned char zero[HASH128], last_zero[HASH128]; /* the file's last chunk may be shorter */
};

static void put_leaves(struct leaves_job *job, const struct seal_leaves_line *l)
{
	char hex[HASH128_HEX] = "";

	for (uint64_t i = 0; i < l->n; i++) {
		uint64_t at = l->at + i;

		if (!l->hashes) {
			memcpy(job->leaves[at], at + 1 == job->n ? job->last_zero : job->zero, HASH128);
			continue;
		}
		memcpy(hex, l->hashes + i * (HASH128_HEX - 1), HASH128_HEX - 1);
		hash128_parse(hex, job->leaves[at]);
	}
	job->done += l->n;
}

static int add_leaves(const struct json *j, void *opaque, struct err *err)
{
	struct leaves_job *job = opaque;
	const struct json *leaves = js_get(j, "leaves");
	struct seal_leaves_line l;

	if (!leaves)
		return 1;
	if (seal_take_leaves(leaves, job->n, &l, err) < 0)
		return -1;
	put_leaves(job, &l);
	return 0;
}

int seal_leaves(const struct seal *s, const struct seal_file *f, unsigned char (*leaves)[HASH128], size_t n,
		struct err *err)
{
	struct leaves_job job = {.leaves = leaves, .n = n};
	uint64_t chunk = tree_chunk(f->size);

	if (!n)
		return 0;
	if (tree_zero_leaf(chunk, job.zero, err) < 0 ||
	    tree_zero_leaf(f->size - (n - 1) * chunk, job.last_zero, err) < 0 ||
	    each_line(s, f->leaves_at, add_leaves, &job, err) < 0)
		return -1;
	return job.done == n ? 0 : err_set(err, ERR_CORRUPT, "'" SEAL_NAME "' has changed while it was read");
}

struct content_job {
	const struct seal_disk *disk;
	struct seal_content *content;
	size_t cap;   /* of the runs */
	uint64_t end; /* of the last run */
};

static int add_run(struct content_job *job, const struct seal_run *run, struct err *err)
{
	struct seal_content *c = job->content;

	if (c->nruns == SEAL_RUNS_MAX)
		return err_set(err, ERR_CORRUPT, "a map of more than %d runs", SEAL_RUNS_MAX);
	if (array_grow(&c->runs, c->nruns, &job->cap, sizeof *c->runs, err) < 0)
		return -1;
	c->runs[c->nruns++] = *run;
	job->end = run->off + run->len;
	return 0;
}

static int add_runs(struct content_job *job, const char *text, struct err *err)
{
	while (*text) {
		struct seal_run run;

		if (seal_take_run(&text, job->end, job->disk->size, &run, err) < 0 || add_run(job, &run, err) < 0)
			return -1;
	}
	return 0;
}

static int add_guest(struct content_job *job, const struct json *j, struct err *err)
{
	const char *hashes = js_get_str(j, "xxh3", "");
	char hex[17] = "";
	uint64_t at, n;

	if (seal_take_guest(j, job->content->nchunks, &at, &n, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(hex, hashes + 16 * i, 16);
		job->content->guest[at + i] = strtoull(hex, NULL, 16);
	}
	return 0;
}

static int add_content(const struct json *j, void *opaque, struct err *err)
{
	struct content_job *job = opaque;
	const char *map = js_get_str(j, "map", NULL);

	if (map)
		return add_runs(job, map, err);
	return js_get(j, "guest") ? add_guest(job, js_get(j, "guest"), err) : 1;
}

int seal_content(const struct seal *s, const struct seal_disk *d, struct seal_content *ret, struct err *err)
{
	struct content_job job = {.disk = d, .content = ret};

	*ret = (struct seal_content){.nchunks = seal_nchunks(d)};
	ret->guest = calloc(ret->nchunks, sizeof *ret->guest);
	if (!ret->guest)
		return err_nomem(err);
	return each_line(s, d->content_at, add_content, &job, err);
}

void seal_content_done(struct seal_content *c)
{
	free(c->runs);
	free(c->guest);
	*c = (struct seal_content){0};
}

enum seal_kind seal_kind_at(const struct seal_content *c, uint64_t off, uint64_t end, uint64_t *ret_end)
{
	size_t low = 0, high = c->nruns; /* the first run that ends behind off */

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->runs[mid].off + c->runs[mid].len > off)
			high = mid;
		else
			low = mid + 1;
	}
	if (low == c->nruns || c->runs[low].off > off) {
		*ret_end = low == c->nruns ? end : min_u64(end, c->runs[low].off);
		return SEAL_SOURCE;
	}
	*ret_end = min_u64(end, c->runs[low].off + c->runs[low].len);
	return c->runs[low].kind;
}
