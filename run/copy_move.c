/* What a copy leaves to the kernel. */
#include "run/copy_move.h"

#include <fcntl.h>

#include "core/base/checked.h"
#include "core/base/zeros.h"

enum {
	PIECE = 64 << 10,   /* looked at for zeros before it is copied; not shared, or in larger units */
	LOOK = 512,	    /* its first bytes: data mostly shows itself there */
	SHARE_ALIGN = 4096, /* blocks of the file systems that share */
};

struct moving {
	struct copy_move *m;
	copy_move_usual *usual;
	void *opaque;
	uint64_t moved;
};

bool copy_move_possible(const struct block *source, const struct block *target)
{
	return source->ops->place && target && target->ops->take && !target->stale;
}

/* Tries; what fails once isn't tried again, but for ranges that can't be shared only because of where they lie. */
static int take(struct copy_move *m, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		struct err *err)
{
	_Atomic bool *never = how == FILE_MOVE_SHARE ? &m->no_share : &m->no_copy;

	*ret_done = false;
	if (*never || (how == FILE_MOVE_SHARE && (from->off | from->len) % SHARE_ALIGN))
		return 0;
	if (block_take(m->target, off, from, how, ret_done, err) < 0)
		return -1;
	if (!*ret_done)
		*never = true;
	return 0;
}

static uint64_t piece_len(const struct moving *v, uint64_t left)
{
	return min_u64(max_u64(PIECE, v->m->unit), left);
}

/* May this be all zeros? Told by its first bytes; what can't be read is for the usual way. */
static bool may_be_zeros(const struct file_place *from, uint64_t at)
{
	unsigned char look[LOOK];
	size_t n = (size_t)min_u64(LOOK, from->len - at);

	return file_pread(from->fd, look, n, from->off + at, NULL) < 0 || all_zeros(look, n);
}

static int move_run(struct moving *v, uint64_t off, const struct file_place *run, bool zeros, struct err *err)
{
	bool done = false;

	if (!zeros && take(v->m, off, run, FILE_MOVE_COPY, &done, err) < 0)
		return -1;
	if (!done)
		return v->usual(v->opaque, off, run->len, err);
	v->moved += run->len;
	return 0;
}

/* Pieces that are alike go together. */
static int move_pieces(struct moving *v, uint64_t off, const struct file_place *from, struct err *err)
{
	posix_fadvise(from->fd, (off_t)from->off, (off_t)from->len, POSIX_FADV_WILLNEED);
	for (uint64_t at = 0, end; at < from->len; at = end) {
		bool zeros = may_be_zeros(from, at);
		struct file_place run;

		for (end = at + piece_len(v, from->len - at); end < from->len && may_be_zeros(from, end) == zeros;)
			end += piece_len(v, from->len - end);
		run = (struct file_place){.fd = from->fd, .off = from->off + at, .len = end - at};
		if (move_run(v, off + at, &run, zeros, err) < 0)
			return -1;
	}
	return 0;
}

static int move_place(struct moving *v, uint64_t off, const struct file_place *from, struct err *err)
{
	bool done;

	if (take(v->m, off, from, FILE_MOVE_SHARE, &done, err) < 0)
		return -1;
	if (done) {
		v->moved += from->len;
		return 0;
	}
	return v->m->no_copy ? v->usual(v->opaque, off, from->len, err) : move_pieces(v, off, from, err);
}

/* Data from off on, in whole units up to `max`; *ret_len is what was settled. */
static int move_data(struct moving *v, uint64_t off, uint64_t len, uint64_t max, uint64_t *ret_len, struct err *err)
{
	struct file_place from;

	len = min_u64(align_up(len, v->m->unit), max);
	if (block_place(v->m->source, off, len, &from, err) < 0)
		return -1;
	if (from.len < len)
		from.len = align_down(from.len, v->m->unit);
	/* Not in a file as it is, or in bits and pieces: so will be what follows. */
	*ret_len = from.len ? from.len : max;
	return from.len ? move_place(v, off, &from, err) : v->usual(v->opaque, off, max, err);
}

static int move_next(struct moving *v, uint64_t off, uint64_t max, uint64_t *ret_len, struct err *err)
{
	struct extent e;

	if (block_extent(v->m->source, off, max, &e, err) < 0)
		return -1;
	if (e.kind == EXTENT_DATA)
		return move_data(v, off, e.len, max, ret_len, err);
	*ret_len = e.len == max ? max : align_down(e.len, v->m->unit);
	if (*ret_len)
		return 0;
	/* A unit that begins with a hole and has data behind it. */
	*ret_len = min_u64(v->m->unit, max);
	return v->usual(v->opaque, off, *ret_len, err);
}

int copy_move_range(struct copy_move *m, uint64_t off, uint64_t len, copy_move_usual *usual, void *opaque,
		    uint64_t *ret_moved, struct err *err)
{
	struct moving v = {.m = m, .usual = usual, .opaque = opaque};
	int ret = 0;

	for (uint64_t end = off + len, n = 0; off < end && ret == 0; off += n) {
		/* By place, small units that lie scattered would also be written one by one. */
		if (m->no_share && m->no_copy) {
			ret = usual(opaque, off, end - off, err);
			break;
		}
		ret = move_next(&v, off, end - off, &n, err);
	}
	*ret_moved = v.moved;
	return ret;
}
