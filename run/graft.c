/* The graft: reads fall through to the source, writes and discards stay in a sparse delta file and a map. */
#include "run/graft.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/zeros.h"
#include "run/graft_map.h"

enum {
	PARTIAL_LOCKS = 64,
	/* Shorter runs are not punched: each costs a system call, and the delta is small and short-lived. */
	PUNCH_MIN_BLOCKS = 16,
};

struct graft {
	struct block b;
	struct block *source; /* borrowed */
	int delta_fd;
	struct graft_map *map;
	_Atomic uint64_t source_read; /* bytes */
	atomic_bool frozen;
	/* By block number: two writers of halves of one block must not lose each other's bytes. */
	pthread_mutex_t partial[PARTIAL_LOCKS];
	/* The first write that failed. A guest's file system may swallow it, so freezing must not. */
	pthread_mutex_t lost_lock;
	struct err lost;
};

static struct graft *graft_of(struct block *b)
{
	return (struct graft *)b;
}

/* Bytes of the disk in blocks [first, end): the last one may be cut. */
static uint64_t blocks_end(const struct graft *g, uint64_t end)
{
	return min_u64(g->b.size, end * GRAFT_BLOCK);
}

static int read_source(struct graft *g, void *buf, size_t len, uint64_t off, struct err *err)
{
	atomic_fetch_add(&g->source_read, len);
	return block_pread(g->source, buf, len, off, err);
}

/* The delta file is as long as its last block, so what lies behind is a block that never was written: impossible. */
static int read_delta(struct graft *g, void *buf, size_t len, uint64_t off, struct err *err)
{
	if (file_pread(g->delta_fd, buf, len, off, err) == 0)
		return 0;
	if (err)
		err->code =
		    ERR_INTERNAL; /* no fault of the source: it is not read as zeros, nor is the work thrown away */
	return err_wrap(err, "delta file");
}

static int write_delta(struct graft *g, const void *buf, size_t len, uint64_t off, struct err *err)
{
	return file_pwrite(g->delta_fd, buf, len, off, err) < 0 ? err_wrap(err, "delta file") : 0;
}

static int read_state(struct graft *g, enum graft_state state, void *buf, size_t len, uint64_t off, struct err *err)
{
	switch (state) {
	case GRAFT_SOURCE:
		return read_source(g, buf, len, off, err);
	case GRAFT_DELTA:
		return read_delta(g, buf, len, off, err);
	case GRAFT_ZERO:
		memset(buf, 0, len);
		return 0;
	case GRAFT_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "block at 0x%" PRIx64 " has no state", off);
}

/* The state at off and where its run ends, at most at `end` (bytes). Runs are merged over leaves. */
static enum graft_state run_at(struct graft *g, uint64_t off, uint64_t end, uint64_t *ret_end)
{
	uint64_t block = off / GRAFT_BLOCK, end_block = div_round_up(end, GRAFT_BLOCK), n, more;
	enum graft_state state = graft_map_run(g->map, block, end_block - block, &n);

	for (block += n; block < end_block; block += more)
		if (graft_map_run(g->map, block, end_block - block, &more) != state)
			break;
	*ret_end = min_u64(end, block * GRAFT_BLOCK);
	return state;
}

static int graft_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct graft *g = graft_of(b);
	uint64_t end = off + len, run_end;
	char *to = buf;

	for (; off < end; off = run_end) {
		enum graft_state state = run_at(g, off, end, &run_end);

		if (read_state(g, state, to, run_end - off, off, err) < 0)
			return -1;
		to += run_end - off;
	}
	return 0;
}

/* Within one leaf: a run over all leaves would be walked again for each extent of the source beneath it. */
static int graft_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct graft *g = graft_of(b);
	uint64_t block = off / GRAFT_BLOCK, n;
	enum graft_state state = graft_map_run(g->map, block, div_round_up(off + max, GRAFT_BLOCK) - block, &n);
	uint64_t end = min_u64(off + max, (block + n) * GRAFT_BLOCK);

	if (state == GRAFT_SOURCE)
		return block_extent(g->source, off, end - off, ret, err);
	*ret = (struct extent){.off = off, .len = end - off, .kind = state == GRAFT_DELTA ? EXTENT_DATA : EXTENT_ZERO};
	return 0;
}

