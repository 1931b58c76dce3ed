/* Packed files into plain ones: one loop, and what each codec does at its steps. */
#include "core/base/unpack.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/zeros.h"

enum {
	IN_CHUNK = 1 << 20,
	OUT_CHUNK = 1 << 20,
	HOLE = 4096,		      /* zeros are left out in pieces of this */
	GZIP_WINDOW = MAX_WBITS + 16, /* zlib's way to say: gzip wrapping */
	XZ_MEMORY_MAX = 96 << 20,     /* xz -9 takes 65 MiB */
	ZSTD_WINDOW_LOG = 23,	      /* 8 MiB, up to zstd -19 */
	DATA_FREE = 64 << 20,	      /* written whatever the ratio: small files may be very regular */
};

struct unpacker {
	const struct unpack_job *job;
	const struct codec_steps *codec;
	union {
		z_stream z;
		lzma_stream lzma;
		ZSTD_DStream *zstd;
	} u;
	unsigned char *in, *out;
	size_t at, n;	       /* in[at, n) is yet to be read */
	size_t out_n;	       /* out[0, out_n) is yet to be written */
	uint64_t taken, given; /* bytes of input and output so far */
	uint64_t max;	       /* of output */
	uint64_t written;      /* of them, what isn't zeros */
	bool in_member;	       /* one has begun and not ended */
	uint64_t members;      /* that ended */
	uint64_t padding;      /* zeros behind the last one so far */
};

struct codec_steps {
	const char *name, *magic;
	size_t magic_len;
	unsigned padding; /* another member may follow zeros, in multiples of so many; 0: none may */
	/* Ready for a first member, or another one. */
	bool (*start)(struct unpacker *p);
	/* Goes on till input or room is used up or the member ends: 1 then, else 0; -1 is an error, *why its reason. */
	int (*step)(struct unpacker *p, const char **why);
	void (*end)(struct unpacker *p);
};

static bool gzip_start(struct unpacker *p)
{
	return p->members ? inflateReset(&p->u.z) == Z_OK : inflateInit2(&p->u.z, GZIP_WINDOW) == Z_OK;
}

static int gzip_step(struct unpacker *p, const char **why)
{
	z_stream *z = &p->u.z;
	int state;

	z->next_in = p->in + p->at;
	z->avail_in = (unsigned)(p->n - p->at);
	z->next_out = p->out + p->out_n;
	z->avail_out = (unsigned)(OUT_CHUNK - p->out_n);
	state = inflate(z, Z_NO_FLUSH);
	p->at = p->n - z->avail_in;
	p->out_n = OUT_CHUNK - z->avail_out;
	*why = z->msg ? z->msg : "damaged";
	return state == Z_STREAM_END ? 1 : state == Z_OK || state == Z_BUF_ERROR ? 0 : -1;
}

static void gzip_end(struct unpacker *p)
{
	inflateEnd(&p->u.z);
}

static bool xz_start(struct unpacker *p)
{
	return lzma_stream_decoder(&p->u.lzma, XZ_MEMORY_MAX, 0) == LZMA_OK;
}

static int xz_step(struct unpacker *p, const char **why)
{
	lzma_stream *s = &p->u.lzma;
	lzma_ret state;

	s->next_in = p->in + p->at;
	s->avail_in = p->n - p->at;
	s->next_out = p->out + p->out_n;
	s->avail_out = OUT_CHUNK - p->out_n;
	state = lzma_code(s, LZMA_RUN);
	p->at = p->n - s->avail_in;
	p->out_n = OUT_CHUNK - s->avail_out;
	*why = state == LZMA_MEMLIMIT_ERROR ? "unpacking it takes more than 96 MiB of memory" : "damaged";
	return state == LZMA_STREAM_END ? 1 : state == LZMA_OK || state == LZMA_BUF_ERROR ? 0 : -1;
}

static void xz_end(struct unpacker *p)
{
	lzma_end(&p->u.lzma);
}

