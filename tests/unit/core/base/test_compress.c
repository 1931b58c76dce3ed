/* Codecs: round trips, streams of a wrong length, damage, and frames of other programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/compress.h"

enum { CLUSTER = 65536 };

static const enum codec codecs[] = {CODEC_DEFLATE, CODEC_ZLIB, CODEC_ZSTD};

static void fill(unsigned char *data, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = "etaoin shrdlu"[(x >> 24) % 13];
	}
}

static void round_trips(void **state)
{
	static unsigned char in[CLUSTER], packed[CLUSTER], out[CLUSTER];
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	struct err err = ERR_INIT;

	fill(in, CLUSTER);
	for (unsigned i = 0; i < 3; i++)
		for (int level = 0; level < 7; level += 3) {
			AUTO(encoder_freep) struct encoder *e = encoder_new(codecs[i], level);
			size_t n = encoder_run(e, in, CLUSTER, packed, CLUSTER);

			assert_true(n > 1000 && n < CLUSTER * 2 / 3);
			memset(out, 0, CLUSTER);
			assert_int_equal(decoder_run(d, codecs[i], packed, n, out, CLUSTER, &err), 0);
			assert_memory_equal(in, out, CLUSTER);
			/* What stands behind the stream doesn't matter: sectors are rounded up. */
			memset(packed + n, 0xee, 600);
			assert_int_equal(decoder_run(d, codecs[i], packed, n + 600, out, CLUSTER, &err), 0);
		}
}

static void what_does_not_fit_is_zero(void **state)
{
	static unsigned char in[CLUSTER], packed[CLUSTER];
	unsigned char text[4096];
	uint32_t x = 1;

	for (size_t i = 0; i < CLUSTER; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		in[i] = x >> 8;
	}
	fill(text, sizeof text);
	for (unsigned i = 0; i < 3; i++) {
		AUTO(encoder_freep) struct encoder *e = encoder_new(codecs[i], 0);

		assert_int_equal(encoder_run(e, in, CLUSTER, packed, CLUSTER - 1), 0);
		assert_int_equal(encoder_run(e, text, sizeof text, packed, 100), 0);
	}
}

/* Text, then letters of a smaller and smaller alphabet down to one, then noise: whatever an encoder makes of what came
 * before, each piece comes back, of any length and in the least room. */
static void mixed_pieces(void **state)
{
	static unsigned char in[CLUSTER], packed[2 * CLUSTER], out[CLUSTER];
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < 3; i++) {
		AUTO(encoder_freep) struct encoder *e = encoder_new(codecs[i], 0);
		uint32_t x = 7;

		for (unsigned k = 0; k < 64; k++) {
			size_t len = k % 5 ? CLUSTER : 1 + 517 * k, n, again;

			fill(in, len);
			for (size_t at = 0; at < len; at++) {
				x = x * 1664525 + 1013904223;
				in[at] = k % 8 == 0 ? in[at] : (unsigned char)((x >> 20) % (1U << (k % 8 + 1)));
			}
			n = encoder_run(e, in, len, packed, sizeof packed);
			assert_in_range(n, 1, len + len / 8 + 64);
			assert_int_equal(decoder_run(d, codecs[i], packed, n, out, len, &err), 0);
			assert_memory_equal(in, out, len);
			/* The same piece may go another way now, but never beyond the room it has. */
			again = encoder_run(e, in, len, packed, n / 2);
			assert_in_range(again, 0, n / 2);
		}
	}
}