static int check_writable(const struct graft *g, struct err *err)
{
	return g->frozen ? err_set(err, ERR_INTERNAL, "the graft is frozen") : 0;
}

/* Gives the delta's room back. Only a saving: an error (a file system that can't) changes nothing. */
static void punch_delta(struct graft *g, uint64_t first, uint64_t end)
{
	uint64_t n;

	for (uint64_t block = first; block < end; block += n)
		if (graft_map_run(g->map, block, end - block, &n) == GRAFT_DELTA && n >= PUNCH_MIN_BLOCKS)
			fallocate(g->delta_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(block * GRAFT_BLOCK),
				  (off_t)(n * GRAFT_BLOCK));
}

static int discard_blocks(struct graft *g, uint64_t first, uint64_t end, struct err *err)
{
	if (first >= end)
		return 0;
	punch_delta(g, first, end);
	return graft_map_set(g->map, first, end - first, GRAFT_ZERO, err);
}

/* Part of one block: what surrounds it comes along into the delta. */
static int write_partial(struct graft *g, const void *buf, size_t len, uint64_t off, struct err *err)
{
	uint64_t block = off / GRAFT_BLOCK, start = block * GRAFT_BLOCK, n;
	size_t whole = blocks_end(g, block + 1) - start;
	enum graft_state state = graft_map_run(g->map, block, 1, &n);
	char all[GRAFT_BLOCK];

	if (state == GRAFT_DELTA)
		return write_delta(g, buf, len, off, err);
	if (read_state(g, state, all, whole, start, err) < 0)
		return -1;
	memcpy(all + (off - start), buf, len);
	if (write_delta(g, all, whole, start, err) < 0)
		return -1;
	return graft_map_set(g->map, block, 1, GRAFT_DELTA, err);
}

static int write_partial_locked(struct graft *g, const void *buf, size_t len, uint64_t off, struct err *err)
{
	pthread_mutex_t *lock = &g->partial[off / GRAFT_BLOCK % PARTIAL_LOCKS];
	int ret;

	pthread_mutex_lock(lock);
	ret = write_partial(g, buf, len, off, err);
	pthread_mutex_unlock(lock);
	return ret;
}

/* Whole blocks: runs of zeros become ZERO (a new journal or inode table is mostly that), the rest goes to the delta. */
static int write_whole(struct graft *g, const char *buf, uint64_t first, uint64_t end, struct err *err)
{
	for (uint64_t block = first, next; block < end; block = next) {
		const char *from = buf + (block - first) * GRAFT_BLOCK;
		bool zero = all_zeros(from, blocks_end(g, block + 1) - block * GRAFT_BLOCK);
		uint64_t start = block * GRAFT_BLOCK;

		for (next = block + 1; next < end; next++)
			if (all_zeros(buf + (next - first) * GRAFT_BLOCK,
				      blocks_end(g, next + 1) - next * GRAFT_BLOCK) != zero)
				break;
		if (zero ? discard_blocks(g, block, next, err) < 0
			 : write_delta(g, from, blocks_end(g, next) - start, start, err) < 0 ||
			       graft_map_set(g->map, block, next - block, GRAFT_DELTA, err) < 0)
			return -1;
	}
	return 0;
}

/* The blocks that [off, off+len) covers wholly; first >= end when there are none. The disk's last block may be short.
 */
static void whole_blocks(const struct graft *g, uint64_t off, uint64_t len, uint64_t *ret_first, uint64_t *ret_end)
{
	*ret_first = div_round_up(off, GRAFT_BLOCK);
	*ret_end = off + len == g->b.size ? div_round_up(off + len, GRAFT_BLOCK) : (off + len) / GRAFT_BLOCK;
}

