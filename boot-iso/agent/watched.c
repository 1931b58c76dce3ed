/* A disk that is watched while it is read. */
#include "boot-iso/agent/watched.h"

#include <stdlib.h>

struct watched {
	struct block b;
	struct block *disk;
	atomic_uint_fast64_t read, place;
	const atomic_bool *stop;
};

static int watched_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct watched *w = (struct watched *)b;
	uint_fast64_t before = atomic_load(&w->place);

	if (w->stop && atomic_load(w->stop))
		return err_set(err, ERR_INTERRUPTED, "cancelled");
	if (block_pread(w->disk, buf, len, off, err) < 0)
		return -1;
	atomic_fetch_add(&w->read, len);
	while (before < off + len && !atomic_compare_exchange_weak(&w->place, &before, off + len))
		;
	return 0;
}

static int watched_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	return block_extent(((struct watched *)b)->disk, off, max, ret, err);
}

static void watched_close(struct block *b)
{
	block_close(((struct watched *)b)->disk);
	free(b);
}

static const struct block_ops watched_ops = {
    .name = "disk",
    .pread = watched_pread,
    .extent = watched_extent,
    .close = watched_close,
};

struct block *watched_new(struct block *disk)
{
	struct watched *w = calloc(1, sizeof *w);

	if (!w) {
		block_close(disk);
		return NULL;
	}
	w->b = *disk;
	w->b.ops = &watched_ops;
	w->disk = disk;
	return &w->b;
}

uint64_t watched_read(const struct block *b)
{
	return atomic_load(&((const struct watched *)b)->read);
}

uint64_t watched_place(const struct block *b)
{
	return atomic_load(&((const struct watched *)b)->place);
}

void watched_rewind(struct block *b)
{
	atomic_store(&((struct watched *)b)->place, 0);
}

void watched_stop(struct block *b, const atomic_bool *stop)
{
	((struct watched *)b)->stop = stop;
}
