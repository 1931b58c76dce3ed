/* The reading side of a copy. */
#include "run/copy_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/grow.h"
#include "core/base/log.h"

enum {
	READ_TRIES = 3,
	BAD_RANGES_MAX = 1 << 20, /* 16 MiB of list; a disk with that many bad zones isn't worth converting */
	NEIGHBOURS = 128, /* the last ranges, one of which another may go on: two for each thread there can be */
};

int copy_reader_init(struct copy_reader *r, struct block *source, enum read_error_policy on_error)
{
	*r = (struct copy_reader){.source = source, .on_error = on_error};
	r->bad_chunks = calloc(source->size / COPY_CHUNK / 8 + 1, 1);
	if (!r->bad_chunks)
		return -1;
	pthread_mutex_init(&r->lock, NULL);
	return 0;
}

/* A range that ends where another begins grows: a zone of bad sectors is one range for each thread that read in it.
 * Lock held. */
static bool join_bad(struct copy_reader *r, uint64_t off, uint64_t len)
{
	for (size_t i = r->nbad; i && r->nbad - i < NEIGHBOURS; i--) {
		struct copy_range *b = &r->bad[i - 1];

		if (b->off + b->len == off) {
			b->len += len;
			return true;
		}
	}
	return false;
}

static int new_bad(struct copy_reader *r, uint64_t off, uint64_t len, struct err *err)
{
	log_warn("'%s': from 0x%" PRIx64 " on it can't be read, which becomes zeros: %s", r->source->name, off,
		 err->text);
	if (r->nbad == BAD_RANGES_MAX)
		return err_set(err, ERR_UNREADABLE, "'%s': more than %d unreadable ranges", r->source->name,
			       BAD_RANGES_MAX);
	if (array_grow(&r->bad, r->nbad, &r->cap, sizeof *r->bad, err) < 0)
		return -1;
	r->bad[r->nbad++] = (struct copy_range){off, len};
	return 0;
}

static int add_bad(struct copy_reader *r, uint64_t off, uint64_t len, struct err *err)
{
	int ret;

	pthread_mutex_lock(&r->lock);
	r->bad_chunks[off / COPY_CHUNK / 8] |= (unsigned char)(1 << off / COPY_CHUNK % 8);
	ret = join_bad(r, off, len) ? 0 : new_bad(r, off, len, err);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/* Is it the medium, so that another part may be readable? A lost network is not, nor a machine that answers wrongly. */
static bool is_read_error(const struct err *err)
{
	return err->code == ERR_UNREADABLE || (err->code == ERR_CORRUPT && err->sys != EBADMSG);
}

static int read_tries(struct copy_reader *r, char *buf, uint64_t off, uint64_t len, int tries, struct err *err)
{
	for (int i = 0; i < tries; i++) {
		if (block_pread(r->source, buf, len, off, err) == 0)
			return 0;
		if (err->code != ERR_UNREADABLE) /* damage stays damage */
			return -1;
	}
	return -1;
}

/* Halves a range that failed until the bad sectors are alone. */
static int read_halves(struct copy_reader *r, char *buf, uint64_t off, uint64_t len, struct err *err)
{
	uint64_t sector = r->source->logical_sector;
	uint64_t half = align_up(len / 2, sector);
	bool single = len <= sector;

	if (read_tries(r, buf, off, len, single ? READ_TRIES : 1, err) == 0)
		return 0;
	if (!is_read_error(err))
		return -1;
	if (!single)
		return read_halves(r, buf, off, half, err) < 0
			   ? -1
			   : read_halves(r, buf + half, off + half, len - half, err);
	if (r->on_error == READ_ERROR_STOP)
		return err_wrap(err, "sector at 0x%" PRIx64 " can't be read in %d tries", off, READ_TRIES);
	memset(buf, 0, len);
	return add_bad(r, off, len, err);
}

static int read_data(struct copy_reader *r, char *buf, uint64_t off, uint64_t len, struct err *err)
{
	r->read += len;
	if (read_tries(r, buf, off, len, READ_TRIES, err) == 0)
		return 0;
	if (!is_read_error(err) || (err->code == ERR_CORRUPT && r->on_error == READ_ERROR_STOP))
		return -1;
	return read_halves(r, buf, off, len, err);
}

int copy_reader_chunk(struct copy_reader *r, char *buf, uint64_t off, uint64_t len, uint64_t *ret_data, struct err *err)
{
	struct extent e;

	*ret_data = 0;
	for (uint64_t at = off; at < off + len; at += e.len) {
		if (block_extent(r->source, at, off + len - at, &e, err) < 0)
			return -1;
		if (e.kind != EXTENT_DATA) {
			memset(buf + (at - off), 0, e.len);
			continue;
		}
		*ret_data += e.len;
		if (read_data(r, buf + (at - off), at, e.len, err) < 0)
			return -1;
	}
	return 0;
}

bool copy_reader_has_bad(struct copy_reader *r, uint64_t off)
{
	uint64_t chunk = off / COPY_CHUNK;
	bool ret;

	pthread_mutex_lock(&r->lock);
	ret = r->bad_chunks[chunk / 8] >> (chunk % 8) & 1;
	pthread_mutex_unlock(&r->lock);
	return ret;
}

static int by_offset(const void *a, const void *b)
{
	const struct copy_range *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* Sorts the ranges and joins those that touch; returns how many are left. */
static size_t join_all(struct copy_range *bad, size_t nbad)
{
	size_t n = 0;

	if (nbad)
		qsort(bad, nbad, sizeof *bad, by_offset);
	for (size_t i = 0; i < nbad; i++) {
		if (n && bad[n - 1].off + bad[n - 1].len == bad[i].off)
			bad[n - 1].len += bad[i].len;
		else
			bad[n++] = bad[i];
	}
	return n;
}

void copy_reader_done(struct copy_reader *r, struct copy_result *result)
{
	result->read = r->read;
	result->nbad = join_all(r->bad, r->nbad);
	result->bad = take_ptr(&r->bad);
	free(r->bad_chunks);
	pthread_mutex_destroy(&r->lock);
}
