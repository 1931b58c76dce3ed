/* What writers have in common, and the giving of places to blocks. */
#include "formats/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/log.h"

enum { SECTOR = 512 };

int writer_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "read of %zu bytes at 0x%" PRIx64 ": it is being written", len, off);
}

int writer_sync(int fd, const char *what, struct err *err)
{
	return fdatasync(fd) < 0 ? err_sys(err, ERR_INTERNAL, "cannot sync %s", what) : 0;
}

int writer_check(uint64_t size, uint64_t max, const char *limit, const struct create_options *o, struct err *err)
{
	uint64_t sector = o->logical_sector ? o->logical_sector : SECTOR;

	if (o->resume)
		return err_set(err, ERR_INTERNAL, "a killed copy to this format can't be resumed");
	if (o->codec)
		return err_set(err, ERR_USAGE, "a codec can't be chosen for this format");
	if (!size || size % sector)
		return err_set(err, ERR_UNSUPPORTED,
			       "a disk of %" PRIu64 " bytes: whole sectors of %" PRIu64
			       " bytes are expected, at least one",
			       size, sector);
	if (size > max)
		return err_set(err, ERR_UNSUPPORTED, "a disk of %" PRIu64 " bytes: %s is the most", size, limit);
	return 0;
}

void writer_warn_sectors(const char *format, const char *name, const struct create_options *o)
{
	if (o->logical_sector > SECTOR)
		log_warn("%s '%s': the disk was made for sectors of %" PRIu32
			 " bytes, the format has 512: a guest won't find its partitions",
			 format, name, o->logical_sector);
}

int placing_start(struct placing_writer *w, int fd, struct err *err)
{
	w->fd = -1;
	w->blocks = div_round_up(w->b.size, w->block);
	w->table = calloc(w->blocks, sizeof *w->table);
	if (!w->table)
		return err_nomem(err);
	/* Until the end it is no image, whatever was there. */
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot empty the file");
	pthread_mutex_init(&w->lock, NULL);
	w->fd = fd;
	return 0;
}

void placing_done(struct placing_writer *w)
{
	free(w->table);
	if (w->fd < 0)
		return;
	pthread_mutex_destroy(&w->lock);
	close(w->fd);
}

/* Where the block's data is, or 0. */
static uint64_t find(struct placing_writer *w, uint64_t block)
{
	uint64_t entry;

	pthread_mutex_lock(&w->lock);
	entry = w->table[block];
	pthread_mutex_unlock(&w->lock);
	return entry ? entry * w->entry_unit + w->lead : 0;
}

/* The same; a block that has no place gets one, *ret_new then says so. */
static uint64_t find_or_place(struct placing_writer *w, uint64_t block, bool *ret_new)
{
	uint64_t at;

	pthread_mutex_lock(&w->lock);
	*ret_new = !w->table[block];
	if (*ret_new) {
		at = align_up(w->tail + w->lead, w->align);
		w->table[block] = (uint32_t)((at - w->lead) / w->entry_unit);
		w->tail = at + w->block;
	}
	at = w->table[block] * w->entry_unit + w->lead;
	pthread_mutex_unlock(&w->lock);
	return at;
}

static int write_lead(const struct placing_writer *w, uint64_t at, struct err *err)
{
	unsigned char ones[SECTOR];
	uint64_t n;

	memset(ones, 0xff, sizeof ones);
	for (uint64_t done = 0; done < w->lead; done += n) {
		n = min_u64(sizeof ones, w->lead - done);
		if (file_pwrite(w->fd, ones, n, at - w->lead + done, err) < 0)
			return -1;
	}
	return 0;
}

int placing_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct placing_writer *w = (struct placing_writer *)b;
	const unsigned char *from = buf;

	while (len) {
		uint64_t inside = off % w->block, n = min_u64(len, w->block - inside), at;
		bool is_new;

		at = find_or_place(w, off / w->block, &is_new);
		if ((is_new && write_lead(w, at, err) < 0) || file_pwrite(w->fd, from, n, at + inside, err) < 0)
			return -1;
		from += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* A block that got its place for nothing keeps it: the file reads as zeros there, and is to be written next. */
int placing_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		 struct err *err)
{
	struct placing_writer *w = (struct placing_writer *)b;

	for (uint64_t done = 0, n; done < from->len; done += n) {
		uint64_t inside = (off + done) % w->block, at;
		bool is_new;

		n = min_u64(from->len - done, w->block - inside);
		at = find_or_place(w, (off + done) / w->block, &is_new);
		if (is_new && write_lead(w, at, err) < 0)
			return -1;
		if (!file_move_range(from->fd, from->off + done, w->fd, at + inside, n, how))
			return 0;
	}
	*ret_done = true;
	return 0;
}

int placing_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	struct placing_writer *w = (struct placing_writer *)b;

	while (len) {
		uint64_t inside = off % w->block, n = min_u64(len, w->block - inside);
		uint64_t at = find(w, off / w->block);

		if (at && file_zero(w->fd, at + inside, n, err) < 0)
			return -1;
		off += n;
		len -= n;
	}
	return 0;
}

int placing_flush(struct block *b, struct err *err)
{
	return writer_sync(((struct placing_writer *)b)->fd, "the data", err);
}
