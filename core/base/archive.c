/* The compressed streams a kernel accepts as an initramfs: liblzma, liblz4, libarchive (bzip2), and our gzip, lzo
 * and zstd. */
#include "core/base/archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <lzma.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/compress.h"
#include "core/base/gunzip.h"
#include "core/base/lzo.h"

enum { PIECE = 64 << 10 };
/* Blocks of a legacy lz4 stream hold up to 8 MiB (lz4_Frame_format.md, "Legacy frame"). */
enum { LZ4_LEGACY_MAGIC = 0x184c2102, LZ4_LEGACY_BLOCK = 8 << 20 };
/* xz -9 needs 65 MiB to inflate; more than this is a memory bomb. */
#define XZ_MEMORY_MAX (192 * MIB)
/* An initramfs part is small, so time goes into size. */
enum { XZ_PRESET = 6, ZSTD_LEVEL = 12 };

struct flow {
	const uint8_t *in;
	size_t len, used;
	uint64_t max, out; /* bytes allowed and bytes given to sink */
	archive_sink *sink;
	void *opaque;
};

static int emit(void *opaque, const void *data, size_t len, struct err *err)
{
	struct flow *f = opaque;

	if (len > f->max - f->out)
		return err_set(err, ERR_CORRUPT, "inflates to more than %" PRIu64 " bytes", f->max);
	f->out += len;
	return len ? f->sink(f->opaque, data, len, err) : 0;
}

static int truncated(const struct flow *f, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the stream", f->len);
}

static int gzip_inflate(struct flow *f, struct err *err)
{
	return gunzip_member(f->in, f->len, emit, f, &f->used, err);
}

static int gzip_deflate(const void *data, size_t len, struct buf *out, struct err *err)
{
	return gzip_member(data, len, out, err);
}

static int lzma_run_stream(struct flow *f, lzma_stream *s, uint8_t *piece, struct err *err)
{
	lzma_ret ret = LZMA_OK;

	s->next_in = f->in;
	s->avail_in = f->len;
	while (ret != LZMA_STREAM_END) {
		s->next_out = piece;
		s->avail_out = PIECE;
		ret = lzma_code(s, LZMA_RUN);
		f->used = f->len - s->avail_in;
		if (ret == LZMA_BUF_ERROR)
			return truncated(f, err);
		if (ret == LZMA_MEMLIMIT_ERROR)
			return err_set(err, ERR_CORRUPT, "needs more than %" PRIu64 " bytes of memory to inflate",
				       XZ_MEMORY_MAX);
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			return err_set(err, ERR_CORRUPT, "data is damaged near 0x%zx (liblzma: %d)", f->used, (int)ret);
		if (emit(f, piece, PIECE - s->avail_out, err) < 0)
			return -1;
	}
	return 0;
}

static int lzma_start(struct flow *f, lzma_stream *s, lzma_ret started, struct err *err)
{
	AUTO_FREE uint8_t *piece = malloc(PIECE);
	int ret = piece && started == LZMA_OK ? lzma_run_stream(f, s, piece, err) : err_nomem(err);

	lzma_end(s);
	return ret;
}

static int xz_inflate(struct flow *f, struct err *err)
{
	lzma_stream s = LZMA_STREAM_INIT;

	return lzma_start(f, &s, lzma_stream_decoder(&s, XZ_MEMORY_MAX, 0), err);
}

static int lzma_inflate(struct flow *f, struct err *err)
{
	lzma_stream s = LZMA_STREAM_INIT;

	return lzma_start(f, &s, lzma_alone_decoder(&s, XZ_MEMORY_MAX), err);
}

static int xz_deflate(const void *data, size_t len, struct buf *out, struct err *err)
{
	size_t bound = lzma_stream_buffer_bound(len), at = 0;
	void *room = bound ? buf_reserve(out, bound) : NULL;
	lzma_ret ret;

	if (!room)
		return err_nomem(err);
	ret = lzma_easy_buffer_encode(XZ_PRESET, LZMA_CHECK_CRC32, NULL, data, len, room, &at, bound);
	if (ret != LZMA_OK)
		return err_set(err, ERR_INTERNAL, "xz: liblzma ended with %d", (int)ret);
	buf_commit(out, at);
	return 0;
}

static int zstd_inflate(struct flow *f, struct err *err)
{
	return zstd_frame_each(f->in, f->len, emit, f, &f->used, err);
}

