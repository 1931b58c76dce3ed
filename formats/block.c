/* Checked wrappers around the operations of a block: ranges before use, and whose error it was. */
#include "formats/block.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"

void block_init(struct block *b, const struct block_ops *ops, const char *name, uint64_t size)
{
	b->ops = ops;
	b->size = size;
	b->logical_sector = 512;
	b->physical_sector = 512;
	b->unit = 4096;
	b->seekable = true;
	snprintf(b->name, sizeof b->name, "%s", name);
}

static int in_context(const struct block *b, struct err *err)
{
	return err_wrap(err, "%s '%s'", b->ops->name, b->name);
}

static int check_range(const struct block *b, const char *verb, uint64_t len, uint64_t off, struct err *err)
{
	if (range_inside(off, len, b->size))
		return 0;
	err_set(err, ERR_INTERNAL, "%s of %" PRIu64 " bytes at 0x%" PRIx64 ": the disk has %" PRIu64 " bytes", verb,
		len, off, b->size);
	return in_context(b, err);
}

static int read_only(const struct block *b, struct err *err)
{
	err_set(err, ERR_INTERNAL, "it is open for reading only");
	return in_context(b, err);
}

int block_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	if (check_range(b, "read", len, off, err) < 0)
		return -1;
	if (!len)
		return 0;
	return b->ops->pread(b, buf, len, off, err) < 0 ? in_context(b, err) : 0;
}

int block_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	if (off >= b->size || !max) {
		err_set(err, ERR_INTERNAL,
			"extent of %" PRIu64 " bytes at 0x%" PRIx64 ": the disk has %" PRIu64 " bytes", max, off,
			b->size);
		return in_context(b, err);
	}
	max = min_u64(max, b->size - off);
	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_DATA};
	if (!b->ops->extent)
		return 0;
	if (b->ops->extent(b, off, max, ret, err) < 0)
		return in_context(b, err);
	if (ret->off != off || !ret->len || ret->len > max || ret->kind == EXTENT_UNKNOWN) {
		err_set(err, ERR_INTERNAL, "extent at 0x%" PRIx64 ": got 0x%" PRIx64 "+0x%" PRIx64 " of kind %d", off,
			ret->off, ret->len, ret->kind);
		return in_context(b, err);
	}
	return 0;
}

int block_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	*ret = (struct file_place){.fd = -1};
	if (!b->ops->place)
		return 0;
	if (check_range(b, "place", max, off, err) < 0)
		return -1;
	return max && b->ops->place(b, off, max, ret, err) < 0 ? in_context(b, err) : 0;
}

int block_sums(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	if (!b->ops->sums) {
		err_set(err, ERR_UNSUPPORTED, "there is no ledger");
		return in_context(b, err);
	}
	return n && b->ops->sums(b, e, n, anew, err) < 0 ? in_context(b, err) : 0;
}

int block_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
	       struct err *err)
{
	*ret_done = false;
	if (!b->ops->take)
		return 0;
	if (check_range(b, "write", from->len, off, err) < 0)
		return -1;
	return from->len && b->ops->take(b, off, from, how, ret_done, err) < 0 ? in_context(b, err) : 0;
}

int block_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	if (!b->ops->pwrite)
		return read_only(b, err);
	if (check_range(b, "write", len, off, err) < 0)
		return -1;
	if (!len)
		return 0;
	return b->ops->pwrite(b, buf, len, off, err) < 0 ? in_context(b, err) : 0;
}

int block_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	if (!b->ops->zero)
		return read_only(b, err);
	if (check_range(b, "zeroing", len, off, err) < 0)
		return -1;
	if (!len)
		return 0;
	return b->ops->zero(b, off, len, err) < 0 ? in_context(b, err) : 0;
}

int block_flush(struct block *b, struct err *err)
{
	if (!b->ops->flush)
		return 0;
	return b->ops->flush(b, err) < 0 ? in_context(b, err) : 0;
}

int block_settled(struct block *b, uint64_t off, struct err *err)
{
	if (!b->ops->settled)
		return 0;
	return b->ops->settled(b, off, err) < 0 ? in_context(b, err) : 0;
}

int block_finish(struct block *b, struct err *err)
{
	if (!b->ops->finish)
		return block_flush(b, err);
	return b->ops->finish(b, err) < 0 ? in_context(b, err) : 0;
}

void block_close(struct block *b)
{
	if (b)
		b->ops->close(b);
}

int block_pread_below(struct block *below, void *buf, size_t len, uint64_t off, struct err *err)
{
	uint64_t size = below ? below->size : 0;
	size_t have = off < size ? (size_t)min_u64(len, size - off) : 0;

	memset((char *)buf + have, 0, len - have);
	return have ? block_pread(below, buf, have, off, err) : 0;
}

int block_extent_below(struct block *below, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_HOLE};
	return below && off < below->size ? block_extent(below, off, max, ret, err) : 0;
}

int block_each_extent(struct block *b, uint64_t off, uint64_t len,
		      int (*fn)(const struct extent *e, void *opaque, struct err *err), void *opaque, struct err *err)
{
	struct extent run = {.off = off};
	int stop;

	if (check_range(b, "map", len, off, err) < 0)
		return -1;
	for (uint64_t end = off + len; off < end;) {
		struct extent e;

		if (block_extent(b, off, end - off, &e, err) < 0)
			return -1;
		off += e.len;
		if (run.len && run.kind == e.kind) {
			run.len += e.len;
			continue;
		}
		stop = run.len ? fn(&run, opaque, err) : 0;
		if (stop)
			return stop;
		run = e;
	}
	return run.len ? fn(&run, opaque, err) : 0;
}

static int add_data(const struct extent *e, void *opaque, struct err *err)
{
	uint64_t *sum = opaque;

	if (e->kind == EXTENT_DATA)
		*sum += e->len;
	return 0;
}

int block_allocated(struct block *b, uint64_t *ret_bytes, struct err *err)
{
	*ret_bytes = 0;
	return block_each_extent(b, 0, b->size, add_data, ret_bytes, err);
}
