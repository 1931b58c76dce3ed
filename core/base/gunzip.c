/* Gzip members in memory, over zlib. */
#include "core/base/gunzip.h"

#include <stdlib.h>

#include <zlib.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum {
	OUT_CHUNK = 1 << 20,
	GZIP_WINDOW = MAX_WBITS + 16 /* zlib's way to say: gzip wrapping */
};

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