static int zstd_deflate(const void *data, size_t len, struct buf *out, struct err *err)
{
	AUTO(encoder_freep) struct encoder *e = encoder_new(CODEC_ZSTD, ZSTD_LEVEL);
	size_t bound = zstd_frame_bound(len), n;
	void *room = buf_reserve(out, bound);

	if (!e || !room)
		return err_nomem(err);
	n = encoder_run(e, data, len, room, bound);
	if (!n)
		return err_set(err, ERR_INTERNAL, "zstd: cannot compress %zu bytes", len);
	buf_commit(out, n);
	return 0;
}

/* One block behind its length. As the kernel does: no room left for a length, or a zero one, ends the stream, and so
 * does another magic, which begins a stream of its own here. */
static int lz4_block(struct flow *f, uint32_t n, uint8_t *piece, struct err *err)
{
	int got;

	if (n > (uint32_t)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
		return err_set(err, ERR_CORRUPT, "block at 0x%zx: is 0x%x bytes long, at most 0x%x are possible",
			       f->used, n, (unsigned)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK));
	if (n > f->len - f->used - 4)
		return truncated(f, err);
	got = LZ4_decompress_safe((const char *)f->in + f->used + 4, (char *)piece, (int)n, LZ4_LEGACY_BLOCK);
	if (got < 0)
		return err_set(err, ERR_CORRUPT, "block at 0x%zx: is damaged", f->used);
	f->used += 4 + (size_t)n;
	return emit(f, piece, (size_t)got, err);
}

static int lz4_inflate(struct flow *f, struct err *err)
{
	AUTO_FREE uint8_t *piece = malloc(LZ4_LEGACY_BLOCK);

	if (!piece)
		return err_nomem(err);
	f->used = 4;
	while (f->len - f->used >= 4) {
		uint32_t n = get_le32(f->in + f->used);

		if (n == 0 || n == LZ4_LEGACY_MAGIC)
			break;
		if (lz4_block(f, n, piece, err) < 0)
			return -1;
	}
	return 0;
}

static int lz4_deflate_block(const char *data, size_t len, struct buf *out, struct err *err)
{
	int bound = LZ4_compressBound((int)len), n;
	uint8_t *room = buf_reserve(out, 4 + (size_t)bound);

	if (!room)
		return err_nomem(err);
	n = LZ4_compress_HC(data, (char *)room + 4, (int)len, bound, LZ4HC_CLEVEL_DEFAULT);
	if (n <= 0)
		return err_set(err, ERR_INTERNAL, "lz4: cannot compress %zu bytes", len);
	put_le32(room, (uint32_t)n);
	buf_commit(out, 4 + (size_t)n);
	return 0;
}

static int lz4_deflate(const void *data, size_t len, struct buf *out, struct err *err)
{
	uint8_t magic[4];

	put_le32(magic, LZ4_LEGACY_MAGIC);
	if (buf_add(out, magic, sizeof magic) < 0)
		return err_nomem(err);
	for (size_t at = 0; at < len; at += LZ4_LEGACY_BLOCK)
		if (lz4_deflate_block((const char *)data + at, (size_t)min_u64(len - at, LZ4_LEGACY_BLOCK), out, err) <
		    0)
			return -1;
	return 0;
}

static int lz4f_run(struct flow *f, LZ4F_dctx *ctx, uint8_t *piece, struct err *err)
{
	size_t hint = 1;

	while (hint) {
		size_t in = f->len - f->used, out = PIECE;

		hint = LZ4F_decompress(ctx, piece, &out, f->in + f->used, &in, NULL);
		if (LZ4F_isError(hint))
			return err_set(err, ERR_CORRUPT, "data is damaged near 0x%zx: %s", f->used,
				       LZ4F_getErrorName(hint));
		f->used += in;
		if (hint && !in && !out)
			return truncated(f, err);
		if (emit(f, piece, out, err) < 0)
			return -1;
	}
	return 0;
}

