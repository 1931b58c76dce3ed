/* Whole-buffer codecs over libdeflate and libzstd. */
#include "core/base/compress.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <zstd.h>

#include "core/base/bytes.h"
#include "core/base/fast_deflate.h"

/* A window above this is refused: our largest cluster is 2 MiB, so 8 MiB (2^23) is generous. */
enum { ZSTD_WINDOW_LOG_MAX = 23 };
/* … while a whole frame may have what the kernel's unpacker takes (ZSTD_WINDOWSIZE_MAX: 128 MiB, 2^27). */
enum { ZSTD_FRAME_WINDOW_LOG_MAX = 27 };

struct decoder {
	struct libdeflate_decompressor *deflate;
	ZSTD_DCtx *zstd;
};

/* Deflate for speed: data that shrinks below 6/16 gains most from libdeflate's level 2, all else goes through ISA-L. On
 * Debian's /usr in pieces of 64 KiB this is 0.989 of what zlib's level 6 with qemu's window makes, at 5.5 times its
 * speed; libdeflate's level 1 alone is 0.996 at 4.6 times. */
enum { THOROUGH_LEVEL = 2, THOROUGH_BELOW = 6, SHARES = 16, ZLIB_HEAD = 2, ZLIB_TAIL = 4 };

struct encoder {
	enum codec codec;
	int level;
	struct fast_deflate *fast; /* NULL: a level was asked for, or there is none */
	size_t share;		   /* what the last piece became, in 16ths: neighbours are alike */
	struct libdeflate_compressor *deflate;
	ZSTD_CCtx *zstd;
};

const char *codec_name(enum codec codec)
{
	switch (codec) {
	case CODEC_DEFLATE:
		return "deflate";
	case CODEC_ZLIB:
		return "zlib";
	case CODEC_ZSTD:
		return "zstd";
	case CODEC_UNKNOWN:
		break;
	}
	return "unknown";
}

enum codec codec_of_qcow2(const char *name)
{
	if (name && !strcmp(name, "zlib"))
		return CODEC_DEFLATE;
	return name && !strcmp(name, "zstd") ? CODEC_ZSTD : CODEC_UNKNOWN;
}

struct decoder *decoder_new(void)
{
	struct decoder *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->deflate = libdeflate_alloc_decompressor();
	d->zstd = ZSTD_createDCtx();
	if (d->deflate && d->zstd &&
	    !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
		return d;
	decoder_free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	libdeflate_free_decompressor(d->deflate);
	ZSTD_freeDCtx(d->zstd);
	free(d);
}

static int deflate_error(enum libdeflate_result result, enum codec codec, size_t out_len, struct err *err)
{
	const char *name = codec_name(codec);

	switch (result) {
	case LIBDEFLATE_SUCCESS:
		return 0;
	case LIBDEFLATE_SHORT_OUTPUT:
		return err_set(err, ERR_CORRUPT, "%s data is shorter than %zu bytes when inflated", name, out_len);
	case LIBDEFLATE_INSUFFICIENT_SPACE:
		return err_set(err, ERR_CORRUPT, "%s data is longer than %zu bytes when inflated", name, out_len);
	case LIBDEFLATE_BAD_DATA:
		break;
	}
	return err_set(err, ERR_CORRUPT, "%s data is damaged", name);
}

static int zstd_run(struct decoder *d, const void *in, size_t in_len, void *out, size_t out_len, struct err *err)
{
	ZSTD_inBuffer from = {in, in_len, 0};
	ZSTD_outBuffer to = {out, out_len, 0};
	size_t left;

	ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_only);
	left = ZSTD_decompressStream(d->zstd, &to, &from);
	if (ZSTD_isError(left))
		return err_set(err, ERR_CORRUPT, "zstd data is damaged: %s", ZSTD_getErrorName(left));
	if (to.pos < out_len)
		return err_set(err, ERR_CORRUPT, "zstd data is %zu bytes when inflated, %zu expected", to.pos, out_len);
	if (left)
		return err_set(err, ERR_CORRUPT, "zstd data is longer than %zu bytes when inflated", out_len);
	return 0;
}

int decoder_run(struct decoder *d, enum codec codec, const void *in, size_t in_len, void *out, size_t out_len,
		struct err *err)
{
	size_t used, got;
	enum libdeflate_result result;

	switch (codec) {
	case CODEC_DEFLATE:
		result = libdeflate_deflate_decompress_ex(d->deflate, in, in_len, out, out_len, &used, &got);
		break;
	case CODEC_ZLIB:
		result = libdeflate_zlib_decompress_ex(d->deflate, in, in_len, out, out_len, &used, &got);
		break;
	case CODEC_ZSTD:
		return zstd_run(d, in, in_len, out, out_len, err);
	case CODEC_UNKNOWN:
	default:
		return err_set(err, ERR_INTERNAL, "no codec chosen");
	}
	if (result == LIBDEFLATE_SUCCESS && got != out_len)
		result = LIBDEFLATE_SHORT_OUTPUT;
	return deflate_error(result, codec, out_len, err);
}

