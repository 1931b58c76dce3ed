/* Gzip streams from one file into another and members in memory, over zlib. */
#include "core/base/gunzip.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/zeros.h"

enum {
	IN_CHUNK = 1 << 20,
	OUT_CHUNK = 1 << 20,
	HOLE = 4096,		     /* zeros are left out in pieces of this */
	GZIP_WINDOW = MAX_WBITS + 16 /* zlib's way to say: gzip wrapping */
};

struct gunzip {
	const struct gunzip_job *job;
	z_stream z;
	unsigned char *in, *out;
	uint64_t taken, given; /* bytes of input and output so far */
	bool in_member;	       /* one has begun and not ended */
	uint64_t members;      /* that ended */
};

/* Writes what isn't zeros. */
static int put_sparse(struct gunzip *g, size_t len, struct err *err)
{
	for (size_t at = 0, end; at < len; at = end) {
		bool hole = all_zeros(g->out + at, min_u64(HOLE, len - at));

		for (end = at + HOLE; end < len && all_zeros(g->out + end, min_u64(HOLE, len - end)) == hole;)
			end += HOLE;
		end = min_u64(end, len);
		if (!hole && file_pwrite(g->job->out_fd, g->out + at, end - at, g->given + at, err) < 0)
			return -1;
	}
	g->given += len;
	return 0;
}

static int fill(struct gunzip *g, struct err *err)
{
	size_t n = min_u64(IN_CHUNK, g->job->len - g->taken);

	if (file_pread(g->job->in_fd, g->in, n, g->job->off + g->taken, err) < 0)
		return -1;
	g->taken += n;
	g->z.next_in = g->in;
	g->z.avail_in = (unsigned)n;
	if (g->job->tick)
		g->job->tick(g->taken, g->job->opaque);
	return 0;
}

static void empty_out(struct gunzip *g)
{
	g->z.next_out = g->out;
	g->z.avail_out = OUT_CHUNK;
}

/* Writes the output so far; always whole buffers but for the last, so that holes stay aligned. */
static int put_out(struct gunzip *g, struct err *err)
{
	size_t len = OUT_CHUNK - g->z.avail_out;

	if (len > g->job->max - g->given)
		return err_set(err, ERR_CORRUPT, "gzip data inflate to more than %" PRIu64 " bytes", g->job->max);
	if (put_sparse(g, len, err) < 0)
		return -1;
	empty_out(g);
	return 0;
}

static int step(struct gunzip *g, struct err *err)
{
	uint64_t at = g->taken - g->z.avail_in;
	int state;

	g->in_member = true;
	state = inflate(&g->z, Z_NO_FLUSH);
	if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
		return err_set(err, state == Z_MEM_ERROR ? ERR_INTERNAL : ERR_CORRUPT,
			       "gzip data near 0x%" PRIx64 ": %s", at, g->z.msg ? g->z.msg : "damaged");
	if (!g->z.avail_out && put_out(g, err) < 0)
		return -1;
	if (state != Z_STREAM_END)
		return 0;
	g->in_member = false;
	g->members++;
	return inflateReset(&g->z) == Z_OK ? 0 : err_set(err, ERR_INTERNAL, "zlib can't be reset");
}

/* Padding begins with a zero, a member never. */
static bool at_padding(const struct gunzip *g)
{
	return !g->in_member && g->members && !*g->z.next_in;
}

static int run(struct gunzip *g, struct err *err)
{
	empty_out(g);
	for (;;) {
		if (!g->z.avail_in && g->taken == g->job->len)
			break;
		if (!g->z.avail_in && fill(g, err) < 0)
			return -1;
		if (at_padding(g))
			break;
		if (step(g, err) < 0)
			return -1;
	}
	if (g->in_member || !g->members)
		return err_set(err, ERR_CORRUPT, "gzip data end inside a member, at 0x%" PRIx64, g->taken);
	return put_out(g, err);
}

int gunzip_run(const struct gunzip_job *job, uint64_t *ret_len, struct err *err)
{
	AUTO_FREE unsigned char *in = malloc(IN_CHUNK), *out = malloc(OUT_CHUNK);
	struct gunzip g = {.job = job, .in = in, .out = out};
	int ret;

	if (!in || !out || inflateInit2(&g.z, GZIP_WINDOW) != Z_OK)
		return err_nomem(err);
	ret = run(&g, err);
	inflateEnd(&g.z);
	if (ret < 0)
		return -1;
	if (ftruncate(job->out_fd, (off_t)g.given) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the length of the inflated file");
	*ret_len = g.given;
	return 0;
}

static int member_run(z_stream *z, const unsigned char *in, size_t in_len, unsigned char *out, gunzip_sink *sink,
		      void *opaque, size_t *ret_used, struct err *err)
{
	int state = Z_OK;

	*ret_used = 0;
	while (state != Z_STREAM_END) {
		size_t had;

		if (!z->avail_in) {
			z->avail_in = (unsigned)min_u64(in_len - *ret_used, UINT32_MAX);
			z->next_in = (unsigned char *)(uintptr_t)(in + *ret_used);
		}
		had = z->avail_in;
		z->next_out = out;
		z->avail_out = OUT_CHUNK;
		state = inflate(z, Z_NO_FLUSH);
		*ret_used += had - z->avail_in;
		if (state == Z_BUF_ERROR)
			return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the stream", in_len);
		if (state != Z_OK && state != Z_STREAM_END)
			return err_set(err, state == Z_MEM_ERROR ? ERR_INTERNAL : ERR_CORRUPT,
				       "data is damaged near 0x%zx: %s", *ret_used, z->msg ? z->msg : "unknown");
		if (z->avail_out < OUT_CHUNK && sink(opaque, out, OUT_CHUNK - z->avail_out, err) < 0)
			return -1;
	}
	return 0;
}

int gunzip_member(const void *in, size_t in_len, gunzip_sink *sink, void *opaque, size_t *ret_used, struct err *err)
{
	AUTO_FREE unsigned char *out = malloc(OUT_CHUNK);
	z_stream z = {0};
	int ret;

	if (!out || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return err_nomem(err);
	ret = member_run(&z, in, in_len, out, sink, opaque, ret_used, err);
	inflateEnd(&z);
	return ret;
}

int gzip_member(const void *data, size_t len, struct buf *out, struct err *err)
{
	z_stream z = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)len};
	size_t bound;
	void *room;
	int state;

	if (len > UINT32_MAX)
		return err_set(err, ERR_UNSUPPORTED, "%zu bytes are too many for one gzip member", len);
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_nomem(err);
	bound = deflateBound(&z, len);
	room = bound <= UINT32_MAX ? buf_reserve(out, bound) : NULL;
	z.next_out = room;
	z.avail_out = (unsigned)bound;
	state = room ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	deflateEnd(&z);
	if (state != Z_STREAM_END)
		return err_nomem(err);
	buf_commit(out, bound - z.avail_out);
	return 0;
}