/* Remembers a failure that has just been given to the guest; returns -1. */
static int lose(struct graft *g, const struct err *err)
{
	pthread_mutex_lock(&g->lost_lock);
	if (err && !g->lost.code)
		g->lost = *err;
	pthread_mutex_unlock(&g->lost_lock);
	return -1;
}

static int write_range(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct graft *g = graft_of(b);
	const char *from = buf;
	uint64_t first, end, done = 0;

	if (check_writable(g, err) < 0)
		return -1;
	whole_blocks(g, off, len, &first, &end);
	if (first > end) /* inside one block */
		return write_partial_locked(g, from, len, off, err);
	if (off % GRAFT_BLOCK) {
		done = min_u64(len, first * GRAFT_BLOCK - off);
		if (write_partial_locked(g, from, done, off, err) < 0)
			return -1;
	}
	if (first < end) {
		if (write_whole(g, from + done, first, end, err) < 0)
			return -1;
		done = blocks_end(g, end) - off;
	}
	return done < len ? write_partial_locked(g, from + done, len - done, off + done, err) : 0;
}

/* Part of a block that isn't zero already. */
static int zero_partial(struct graft *g, uint64_t off, size_t len, struct err *err)
{
	static const char zeros[GRAFT_BLOCK];
	uint64_t n;

	if (!len || graft_map_run(g->map, off / GRAFT_BLOCK, 1, &n) == GRAFT_ZERO)
		return 0;
	return write_partial_locked(g, zeros, len, off, err);
}

static int zero_range(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	struct graft *g = graft_of(b);
	uint64_t first, end, stop = off + len;

	if (check_writable(g, err) < 0)
		return -1;
	whole_blocks(g, off, len, &first, &end);
	if (first > end)
		return zero_partial(g, off, len, err);
	if (zero_partial(g, off, min_u64(len, first * GRAFT_BLOCK - off), err) < 0 ||
	    discard_blocks(g, first, end, err) < 0)
		return -1;
	return blocks_end(g, end) < stop ? zero_partial(g, end * GRAFT_BLOCK, stop - end * GRAFT_BLOCK, err) : 0;
}

static int graft_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	return write_range(b, buf, len, off, err) < 0 ? lose(graft_of(b), err) : 0;
}

static int graft_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	return zero_range(b, off, len, err) < 0 ? lose(graft_of(b), err) : 0;
}

int graft_trim(struct block *graft, uint64_t off, uint64_t len, struct err *err)
{
	struct graft *g = graft_of(graft);
	uint64_t first, end;

	if (!range_inside(off, len, g->b.size))
		return err_set(err, ERR_INTERNAL,
			       "trim of %" PRIu64 " bytes at 0x%" PRIx64 ": the disk has %" PRIu64 " bytes", len, off,
			       g->b.size);
	if (check_writable(g, err) < 0)
		return -1;
	whole_blocks(g, off, len, &first, &end);
	return discard_blocks(g, first, end, err);
}

void graft_source_blocks(struct block *graft, struct ledger_entry *e)
{
	struct graft *g = graft_of(graft);
	uint64_t first = e->off / GRAFT_BLOCK,
		 end = min_u64(first + LEDGER_BLOCKS, div_round_up(g->b.size, GRAFT_BLOCK)), n;

	for (uint64_t block = first; block < end; block += n)
		if (graft_map_run(g->map, block, end - block, &n) == GRAFT_SOURCE)
			for (uint64_t i = 0; i < n; i++)
				ledger_add_block(e, (unsigned)(block + i - first));
}

/* Nothing: until it is frozen a crash drops the delta, so a guest's flush has nothing to make last. */
static int graft_flush(struct block *b, struct err *err)
{
	return 0;
}

static void graft_close(struct block *b)
{
	struct graft *g = graft_of(b);

	for (unsigned i = 0; i < PARTIAL_LOCKS; i++)
		pthread_mutex_destroy(&g->partial[i]);
	pthread_mutex_destroy(&g->lost_lock);
	graft_map_free(g->map);
	if (g->delta_fd >= 0)
		close(g->delta_fd);
	free(g);
}