static int zstd_frame_run(ZSTD_DCtx *zstd, void *piece, size_t piece_len, ZSTD_inBuffer *from, codec_sink *sink,
			  void *opaque, struct err *err)
{
	size_t left = 1;

	while (left) {
		ZSTD_outBuffer to = {piece, piece_len, 0};
		size_t before = from->pos;

		left = ZSTD_decompressStream(zstd, &to, from);
		if (ZSTD_isError(left))
			return err_set(err, ERR_CORRUPT, "zstd data is damaged near 0x%zx: %s", from->pos,
				       ZSTD_getErrorName(left));
		if (left && !to.pos && from->pos == before)
			return err_set(err, ERR_CORRUPT, "zstd data ends at 0x%zx inside its frame", from->size);
		if (to.pos && sink(opaque, piece, to.pos, err) < 0)
			return -1;
	}
	return 0;
}

int zstd_frame_each(const void *in, size_t in_len, codec_sink *sink, void *opaque, size_t *ret_used, struct err *err)
{
	ZSTD_inBuffer from = {in, in_len, 0};
	size_t piece_len = ZSTD_DStreamOutSize();
	AUTO_FREE void *piece = malloc(piece_len);
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	int ret;

	if (!piece || !zstd ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, ZSTD_FRAME_WINDOW_LOG_MAX)))
		ret = err_nomem(err);
	else
		ret = zstd_frame_run(zstd, piece, piece_len, &from, sink, opaque, err);
	ZSTD_freeDCtx(zstd);
	*ret_used = from.pos;
	return ret;
}

size_t zstd_frame_bound(size_t in_len)
{
	return ZSTD_compressBound(in_len);
}

struct encoder *encoder_new(enum codec codec, int level)
{
	struct encoder *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->codec = codec;
	e->level = level ? level : 1;
	e->share = SHARES;
	if (codec != CODEC_ZSTD && !level)
		e->fast = fast_deflate_new();
	if (codec == CODEC_ZSTD)
		e->zstd = ZSTD_createCCtx();
	else
		e->deflate = libdeflate_alloc_compressor(e->fast ? THOROUGH_LEVEL : e->level);
	if (e->zstd || e->deflate)
		return e;
	encoder_free(e);
	return NULL;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	fast_deflate_free(e->fast);
	libdeflate_free_compressor(e->deflate);
	ZSTD_freeCCtx(e->zstd);
	free(e);
}

static size_t deflate_run(struct encoder *e, const void *in, size_t in_len, void *out, size_t out_cap)
{
	size_t n = e->fast && e->share >= THOROUGH_BELOW
		       ? fast_deflate_run(e->fast, in, in_len, out, out_cap)
		       : libdeflate_deflate_compress(e->deflate, in, in_len, out, out_cap);

	e->share = n ? n / (in_len / SHARES + 1) : SHARES;
	return n;
}

/* RFC 1950 around it. */
static size_t zlib_run(struct encoder *e, const void *in, size_t in_len, unsigned char *out, size_t out_cap)
{
	size_t n;

	if (out_cap < ZLIB_HEAD + ZLIB_TAIL)
		return 0;
	n = deflate_run(e, in, in_len, out + ZLIB_HEAD, out_cap - ZLIB_HEAD - ZLIB_TAIL);
	if (!n)
		return 0;
	put_be16(out, 0x7801); /* deflate, window of 32 KiB, no dictionary, fast */
	put_be32(out + ZLIB_HEAD + n, libdeflate_adler32(1, in, in_len));
	return ZLIB_HEAD + n + ZLIB_TAIL;
}

size_t encoder_run(struct encoder *e, const void *in, size_t in_len, void *out, size_t out_cap)
{
	size_t n;

	switch (e->codec) {
	case CODEC_DEFLATE:
		return deflate_run(e, in, in_len, out, out_cap);
	case CODEC_ZLIB:
		return zlib_run(e, in, in_len, out, out_cap);
	case CODEC_ZSTD:
		n = ZSTD_compressCCtx(e->zstd, out, out_cap, in, in_len, e->level);
		return ZSTD_isError(n) ? 0 : n;
	case CODEC_UNKNOWN:
		break;
	}
	return 0;
}

uint32_t crc32_ieee(const void *data, size_t len)
{
	return libdeflate_crc32(0, data, len);
}
