/* The limit beside bench-copy: what a copy costs when all that a format means is known beforehand. The allocated bytes
 * of a raw file are read and as many written, on all cores; compressed sources are streams made before the clock
 * starts.
 *
 * usage: copy-limit copy|kernel|inflate-zlib|inflate-zstd|deflate-zlib|deflate-vmdk|deflate-zstd SOURCE TARGET
 * prints the seconds. deflate-vmdk is at the level that makes grains no larger than qemu-img's, whose window for VMDK
 * is eight times that of its qcow2.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/work.h"
#include "formats/vmdk.h"

enum { PIECE = 2 << 20, CLUSTER = 64 << 10, PER_PIECE = PIECE / CLUSTER };

/* A piece of the source, and with inflate-* its streams one behind the other. */
struct piece {
	uint64_t off, len;
	unsigned char *packed;
	uint32_t packed_len[PER_PIECE]; /* of whole clusters; 0: stored as it is */
};

struct limit {
	int source, target;
	struct piece *pieces;
	size_t n;
	enum codec codec;
	int level;
	int (*move)(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err);
	_Atomic size_t next;
	_Atomic uint64_t tail; /* of a compressed target */
};

static int move_copy(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	if (file_pread(l->source, a, p->len, p->off, err) < 0)
		return -1;
	return file_pwrite(l->target, a, p->len, p->off, err);
}

static int move_kernel(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	off_t from = (off_t)p->off, to = from;

	for (size_t left = p->len; left;) {
		ssize_t n = copy_file_range(l->source, &from, l->target, &to, left, 0);

		if (n <= 0)
			return err_sys(err, ERR_UNSUPPORTED, "copy_file_range");
		left -= (size_t)n;
	}
	return 0;
}

static int move_inflate(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	const unsigned char *in = p->packed;
	uint64_t at = 0;

	if (!d)
		return err_nomem(err);
	for (size_t i = 0; at < p->len; i++) {
		size_t n = (size_t)min_u64(CLUSTER, p->len - at);

		if (!p->packed_len[i])
			memcpy(a + at, in, n);
		else if (decoder_run(d, l->codec, in, p->packed_len[i], a + at, n, err) < 0)
			return -1;
		in += p->packed_len[i] ? p->packed_len[i] : n;
		at += n;
	}
	return file_pwrite(l->target, a, p->len, p->off, err);
}

/* Compresses the clusters of data into out; returns the bytes of all. */
static size_t pack(struct encoder *e, const unsigned char *data, size_t len, unsigned char *out, uint32_t *packed_len)
{
	size_t used = 0;

	for (size_t at = 0, i = 0; at < len; at += CLUSTER, i++) {
		size_t n = (size_t)min_u64(CLUSTER, len - at);

		packed_len[i] = (uint32_t)encoder_run(e, data + at, n, out + used, n - n / 16);
		if (!packed_len[i])
			memcpy(out + used, data + at, n);
		used += packed_len[i] ? packed_len[i] : n;
	}
	return used;
}

static int move_deflate(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	AUTO(encoder_freep) struct encoder *e = encoder_new(l->codec, l->level);
	uint32_t packed_len[PER_PIECE];
	size_t used;

	if (!e)
		return err_nomem(err);
	if (file_pread(l->source, a, p->len, p->off, err) < 0)
		return -1;
	used = pack(e, a, p->len, b, packed_len);
	return file_pwrite(l->target, b, used, atomic_fetch_add(&l->tail, used), err);
}

/* Not timed: what a compressed source would hold. */
static int prepare(struct limit *l, struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	AUTO(encoder_freep) struct encoder *e = encoder_new(l->codec, 0);
	size_t used;

	if (!e)
		return err_nomem(err);
	if (file_pread(l->source, a, p->len, p->off, err) < 0)
		return -1;
	used = pack(e, a, p->len, b, p->packed_len);
	p->packed = malloc(used + 1);
	if (!p->packed)
		return err_nomem(err);
	memcpy(p->packed, b, used);
	return 0;
}

