/* A regular file or block device as bytes; what every image format stands on. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "formats/open.h"

struct file_block {
	struct block b;
	int fd;
	bool regular;
	bool fixed; /* open for reading only: holes stay where they are */
	pthread_mutex_t lock;
	struct extent known; /* what the file system last said, of a fixed file; len 0 at first */
};

static struct file_block *file_block(struct block *b)
{
	return (struct file_block *)b;
}

static int file_block_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	return file_pread(file_block(b)->fd, buf, len, off, err);
}

/* Where the file system or device can't tell, all is data. lseek() is safe between threads here, because nobody uses
 * the file position. */
static struct extent ask_extent(int fd, uint64_t off, uint64_t max)
{
	struct extent e = {.off = off, .len = max, .kind = EXTENT_DATA};
	off_t data = lseek(fd, (off_t)off, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		e.kind = EXTENT_HOLE;
	if (data < 0)
		return e;
	if ((uint64_t)data > off) {
		e.kind = EXTENT_HOLE;
		e.len = min_u64(max, (uint64_t)data - off);
		return e;
	}
	hole = lseek(fd, (off_t)off, SEEK_HOLE);
	if (hole > 0 && (uint64_t)hole > off)
		e.len = min_u64(max, (uint64_t)hole - off);
	return e;
}

static bool recall(struct file_block *f, uint64_t off, struct extent *ret)
{
	bool known;

	pthread_mutex_lock(&f->lock);
	known = off >= f->known.off && off - f->known.off < f->known.len;
	if (known)
		*ret = f->known;
	pthread_mutex_unlock(&f->lock);
	return known;
}

static void remember(struct file_block *f, const struct extent *e)
{
	struct extent *k = &f->known;

	pthread_mutex_lock(&f->lock);
	/* Both run to the same next change: the one that begins earlier says more. */
	if (k->kind != e->kind || e->off + e->len != k->off + k->len || e->off < k->off)
		*k = *e;
	pthread_mutex_unlock(&f->lock);
}

/* Asked in pieces, in any order: looking for the next change takes some file systems as long as it is away (tmpfs looks
 * at every page), so that what was found is kept. */
static int file_block_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct file_block *f = file_block(b);
	struct extent e;

	if (!f->fixed) {
		*ret = ask_extent(f->fd, off, max);
		return 0;
	}
	if (!recall(f, off, &e)) {
		e = ask_extent(f->fd, off, b->size - off);
		remember(f, &e);
	}
	*ret = (struct extent){.off = off, .len = min_u64(max, e.off + e.len - off), .kind = e.kind};
	return 0;
}

static int file_block_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct file_block *f = file_block(b);

	if (f->regular)
		*ret = (struct file_place){.fd = f->fd, .off = off, .len = max};
	return 0;
}

static void file_block_close(struct block *b)
{
	struct file_block *f = file_block(b);

	close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct block_ops file_ops = {
    .name = "file",
    .pread = file_block_pread,
    .extent = file_block_extent,
    .place = file_block_place,
    .close = file_block_close,
};

static int device_geometry(int fd, struct block *b, struct err *err)
{
	uint64_t size;
	unsigned physical;
	int logical;

	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot ask for the size of device '%s'", b->name);
	b->size = size;
	if (ioctl(fd, BLKSSZGET, &logical) == 0 && logical >= 512)
		b->logical_sector = (uint32_t)logical;
	b->physical_sector = b->logical_sector;
	if (ioctl(fd, BLKPBSZGET, &physical) == 0 && physical > b->logical_sector)
		b->physical_sector = physical;
	return 0;
}

int file_block_open(int fd, const char *name, struct block **ret, struct err *err)
{
	AUTO_FREE struct file_block *f = calloc(1, sizeof *f);
	struct stat st;

	if (!f)
		return err_nomem(err);
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", name);
	block_init(&f->b, &file_ops, name, (uint64_t)st.st_size);
	f->fd = fd;
	f->regular = S_ISREG(st.st_mode);
	f->fixed = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	if (S_ISBLK(st.st_mode) && device_geometry(fd, &f->b, err) < 0)
		return -1;
	pthread_mutex_init(&f->lock, NULL);
	*ret = &take_ptr(&f)->b;
	return 0;
}
