/* A regular file or block device as bytes; what every image format stands on. */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "formats/open.h"

struct file_block {
	struct block b;
	int fd;
};

static int file_block_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	return file_pread(((struct file_block *)b)->fd, buf, len, off, err);
}

/* Where the file system or device can't tell, all is data. lseek() is safe between threads here, because nobody uses
 * the file position. */
static int file_block_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	int fd = ((struct file_block *)b)->fd;
	off_t data = lseek(fd, (off_t)off, SEEK_DATA);
	off_t hole;

	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_DATA};
	if (data < 0 && errno == ENXIO)
		ret->kind = EXTENT_HOLE;
	if (data < 0)
		return 0;
	if ((uint64_t)data > off) {
		ret->kind = EXTENT_HOLE;
		ret->len = min_u64(max, (uint64_t)data - off);
		return 0;
	}
	hole = lseek(fd, (off_t)off, SEEK_HOLE);
	if (hole > 0 && (uint64_t)hole > off)
		ret->len = min_u64(max, (uint64_t)hole - off);
	return 0;
}

static void file_block_close(struct block *b)
{
	close(((struct file_block *)b)->fd);
	free(b);
}

static const struct block_ops file_ops = {
    .name = "file",
    .pread = file_block_pread,
    .extent = file_block_extent,
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
	if (S_ISBLK(st.st_mode) && device_geometry(fd, &f->b, err) < 0)
		return -1;
	*ret = &take_ptr(&f)->b;
	return 0;
}
