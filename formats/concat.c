/* Blocks one behind the other as one. */
#include "formats/concat.h"

#include <stdlib.h>

#include "core/base/checked.h"

struct piece {
	uint64_t start; /* bytes of the whole */
	struct block *b;
};

struct concat {
	struct block b;
	size_t n;
	struct piece pieces[];
};

/* The piece that holds off: the last one that begins at or before it. */
static const struct piece *piece_at(const struct concat *c, uint64_t off)
{
	size_t low = 0, high = c->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (c->pieces[middle].start <= off)
			low = middle;
		else
			high = middle;
	}
	return &c->pieces[low];
}

int concat_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct concat *c = (struct concat *)b;
	unsigned char *to = buf;

	while (len) {
		const struct piece *p = piece_at(c, off);
		size_t n = (size_t)min_u64(len, p->start + p->b->size - off);

		if (block_pread(p->b, to, n, off - p->start, err) < 0)
			return -1;
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

int concat_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	const struct piece *p = piece_at((struct concat *)b, off);

	if (block_extent(p->b, off - p->start, max, ret, err) < 0)
		return -1;
	ret->off = off;
	return 0;
}

int concat_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	const struct piece *p = piece_at((struct concat *)b, off);

	return block_place(p->b, off - p->start, min_u64(max, p->start + p->b->size - off), ret, err);
}

void concat_close(struct block *b)
{
	struct concat *c = (struct concat *)b;

	for (size_t i = 0; i < c->n; i++)
		block_close(c->pieces[i].b);
	free(c);
}

static const struct block_ops concat_ops = {
    .name = "pieces",
    .pread = concat_pread,
    .extent = concat_extent,
    .place = concat_place,
    .close = concat_close,
};

int concat_open(const struct block_ops *ops, const char *name, struct block *const *parts, size_t n, struct block **ret,
		struct err *err)
{
	AUTO_FREE struct concat *c = calloc(1, sizeof *c + n * sizeof *c->pieces);
	uint64_t size = 0;

	if (!c)
		return err_nomem(err);
	block_init(&c->b, ops ? ops : &concat_ops, name, 0);
	for (size_t i = 0; i < n; i++) {
		c->pieces[i] = (struct piece){.start = size, .b = parts[i]};
		if (!parts[i]->size || !add_fits(size, parts[i]->size, &size))
			return err_set(err, ERR_CORRUPT, "'%s': an empty piece, or too large a disk", parts[i]->name);
		c->b.unit = (uint32_t)max_u64(c->b.unit, parts[i]->unit);
		c->b.seekable = c->b.seekable && parts[i]->seekable;
	}
	c->b.size = size;
	c->n = n;
	*ret = &take_ptr(&c)->b;
	return 0;
}
