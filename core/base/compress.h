/* Whole-buffer codecs whose output length is known: grains and clusters. The only includer of libdeflate and libzstd.
 */
#ifndef REHOST_CORE_BASE_COMPRESS_H
#define REHOST_CORE_BASE_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

enum codec {
	CODEC_UNKNOWN = 0,
	CODEC_DEFLATE, /* raw deflate, RFC 1951: qcow2 zlib-type clusters */
	CODEC_ZLIB,    /* RFC 1950: VMDK grains */
	CODEC_ZSTD,    /* one frame: qcow2 zstd clusters */
};

const char *codec_name(enum codec codec);
/* What --compress calls "zlib" or "zstd" in a qcow2: its zlib type is raw deflate. CODEC_UNKNOWN for NULL and others.
 */
enum codec codec_of_qcow2(const char *name);

/* A decoder is for one thread at a time; cheap enough to keep one a thread. NULL only when memory is out. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *d);
DEFINE_CLEANUP(struct decoder *, decoder_free)

/* Fills out exactly: fewer or more bytes inside is ERR_CORRUPT. Bytes of in behind the end of the stream are ignored
 * (qcow2 and VMDK round the stored length up to sectors). */
int decoder_run(struct decoder *d, enum codec codec, const void *in, size_t in_len, void *out, size_t out_len,
		struct err *err);

/* Takes the next piece of what was inflated; -1 stops. */
typedef int codec_sink(void *opaque, const void *data, size_t len, struct err *err);

/* Inflates the one zstd frame that in begins with, of unknown length, piece by piece; *ret_used: bytes of the frame.
 * Windows up to 128 MiB, as in the kernel's unpacker. Truncation and damage are ERR_CORRUPT. */
int zstd_frame_each(const void *in, size_t in_len, codec_sink *sink, void *opaque, size_t *ret_used, struct err *err);

/* An encoder is for one thread at a time; level 0 is the codec's default for speed: zstd's 1,
 * of deflate a mix of ISA-L and libdeflate (see THOROUGH_BELOW), so that equal pieces may become different streams. */
struct encoder *encoder_new(enum codec codec, int level);
void encoder_free(struct encoder *e);
DEFINE_CLEANUP(struct encoder *, encoder_free)

/* Compresses into out; returns the length, or 0 when it would not fit into out_cap. */
size_t encoder_run(struct encoder *e, const void *in, size_t in_len, void *out, size_t out_cap);

/* The largest zstd frame that in_len bytes can become. */
size_t zstd_frame_bound(size_t in_len);

/* CRC-32 of IEEE 802.3, as GPT and gzip use it. */
uint32_t crc32_ieee(const void *data, size_t len);

#endif