static const struct block_ops graft_ops = {
    .name = "graft",
    .pread = graft_pread,
    .extent = graft_extent,
    .pwrite = graft_pwrite,
    .zero = graft_zero,
    .flush = graft_flush,
    .close = graft_close,
};

/* On success takes *map, and delta_fd. */
static int graft_make(struct block *source, int delta_fd, struct graft_map **map, struct block **ret, struct err *err)
{
	struct graft *g = calloc(1, sizeof *g);

	if (!g)
		return err_nomem(err);
	block_init(&g->b, &graft_ops, source->name, source->size);
	g->b.logical_sector = source->logical_sector;
	g->b.physical_sector = source->physical_sector;
	g->source = source;
	g->delta_fd = delta_fd;
	g->map = take_ptr(map);
	for (unsigned i = 0; i < PARTIAL_LOCKS; i++)
		pthread_mutex_init(&g->partial[i], NULL);
	pthread_mutex_init(&g->lost_lock, NULL);
	*ret = &g->b;
	return 0;
}

int graft_open(struct block *source, int delta_fd, struct block **ret, struct err *err)
{
	AUTO(graft_map_freep) struct graft_map *map = graft_map_new(div_round_up(source->size, GRAFT_BLOCK));

	if (!map)
		return err_nomem(err);
	return graft_make(source, delta_fd, &map, ret, err);
}

static int map_key(const struct block *disk, int delta_fd, struct graft_map_key *key, struct err *err)
{
	struct stat st;

	if (fstat(delta_fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat the delta file of '%s'", disk->name);
	*key = (struct graft_map_key){.disk_size = disk->size, .delta_size = (uint64_t)st.st_size};
	return 0;
}

int graft_freeze(struct block *graft, int map_fd, struct err *err)
{
	struct graft *g = graft_of(graft);
	struct graft_map_key key;

	if (atomic_exchange(&g->frozen, true))
		return err_set(err, ERR_INTERNAL, "the graft of '%s' is frozen already", g->b.name);
	if (g->lost.code)
		return err_set(err, g->lost.code, "what the guest wrote to '%s' was lost: %s", g->b.name, g->lost.text);
	if (fsync(g->delta_fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync the delta file of '%s'", g->b.name);
	if (map_key(&g->b, g->delta_fd, &key, err) < 0)
		return -1;
	if (graft_map_save(g->map, &key, map_fd, err) < 0)
		return err_wrap(err, "cannot write the map of '%s'", g->b.name);
	if (fsync(map_fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync the map of '%s'", g->b.name);
	return 0;
}

int graft_thaw(struct block *source, int delta_fd, int map_fd, struct block **ret, struct err *err)
{
	AUTO(graft_map_freep) struct graft_map *map = NULL;
	struct graft_map_key key;

	if (map_key(source, delta_fd, &key, err) < 0)
		return -1;
	if (graft_map_load(map_fd, &key, &map, err) < 0)
		return err_wrap(err, "map of '%s'", source->name);
	if (graft_make(source, delta_fd, &map, ret, err) < 0)
		return -1;
	graft_of(*ret)->frozen = true;
	return 0;
}

static int add_data(const struct extent *e, void *opaque, struct err *err)
{
	uint64_t *sum = opaque;

	if (e->kind == EXTENT_DATA)
		*sum += e->len;
	return 0;
}

int graft_stats(struct block *graft, struct graft_stats *ret, struct err *err)
{
	struct graft *g = graft_of(graft);
	uint64_t end;

	*ret = (struct graft_stats){.source_read = g->source_read};
	for (uint64_t off = 0; off < g->b.size; off = end) {
		switch (run_at(g, off, g->b.size, &end)) {
		case GRAFT_SOURCE:
			if (block_each_extent(g->source, off, end - off, add_data, &ret->source_bytes, err) < 0)
				return -1;
			break;
		case GRAFT_DELTA:
			ret->delta_bytes += end - off;
			break;
		case GRAFT_ZERO:
			ret->zero_bytes += end - off;
			break;
		case GRAFT_UNKNOWN:
			break;
		}
	}
	return 0;
}