static void wrong_lengths(void **state)
{
	static const char *const shorter[] = {"deflate data is shorter than 5000 bytes when inflated",
					      "zlib data is shorter than 5000 bytes when inflated",
					      "zstd data is 4096 bytes when inflated, 5000 expected"};
	static const char *const longer[] = {"deflate data is longer than 4000 bytes when inflated",
					     "zlib data is longer than 4000 bytes when inflated",
					     "zstd data is longer than 4000 bytes when inflated"};
	unsigned char in[4096], packed[4096], out[5000];
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	struct err err = ERR_INIT;

	fill(in, sizeof in);
	for (unsigned i = 0; i < 3; i++) {
		AUTO(encoder_freep) struct encoder *e = encoder_new(codecs[i], 0);
		size_t n = encoder_run(e, in, sizeof in, packed, sizeof packed);

		assert_true(n > 0);
		assert_int_equal(decoder_run(d, codecs[i], packed, n, out, 5000, &err), -1);
		assert_string_equal(err.text, shorter[i]);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_int_equal(decoder_run(d, codecs[i], packed, n, out, 4000, &err), -1);
		assert_string_equal(err.text, longer[i]);
		assert_int_equal(err.code, ERR_CORRUPT);
		/* Cut in the middle. */
		assert_int_equal(decoder_run(d, codecs[i], packed, n / 2, out, 4096, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		/* The decoder is fine after an error. */
		assert_int_equal(decoder_run(d, codecs[i], packed, n, out, 4096, &err), 0);
	}
}

static void damage(void **state)
{
	static const char *const texts[] = {"deflate data is damaged", "zlib data is damaged",
					    "zstd data is damaged: Unknown frame descriptor"};
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	unsigned char in[600], out[4096];
	struct err err = ERR_INIT;

	memset(in, 0xaa, sizeof in);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(decoder_run(d, codecs[i], in, sizeof in, out, sizeof out, &err), -1);
		assert_string_equal(err.text, texts[i]);
		assert_int_equal(err.code, ERR_CORRUPT);
	}
	assert_int_equal(decoder_run(d, CODEC_UNKNOWN, in, sizeof in, out, sizeof out, &err), -1);
	assert_string_equal(err.text, "no codec chosen");
}

/* `zstd --check` of a pipe: no content size, a checksum behind the last block. */
static void a_frame_of_the_zstd_program(void **state)
{
	static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x8d, 0x00, 0x00, 0x58,
					      0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x7a, 0x73, 0x74, 0x64,
					      0x20, 0x01, 0x00, 0x1e, 0x8b, 0x17, 0xf3, 0xad, 0xdc, 0xeb};
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	unsigned char changed[sizeof frame];
	struct err err = ERR_INIT;
	char out[45] = "";

	assert_int_equal(decoder_run(d, CODEC_ZSTD, frame, sizeof frame, out, 44, &err), 0);
	assert_string_equal(out, "hello zstd hello zstd hello zstd hello zstd ");
	memcpy(changed, frame, sizeof frame);
	changed[12] ^= 1;
	assert_int_equal(decoder_run(d, CODEC_ZSTD, changed, sizeof changed, out, 44, &err), -1);
	assert_string_equal(err.text, "zstd data is damaged: Restored data doesn't match checksum");
}

/* A frame that wants a window of 2 GiB for its few bytes is refused before memory is taken. */
static void a_huge_zstd_window_is_refused(void **state)
{
	static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x09, 0x00, 0x00, 'x'};
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	struct err err = ERR_INIT;
	char out[4096];

	assert_int_equal(decoder_run(d, CODEC_ZSTD, frame, sizeof frame, out, sizeof out, &err), -1);
	assert_string_equal(err.text, "zstd data is damaged: Frame requires too much memory for decoding");
}

static void codecs_have_names(void **state)
{
	assert_string_equal(codec_name(CODEC_UNKNOWN), "unknown");
	assert_string_equal(codec_name(CODEC_DEFLATE), "deflate");
	assert_string_equal(codec_name(CODEC_ZLIB), "zlib");
	assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
	decoder_free(NULL);
	encoder_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trips),
	    cmocka_unit_test(what_does_not_fit_is_zero),
	    cmocka_unit_test(mixed_pieces),
	    cmocka_unit_test(wrong_lengths),
	    cmocka_unit_test(damage),
	    cmocka_unit_test(a_frame_of_the_zstd_program),
	    cmocka_unit_test(a_huge_zstd_window_is_refused),
	    cmocka_unit_test(codecs_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
