/* A disk that is watched while it is read. */
#include "boot-iso/agent/watched.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum {
	DIRECT_MAX = 4096,   /* bytes: a page, below which the cache can't narrow a bad place down */
	DIRECT_ALIGN = 4096, /* of memory: what the strictest disk asks for */
};

struct watched {
	struct block b;
	struct block *disk;
	int size_fd, direct_fd;
	atomic_bool has_bad; /* a read failed */
	atomic_uint_fast64_t read, place;
	const atomic_bool *stop;
};

/* Whether it may be tried without the cache. */
static bool is_narrow(const struct watched *w, size_t len, uint64_t off)
{
	return w->direct_fd >= 0 && len <= DIRECT_MAX && len % w->b.logical_sector == 0 &&
	       off % w->b.logical_sector == 0;
}

static int read_direct(const struct watched *w, void *buf, size_t len, uint64_t off, struct err *err)
{
	AUTO_FREE void *aligned = NULL;
	ssize_t n;

	if (posix_memalign(&aligned, DIRECT_ALIGN, DIRECT_MAX) != 0)
		return err_nomem(err);
	n = pread(w->direct_fd, aligned, len, (off_t)off);
	if (n >= 0 && n != (ssize_t)len)
		errno = EIO;
	if (n != (ssize_t)len)
		return err_sys(err, ERR_UNREADABLE, "%zu bytes at 0x%" PRIx64, len, off);
	memcpy(buf, aligned, len);
	return 0;
}

/* A disk tries long at a bad place: once there was one, the cache isn't asked first for what may lie around it. */
static int read_disk(struct watched *w, void *buf, size_t len, uint64_t off, struct err *err)
{
	bool narrow = is_narrow(w, len, off);

	if (!(narrow && atomic_load(&w->has_bad)) && block_pread(w->disk, buf, len, off, err) == 0)
		return 0;
	atomic_store(&w->has_bad, true);
	if (!narrow)
		return -1;
	err_clear(err);
	return read_direct(w, buf, len, off, err);
}

/* Of a disk that was removed the kernel says that it has no bytes. */
static bool has_size(const struct watched *w)
{
	struct stat st;
	uint64_t size;

	if (fstat(w->size_fd, &st) < 0)
		return false;
	if (!S_ISBLK(st.st_mode))
		return (uint64_t)st.st_size == w->b.size;
	return ioctl(w->size_fd, BLKGETSIZE64, &size) == 0 && size == w->b.size;
}

static int gone(const struct watched *w, struct err *err)
{
	return err_set(err, ERR_TEMPFAIL, "the disk '%s' is gone: it has dropped off its bus, or was pulled",
		       w->b.name);
}

/* A disk that is gone fails like one with nothing but bad places: as such they would become zeros. */
static int tell_failure(const struct watched *w, const struct err *failure, struct err *err)
{
	if (failure->sys == ENXIO || failure->sys == ENODEV || failure->sys == ENOMEDIUM || !has_size(w))
		return gone(w, err);
	if (err)
		*err = *failure;
	return -1;
}

static int watched_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct watched *w = (struct watched *)b;
	uint_fast64_t before = atomic_load(&w->place);
	struct err failure = ERR_INIT;

	if (w->stop && atomic_load(w->stop))
		return err_set(err, ERR_INTERRUPTED, "cancelled");
	if (read_disk(w, buf, len, off, &failure) < 0)
		return tell_failure(w, &failure, err);
	atomic_fetch_add(&w->read, len);
	while (before < off + len && !atomic_compare_exchange_weak(&w->place, &before, off + len))
		;
	return 0;
}

static int watched_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	return block_extent(((struct watched *)b)->disk, off, max, ret, err);
}

static void close_fds(int size_fd, int direct_fd)
{
	if (size_fd >= 0)
		close(size_fd);
	if (direct_fd >= 0)
		close(direct_fd);
}

static void watched_close(struct block *b)
{
	struct watched *w = (struct watched *)b;

	block_close(w->disk);
	close_fds(w->size_fd, w->direct_fd);
	free(w);
}

static const struct block_ops watched_ops = {
    .name = "disk",
    .pread = watched_pread,
    .extent = watched_extent,
    .close = watched_close,
};

struct block *watched_new(struct block *disk, int size_fd, int direct_fd)
{
	struct watched *w = calloc(1, sizeof *w);

	if (!w) {
		block_close(disk);
		close_fds(size_fd, direct_fd);
		return NULL;
	}
	w->b = *disk;
	w->b.ops = &watched_ops;
	w->disk = disk;
	w->size_fd = size_fd;
	w->direct_fd = direct_fd;
	return &w->b;
}

int watched_check(const struct block *b, struct err *err)
{
	const struct watched *w = (const struct watched *)b;

	return has_size(w) ? 0 : gone(w, err);
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
