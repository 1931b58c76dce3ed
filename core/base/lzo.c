/* lzop files, inflated: a header, then blocks of LZO1X, each with its two lengths and a checksum. */
#include "core/base/lzo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum {
	MAGIC_LEN = 9,
	BLOCK_MAX = 256 << 10,	     /* what lzop writes and the kernel has room for */
	VERSION_WITH_LEVEL = 0x0940, /* from here on the header has a level and a longer time */
	FLAG_FILTER = 0x800,
	LITERALS_MANY = 4, /* "state": more than 3 literals went before */
};

/* Decoding one block. */
struct lzo {
	const uint8_t *in;
	size_t in_len, at;
	uint8_t *out;
	size_t out_len, n;
	unsigned state; /* literals that the last instruction copied, 0 to 3, or LITERALS_MANY */
};

static int get(struct lzo *z, unsigned *ret)
{
	if (z->at >= z->in_len)
		return -1;
	*ret = z->in[z->at++];
	return 0;
}

/* A length whose bits in the instruction are 0: each zero byte adds 255, the first other byte ends it. */
static int get_length(struct lzo *z, unsigned bits, size_t base, size_t *ret)
{
	unsigned byte = bits;

	*ret = bits;
	if (bits)
		return 0;
	*ret = base;
	while (!byte) {
		if (get(z, &byte) < 0)
			return -1;
		*ret += byte ? byte : 255;
	}
	return 0;
}

static int copy_literals(struct lzo *z, size_t len)
{
	if (!range_inside(z->at, len, z->in_len) || !range_inside(z->n, len, z->out_len))
		return -1;
	memcpy(z->out + z->n, z->in + z->at, len);
	z->at += len;
	z->n += len;
	return 0;
}

/* The match may overlap what it makes; then `literals` bytes of input follow. */
static int copy_match(struct lzo *z, size_t distance, size_t len, unsigned literals)
{
	if (distance > z->n || !range_inside(z->n, len, z->out_len))
		return -1;
	for (size_t i = 0; i < len; i++, z->n++)
		z->out[z->n] = z->out[z->n - distance];
	z->state = literals;
	return copy_literals(z, literals);
}

/* 0000LLLL behind no literals is a run of them, else a short match. */
static int run_low(struct lzo *z, unsigned op)
{
	unsigned high;
	size_t len;

	if (z->state == 0) {
		z->state = LITERALS_MANY;
		return get_length(z, op, 15, &len) < 0 ? -1 : copy_literals(z, len + 3);
	}
	if (get(z, &high) < 0)
		return -1;
	if (z->state == LITERALS_MANY)
		return copy_match(z, (high << 2) + (op >> 2) + 2049, 3, op & 3);
	return copy_match(z, (high << 2) + (op >> 2) + 1, 2, op & 3);
}

/* 0001HLLL and 001LLLLL: 16 bits of distance and literals follow. 1: the end mark. */
static int run_far(struct lzo *z, unsigned op)
{
	bool farthest = op < 32;
	unsigned low, high, word;
	size_t len, distance;

	if (get_length(z, farthest ? op & 7 : op & 31, farthest ? 7 : 31, &len) < 0 || get(z, &low) < 0 ||
	    get(z, &high) < 0)
		return -1;
	word = high << 8 | low;
	distance = (word >> 2) + (farthest ? 16384 + ((op & 8) << 11) : 1);
	if (farthest && distance == 16384)
		return 1;
	return copy_match(z, distance, len + 2, word & 3);
}

/* 01LDDDSS and 1LLDDDSS: 8 bits of distance follow. */
static int run_near(struct lzo *z, unsigned op)
{
	unsigned high;

	if (get(z, &high) < 0)
		return -1;
	return copy_match(z, (high << 3) + (op >> 2 & 7) + 1, op < 128 ? 3 + (op >> 5 & 1) : 5 + (op >> 5 & 3), op & 3);
}

/* 0 when the block ended with its mark and filled the output. */
static int run_block(struct lzo *z)
{
	unsigned op;
	int ret = 0;

	if (z->in_len && z->in[0] > 17) {
		size_t len = z->in[z->at++] - 17U;

		z->state = len < LITERALS_MANY ? (unsigned)len : LITERALS_MANY;
		ret = copy_literals(z, len);
	}
	while (ret == 0) {
		if (get(z, &op) < 0)
			return -1;
		ret = op < 16 ? run_low(z, op) : op < 64 ? run_far(z, op) : run_near(z, op);
	}
	return ret == 1 && z->n == z->out_len && z->at == z->in_len ? 0 : -1;
}

/* Header: versions of program, library and format, method, level, flags, filter, mode, times, name, checksum. */
static int skip_header(const uint8_t *in, size_t len, size_t *ret_at, struct err *err)
{
	size_t at = MAGIC_LEN;
	bool level;

	if (len < at + 12)
		return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the header", len);
	level = get_be16(in + at) >= VERSION_WITH_LEVEL;
	at += level ? 8 : 5;
	at += get_be32(in + at) & FLAG_FILTER ? 8 : 4;
	at += level ? 12 : 8;
	if (at >= len || !range_inside(at, 1 + (uint64_t)in[at] + 4, len))
		return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the header", len);
	*ret_at = at + 1 + in[at] + 4;
	return 0;
}

/* One block at *at, whose length is not 0. */
static int inflate_block(const uint8_t *in, size_t len, size_t *at, uint8_t *out, lzo_sink *sink, void *opaque,
			 struct err *err)
{
	uint32_t out_len, in_len;
	struct lzo z = {0};

	if (!range_inside(*at, 12, len))
		return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the stream", len);
	out_len = get_be32(in + *at);
	in_len = get_be32(in + *at + 4);
	if (out_len > BLOCK_MAX || in_len > out_len || !in_len)
		return err_set(err, ERR_CORRUPT, "block at 0x%zx: %u bytes for %u, at most %d are possible", *at,
			       in_len, out_len, BLOCK_MAX);
	*at += 12;
	if (!range_inside(*at, in_len, len))
		return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the stream", len);
	z = (struct lzo){.in = in + *at, .in_len = in_len, .out = out, .out_len = out_len};
	if (in_len < out_len && run_block(&z) < 0)
		return err_set(err, ERR_CORRUPT, "block at 0x%zx: is damaged", *at);
	*at += in_len;
	return sink(opaque, in_len < out_len ? out : z.in, out_len, err);
}

int lzop_each(const void *in, size_t in_len, lzo_sink *sink, void *opaque, size_t *ret_used, struct err *err)
{
	AUTO_FREE uint8_t *out = calloc(1, BLOCK_MAX);
	const uint8_t *data = in;
	size_t at;

	if (!out)
		return err_nomem(err);
	if (skip_header(data, in_len, &at, err) < 0)
		return -1;
	for (;;) {
		if (!range_inside(at, 4, in_len))
			return err_set(err, ERR_CORRUPT, "data ends at 0x%zx inside the stream", in_len);
		if (!get_be32(data + at))
			break;
		if (inflate_block(data, in_len, &at, out, sink, opaque, err) < 0)
			return -1;
	}
	*ret_used = at + 4;
	return 0;
}
