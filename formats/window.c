/* A window: a range of another block as a block of its own, such as a disk inside an uncompressed tar. */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/checked.h"
#include "formats/open.h"

struct window {
	struct block b;
	struct block *under; /* owned */
	uint64_t start;	     /* bytes */
};

static int window_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct window *w = (struct window *)b;

	return block_pread(w->under, buf, len, w->start + off, err);
}

static int window_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct window *w = (struct window *)b;

	if (block_extent(w->under, w->start + off, max, ret, err) < 0)
		return -1;
	ret->off = off;
	return 0;
}

static int window_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct window *w = (struct window *)b;

	return block_place(w->under, w->start + off, max, ret, err);
}

static void window_close(struct block *b)
{
	block_close(((struct window *)b)->under);
	free(b);
}

static const struct block_ops window_ops = {
    .name = "window",
    .pread = window_pread,
    .extent = window_extent,
    .place = window_place,
    .close = window_close,
};

int window_open(struct block *under, uint64_t off, uint64_t len, struct block **ret, struct err *err)
{
	struct window *w;

	if (!range_inside(off, len, under->size))
		return err_set(err, ERR_CORRUPT,
			       "'%s': a part of %" PRIu64 " bytes at 0x%" PRIx64 ": the file has %" PRIu64 " bytes",
			       under->name, len, off, under->size);
	w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(err);
	block_init(&w->b, &window_ops, under->name, len);
	snprintf(w->b.name, sizeof w->b.name, "%.200s at 0x%" PRIx64, under->name, off);
	w->b.seekable = under->seekable;
	w->under = under;
	w->start = off;
	*ret = &w->b;
	return 0;
}