static int lz4f_inflate(struct flow *f, struct err *err)
{
	AUTO_FREE uint8_t *piece = malloc(PIECE);
	LZ4F_dctx *ctx = NULL;
	int ret;

	if (!piece || LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return err_nomem(err);
	ret = lz4f_run(f, ctx, piece, err);
	LZ4F_freeDecompressionContext(ctx);
	return ret;
}

static int bzip2_run(struct flow *f, struct archive *a, uint8_t *piece, struct err *err)
{
	struct archive_entry *entry;
	la_ssize_t n;

	if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return err_set(err, ERR_CORRUPT, "data is damaged: %s", archive_error_string(a));
	while ((n = archive_read_data(a, piece, PIECE)) > 0)
		if (emit(f, piece, (size_t)n, err) < 0)
			return -1;
	/* Filter -1 is the input itself: what the decompressor took from it. */
	f->used = (size_t)archive_filter_bytes(a, -1);
	return n == 0 ? 0
		      : err_set(err, ERR_CORRUPT, "data is damaged near 0x%zx: %s", f->used, archive_error_string(a));
}

static int bzip2_inflate(struct flow *f, struct err *err)
{
	AUTO_FREE uint8_t *piece = malloc(PIECE);
	struct archive *a = archive_read_new();
	int ret;

	if (!piece || !a || archive_read_support_filter_bzip2(a) < ARCHIVE_WARN || archive_read_support_format_raw(a) ||
	    archive_read_open_memory(a, f->in, f->len) != ARCHIVE_OK)
		ret = err_set(err, ERR_CORRUPT, "data is damaged: %s", a ? archive_error_string(a) : "out of memory");
	else
		ret = bzip2_run(f, a, piece, err);
	archive_read_free(a);
	return ret;
}

static int lzo_inflate(struct flow *f, struct err *err)
{
	return lzop_each(f->in, f->len, emit, f, &f->used, err);
}

struct filter {
	const char *name;
	const char *magic;
	size_t magic_len;
	int (*inflate)(struct flow *f, struct err *err);
	int (*deflate)(const void *data, size_t len, struct buf *out, struct err *err);
};

static const struct filter filters[] = {
    {"gzip", "\x1f\x8b\x08", 3, gzip_inflate, gzip_deflate},
    {"xz",
     "\xfd"
     "7zXZ\0",
     6, xz_inflate, xz_deflate},
    {"zstd", "\x28\xb5\x2f\xfd", 4, zstd_inflate, zstd_deflate},
    {"lz4", "\x02\x21\x4c\x18", 4, lz4_inflate, lz4_deflate},
    {"lz4-frame", "\x04\x22\x4d\x18", 4, lz4f_inflate, NULL},
    {"bzip2", "BZh", 3, bzip2_inflate, NULL},
    {"lzma", "\x5d\0\0", 3, lzma_inflate, NULL},
    {"lzo", "\x89LZO\0\r\n\x1a\n", 9, lzo_inflate, NULL},
};

static const struct filter *filter_of(const void *data, size_t len)
{
	for (const struct filter *f = filters; f < filters + sizeof filters / sizeof *filters; f++)
		if (len >= f->magic_len && memcmp(data, f->magic, f->magic_len) == 0)
			return f;
	return NULL;
}

const char *archive_probe(const void *data, size_t len)
{
	const struct filter *f = filter_of(data, len);

	return f ? f->name : "none";
}

int archive_inflate_to(const void *data, size_t len, uint64_t max, archive_sink *sink, void *opaque, size_t *ret_used,
		       struct err *err)
{
	const struct filter *filter = filter_of(data, len);
	struct flow flow = {.in = data, .len = len, .max = max, .sink = sink, .opaque = opaque};

	if (!filter)
		return err_set(err, ERR_CORRUPT, "no compression is known by this beginning");
	if (filter->inflate(&flow, err) < 0)
		return err_wrap(err, "%s", filter->name);
	if (ret_used)
		*ret_used = flow.used;
	return 0;
}

static int to_buf(void *opaque, const void *data, size_t len, struct err *err)
{
	return buf_add(opaque, data, len) < 0 ? err_nomem(err) : 0;
}

int archive_inflate(const void *data, size_t len, struct buf *out, size_t *ret_used, const char **ret_name,
		    struct err *err)
{
	*ret_name = archive_probe(data, len);
	if (!filter_of(data, len)) {
		*ret_used = 0;
		return 0;
	}
	return archive_inflate_to(data, len, out->max - out->len, to_buf, out, ret_used, err);
}

int archive_deflate(const char *name, const void *data, size_t len, struct buf *out, struct err *err)
{
	for (const struct filter *f = filters; f < filters + sizeof filters / sizeof *filters; f++)
		if (strcmp(f->name, name) == 0 && f->deflate)
			return f->deflate(data, len, out, err);
	return err_set(err, ERR_UNSUPPORTED, "no part is written compressed with \"%s\"", name);
}
