/* Are two images equal? Chunk by chunk in several threads; what neither has is not read. */
#include "run/image/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/work.h"

enum { CHUNK = 2 << 20, PIECE = 4096 };

/* The end moves down to the first thing that was found, be it a difference or a read error: what stands behind it can't
 * change the answer, which is thus that of one thread from front to end. */
struct comparing {
	const struct image_compare_options *o;
	struct block *a, *b;
	uint64_t size;
	pthread_mutex_t lock; /* of all below */
	uint64_t cursor, end;
	bool differ, failed;
	struct err err; /* when failed */
};

/* The image's bytes at off, zeros behind its end. */
static int read_padded(struct block *b, unsigned char *to, size_t len, uint64_t off, struct err *err)
{
	size_t inside = off >= b->size ? 0 : (size_t)min_u64(len, b->size - off);

	memset(to + inside, 0, len - inside);
	return inside ? block_pread(b, to, inside, off, err) : 0;
}

/* How far from off the image is known to be zeros without reading it. */
static int zero_run(struct block *b, uint64_t off, uint64_t max, uint64_t *ret, struct err *err)
{
	struct extent e;

	*ret = max;
	if (off >= b->size)
		return 0;
	if (block_extent(b, off, min_u64(max, b->size - off), &e, err) < 0)
		return -1;
	if (e.kind == EXTENT_DATA)
		*ret = 0;
	else if (off + e.len < b->size)
		*ret = e.len;
	return 0;
}

static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

/* Lock held. */
static void note_difference(struct comparing *c, uint64_t off)
{
	if (off >= c->end)
		return;
	c->end = off;
	c->differ = true;
	c->failed = false;
}

/* Lock held. */
static void note_failure(struct comparing *c, uint64_t off, const struct err *err)
{
	if (off >= c->end)
		return;
	c->end = off;
	c->differ = false;
	c->failed = true;
	c->err = *err;
}

/* The next stretch inside a chunk in which one of both may have data; 0: none is left. Lock held. */
static size_t next_stretch(struct comparing *c, uint64_t *ret_off)
{
	struct err err = ERR_INIT;
	uint64_t skip_a, skip_b;

	while (c->cursor < c->end) {
		uint64_t off = c->cursor, left = c->end - off;
		size_t len = (size_t)min_u64(CHUNK - off % CHUNK, left);

		if (zero_run(c->a, off, left, &skip_a, &err) < 0 || zero_run(c->b, off, left, &skip_b, &err) < 0) {
			note_failure(c, off, &err);
			return 0;
		}
		if (!skip_a || !skip_b) {
			*ret_off = off;
			c->cursor += len;
			return len;
		}
		c->cursor += min_u64(skip_a, skip_b);
	}
	return 0;
}

/* -1: both can't be read; 0: they are equal there; 1: they differ. */
static int compare_bytes(struct comparing *c, unsigned char *a, unsigned char *b, uint64_t off, size_t len,
			 struct err *err)
{
	if (read_padded(c->a, a, len, off, err) < 0 || read_padded(c->b, b, len, off, err) < 0)
		return -1;
	return memcmp(a, b, len) != 0;
}

/* The same of what can't be read at once, in pieces: *off and *len become the first that fails or differs. */
static int compare_pieces(struct comparing *c, unsigned char *a, unsigned char *b, uint64_t *off, size_t *len,
			  struct err *err)
{
	uint64_t end = *off + *len;
	int got = 0;

	for (*len = 0; !got && (*off += *len) < end;) {
		err_clear(err);
		*len = (size_t)min_u64(PIECE, end - *off);
		got = compare_bytes(c, a, b, *off, *len, err);
	}
	return got;
}

static void compare_stretch(struct comparing *c, unsigned char *a, unsigned char *b, uint64_t off, size_t len)
{
	struct err err = ERR_INIT;
	int got = compare_bytes(c, a, b, off, len, &err);

	if (got < 0)
		got = compare_pieces(c, a, b, &off, &len, &err);
	if (!got)
		return;
	pthread_mutex_lock(&c->lock);
	if (got < 0)
		note_failure(c, off, &err);
	else
		note_difference(c, off + first_difference(a, b, len));
	pthread_mutex_unlock(&c->lock);
}

static int compare_stretches(void *opaque, struct err *err)
{
	AUTO_FREE unsigned char *a = malloc(CHUNK);
	AUTO_FREE unsigned char *b = malloc(CHUNK);
	struct comparing *c = opaque;
	uint64_t off = 0;
	size_t len;

	if (!a || !b)
		return err_nomem(err);
	do {
		pthread_mutex_lock(&c->lock);
		len = next_stretch(c, &off);
		if (c->o->bytes)
			c->o->bytes(c->cursor, c->size, c->o->opaque);
		pthread_mutex_unlock(&c->lock);
		if (len)
			compare_stretch(c, a, b, off, len);
	} while (len);
	return 0;
}

int image_compare(struct block *a, struct block *b, const struct image_compare_options *options,
		  struct image_difference *ret, struct err *err)
{
	struct comparing c = {.o = options,
			      .a = a,
			      .b = b,
			      .size = max_u64(a->size, b->size),
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .end = max_u64(a->size, b->size),
			      .err = ERR_INIT};
	int worked = work_run(work_threads(options->threads), compare_stretches, &c, err);

	pthread_mutex_destroy(&c.lock);
	*ret = (struct image_difference){
	    .differ = c.differ, .at = c.differ ? c.end : 0, .size_a = a->size, .size_b = b->size};
	if (worked == 0 && c.failed && err)
		*err = c.err;
	return worked < 0 || c.failed ? -1 : 0;
}