static bool zstd_start(struct unpacker *p)
{
	if (p->u.zstd)
		return true;
	p->u.zstd = ZSTD_createDStream();
	return p->u.zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(p->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
}

static int zstd_step(struct unpacker *p, const char **why)
{
	ZSTD_inBuffer in = {p->in, p->n, p->at};
	ZSTD_outBuffer out = {p->out, OUT_CHUNK, p->out_n};
	size_t left = ZSTD_decompressStream(p->u.zstd, &out, &in);

	p->at = in.pos;
	p->out_n = out.pos;
	*why = ZSTD_isError(left) ? ZSTD_getErrorName(left) : NULL;
	return ZSTD_isError(left) ? -1 : !left;
}

static void zstd_end(struct unpacker *p)
{
	ZSTD_freeDStream(p->u.zstd);
}

static const struct codec_steps codecs[] = {
    {"gzip", "\x1f\x8b\x08", 3, 0, gzip_start, gzip_step, gzip_end},
    {"xz", "\xfd\x37zXZ", 6, 4, xz_start, xz_step, xz_end},
    {"zstd", "\x28\xb5\x2f\xfd", 4, 0, zstd_start, zstd_step, zstd_end},
};

static const struct codec_steps *find_codec(const void *head, size_t len)
{
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
		if (len >= codecs[i].magic_len && !memcmp(head, codecs[i].magic, codecs[i].magic_len))
			return &codecs[i];
	return NULL;
}

const char *unpack_sniff(const void *head, size_t len)
{
	const struct codec_steps *c = find_codec(head, len);

	return c ? c->name : NULL;
}

bool unpack_named(const char *name)
{
	static const char *const suffixes[] = {".gz", ".xz", ".zst"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (len > strlen(suffixes[i]) && !strcmp(name + len - strlen(suffixes[i]), suffixes[i]))
			return true;
	return false;
}

uint64_t unpack_bound(uint64_t packed)
{
	/* A disk of 64 TiB and a little for its tables; a byte of zstd can stand for 32 KiB of zeros. */
	uint64_t bound, most = 66 * TIB;

	return mul_fits(packed, 64 * KIB, &bound) && bound < most ? bound + MIB : most;
}

static int write_data(struct unpacker *p, size_t at, size_t len, struct err *err)
{
	p->written += len;
	if (p->written > DATA_FREE && (p->written - DATA_FREE) / UNPACK_RATIO_MAX > p->taken)
		return err_set(err, ERR_CORRUPT,
			       "%s data unpack to over %d times their size: %" PRIu64
			       " bytes that aren't zeros from %" PRIu64,
			       p->codec->name, UNPACK_RATIO_MAX, p->written, p->taken);
	return file_pwrite(p->job->out_fd, p->out + at, len, p->given + at, err);
}

/* Writes what isn't zeros. */
static int put_sparse(struct unpacker *p, size_t len, struct err *err)
{
	for (size_t at = 0, end; at < len; at = end) {
		bool hole = all_zeros(p->out + at, min_u64(HOLE, len - at));

		for (end = at + HOLE; end < len && all_zeros(p->out + end, min_u64(HOLE, len - end)) == hole;)
			end += HOLE;
		end = min_u64(end, len);
		if (!hole && write_data(p, at, end - at, err) < 0)
			return -1;
	}
	p->given += len;
	return 0;
}

static int fill(struct unpacker *p, struct err *err)
{
	size_t n = min_u64(IN_CHUNK, p->job->len - p->taken);

	if (file_pread(p->job->in_fd, p->in, n, p->job->off + p->taken, err) < 0)
		return -1;
	p->taken += n;
	p->at = 0;
	p->n = n;
	if (p->job->tick)
		p->job->tick(p->taken, p->job->opaque);
	return 0;
}

/* Writes the output so far; always whole buffers but for the last, so that holes stay aligned. */
static int put_out(struct unpacker *p, struct err *err)
{
	size_t len = p->out_n;

	if (!p->given && p->job->look)
		p->max = min_u64(p->max, p->job->look(p->out, len, p->job->opaque));
	if (p->given > p->max || len > p->max - p->given)
		return err_set(err, ERR_CORRUPT, "%s data inflate to more than %" PRIu64 " bytes", p->codec->name,
			       p->max);
	p->out_n = 0;
	return put_sparse(p, len, err);
}

static int step(struct unpacker *p, struct err *err)
{
	uint64_t at = p->taken - (p->n - p->at);
	const char *why;
	int state;

	p->in_member = true;
	state = p->codec->step(p, &why);
	if (state < 0)
		return err_set(err, ERR_CORRUPT, "%s data near 0x%" PRIx64 ": %s", p->codec->name, at, why);
	if (p->out_n == OUT_CHUNK && put_out(p, err) < 0)
		return -1;
	if (!state)
		return 0;
	p->in_member = false;
	p->members++;
	return p->codec->start(p) ? 0 : err_nomem(err);
}

/* Padding begins with a zero, a member never. */
static bool at_padding(const struct unpacker *p)
{
	return !p->in_member && p->members && !p->in[p->at];
}

static void skip_padding(struct unpacker *p)
{
	size_t before = p->at;

	while (p->at < p->n && !p->in[p->at])
		p->at++;
	p->padding += p->at - before;
}

/* Behind the zeros, at the end or at another byte: the format of xz has streams there, the others have nothing. */
static int end_padding(struct unpacker *p, struct err *err)
{
	uint64_t at = p->taken - (p->n - p->at);

	if (p->codec->padding && p->padding % p->codec->padding)
		return err_set(err, ERR_CORRUPT,
			       "%s data: %" PRIu64 " bytes of padding end at 0x%" PRIx64 ", a multiple of %u expected",
			       p->codec->name, p->padding, at, p->codec->padding);
	if (!p->codec->padding && p->padding && p->at < p->n)
		return err_set(err, ERR_CORRUPT,
			       "%s data at 0x%" PRIx64 ": 0x%02x behind %" PRIu64
			       " bytes of padding, only zeros expected",
			       p->codec->name, at, p->in[p->at], p->padding);
	p->padding = 0;
	return 0;
}

static int run(struct unpacker *p, struct err *err)
{
	for (;;) {
		if (p->at == p->n && p->taken == p->job->len)
			break;
		if (p->at == p->n && fill(p, err) < 0)
			return -1;
		if (at_padding(p)) {
			skip_padding(p);
			continue;
		}
		if (end_padding(p, err) < 0 || step(p, err) < 0)
			return -1;
	}
	if (end_padding(p, err) < 0)
		return -1;
	/* What a codec kept back for want of room. */
	while (p->in_member) {
		uint64_t before = p->given + p->out_n;

		if (step(p, err) < 0)
			return -1;
		if (p->in_member && p->given + p->out_n == before)
			break;
	}
	if (p->in_member || !p->members)
		return err_set(err, ERR_CORRUPT, "%s data end inside a member, at 0x%" PRIx64, p->codec->name,
			       p->taken);
	return put_out(p, err);
}

int unpack_run(const struct unpack_job *job, uint64_t *ret_len, struct err *err)
{
	AUTO_FREE unsigned char *in = malloc(IN_CHUNK), *out = malloc(OUT_CHUNK);
	struct unpacker p = {.job = job, .in = in, .out = out, .max = job->max};
	unsigned char head[UNPACK_HEAD];
	size_t n = min_u64(sizeof head, job->len);
	int ret;

	if (!in || !out)
		return err_nomem(err);
	if (file_pread(job->in_fd, head, n, job->off, err) < 0)
		return -1;
	p.codec = find_codec(head, n);
	if (!p.codec)
		return err_set(err, ERR_CORRUPT, "at 0x%" PRIx64 " is neither gzip, xz nor zstd data", job->off);
	ret = p.codec->start(&p) ? run(&p, err) : err_nomem(err);
	p.codec->end(&p);
	if (ret < 0)
		return -1;
	if (ftruncate(job->out_fd, (off_t)p.given) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the length of the inflated file");
	*ret_len = p.given;
	return 0;
}
