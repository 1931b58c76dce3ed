/* Identity of a source disk: sizes, times and sampled bytes of its files. */
#include "run/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "formats/sample.h"

static int read_file(void *opaque, void *buf, size_t len, uint64_t off)
{
	return file_pread(*(int *)opaque, buf, len, off, NULL);
}

int identity_add(struct identity *id, int fd, const char *name, struct err *err)
{
	off_t size = lseek(fd, 0, SEEK_END); /* st_size of a block device is 0 */
	struct stat st;

	if (size < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot ask for size and time of '%s'", name);
	id->files++;
	id->size += (uint64_t)size;
	if (S_ISREG(st.st_mode)) /* a device node's time says nothing */
		id->mtime = max_u64(id->mtime, (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec);
	return sample_hash(&id->hash, (uint64_t)size, read_file, &fd, err);
}

int identity_add_block(struct identity *id, struct block *b, struct err *err)
{
	id->files++;
	id->size += b->size;
	return sample_block(b, &id->hash, err);
}

/* The first line of a small file; "" when it can't be read. */
static void first_line(const char *path, char *line, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, size - 1);

	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/* Tells a disk from what had its number before: a loop device attached anew, another snapshot of one name (Linux 5.15
 * and later). A partition has its disk's. "": not known. */
static void disk_sequence(dev_t dev, char *ret, size_t size)
{
	char path[80];

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/diskseq", major(dev), minor(dev));
	first_line(path, ret, size);
	if (*ret)
		return;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/../diskseq", major(dev), minor(dev));
	first_line(path, ret, size);
}

void identity_device(const char *folder, const char *file, char text[IDENTITY_DEVICE_TEXT])
{
	enum { WORD = 40, LINE = 512 };
	AUTO_FD int dirfd = folder ? file_open_dir(folder, NULL) : -1;
	char path[64], boot[WORD], sequence[WORD], stat_line[LINE];
	unsigned long long written;
	struct stat st;

	text[0] = '\0';
	if (dirfd < 0 || fstatat(dirfd, file, &st, 0) < 0 || !S_ISBLK(st.st_mode))
		return;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(st.st_rdev), minor(st.st_rdev));
	first_line(path, stat_line, sizeof stat_line);
	first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
	disk_sequence(st.st_rdev, sequence, sizeof sequence);
	if (*boot && *sequence && sscanf(stat_line, "%*u %*u %*u %*u %*u %*u %llu", &written) == 1)
		snprintf(text, IDENTITY_DEVICE_TEXT, "%s %u:%u %s %llu", boot, major(st.st_rdev), minor(st.st_rdev),
			 sequence, written);
	else
		snprintf(text, IDENTITY_DEVICE_TEXT, "unknown at %" PRIu64, clock_ns());
}

void identity_text(const struct identity *id, char text[IDENTITY_TEXT])
{
	snprintf(text, IDENTITY_TEXT, "%u file%s %" PRIu64 " bytes %" PRIu64 ".%09" PRIu64 " %016" PRIx64, id->files,
		 id->files == 1 ? "" : "s", id->size, id->mtime / 1000000000, id->mtime % 1000000000, id->hash);
}