static int each_piece(struct limit *l,
		      int (*fn)(struct limit *l, struct piece *p, unsigned char *a, unsigned char *b, struct err *err),
		      struct err *err)
{
	AUTO_FREE unsigned char *a = aligned_alloc(PIECE, PIECE), *b = aligned_alloc(PIECE, PIECE);

	if (!a || !b)
		return err_nomem(err);
	for (size_t i; (i = l->next++) < l->n;)
		if (fn(l, &l->pieces[i], a, b, err) < 0)
			return -1;
	return 0;
}

static int prepare_all(void *opaque, struct err *err)
{
	return each_piece(opaque, prepare, err);
}

static int move_one(struct limit *l, struct piece *p, unsigned char *a, unsigned char *b, struct err *err)
{
	return l->move(l, p, a, b, err);
}

static int move_all(void *opaque, struct err *err)
{
	return each_piece(opaque, move_one, err);
}

static int find_pieces(struct limit *l, uint64_t size, struct err *err)
{
	l->pieces = calloc(size / CLUSTER + 1, sizeof *l->pieces);
	if (!l->pieces)
		return err_nomem(err);
	for (off_t at = 0, data; (data = lseek(l->source, at, SEEK_DATA)) >= 0;) {
		off_t hole = lseek(l->source, data, SEEK_HOLE);

		at = (off_t)min_u64((uint64_t)hole, ((uint64_t)data / PIECE + 1) * PIECE);
		l->pieces[l->n++] = (struct piece){.off = (uint64_t)data, .len = (uint64_t)(at - data)};
	}
	return 0;
}

static const struct {
	const char *name;
	enum codec codec;
	bool prepared;
	int (*move)(struct limit *l, const struct piece *p, unsigned char *a, unsigned char *b, struct err *err);
	int level; /* of the encoder; 0: its default */
} modes[] = {
    {"copy", CODEC_UNKNOWN, false, move_copy, 0},
    {"kernel", CODEC_UNKNOWN, false, move_kernel, 0},
    {"inflate-zlib", CODEC_DEFLATE, true, move_inflate, 0},
    {"inflate-zstd", CODEC_ZSTD, true, move_inflate, 0},
    {"deflate-zlib", CODEC_DEFLATE, false, move_deflate, 0},
    {"deflate-vmdk", CODEC_ZLIB, false, move_deflate, VMDK_STREAM_LEVEL},
    {"deflate-zstd", CODEC_ZSTD, false, move_deflate, 0},
};

static int run(struct limit *l, bool prepared, struct err *err)
{
	struct stat st;
	double began;

	if (fstat(l->source, &st) < 0 || ftruncate(l->target, st.st_size) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot prepare the target");
	if (find_pieces(l, (uint64_t)st.st_size, err) < 0)
		return -1;
	if (prepared && work_run(work_threads(0), prepare_all, l, err) < 0)
		return -1;
	l->next = 0;
	began = clock_seconds();
	if (work_run(work_threads(0), move_all, l, err) < 0)
		return -1;
	printf("%.4f\n", clock_seconds() - began);
	return 0;
}

int main(int argc, char **argv)
{
	struct limit l = {.source = -1, .target = -1};
	struct err err = ERR_INIT;
	bool prepared = false;

	for (size_t i = 0; argc == 4 && i < sizeof modes / sizeof *modes; i++)
		if (!strcmp(argv[1], modes[i].name)) {
			l.codec = modes[i].codec;
			l.level = modes[i].level;
			l.move = modes[i].move;
			prepared = modes[i].prepared;
		}
	if (l.move) {
		l.source = open(argv[2], O_RDONLY);
		l.target = open(argv[3], O_RDWR | O_CREAT | O_TRUNC, 0644);
	}
	if (l.source < 0 || l.target < 0) {
		fputs("usage: copy-limit copy|kernel|inflate-zlib|inflate-zstd|deflate-zlib|deflate-vmdk|deflate-zstd "
		      "SOURCE TARGET\n",
		      stderr);
		return 2;
	}
	if (run(&l, prepared, &err) < 0) {
		fprintf(stderr, "copy-limit: %s\n", err.text);
		return 1;
	}
	return 0;
}
