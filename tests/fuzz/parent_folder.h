/* A folder with the files that images of a fuzz target may name: parents, extents, pieces; removed at exit. */
#ifndef REHOST_TESTS_FUZZ_PARENT_FOLDER_H
#define REHOST_TESTS_FUZZ_PARENT_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "formats/open.h"

static char parent_folder_path[] = "/tmp/rehost-fuzz.XXXXXX";

static void parent_folder_remove(void)
{
	file_remove_tree(AT_FDCWD, parent_folder_path, NULL);
}

/* Adds a file; the first one makes the folder. */
static inline void parent_folder_add(struct folder *folder, const char *name, const void *data, size_t size)
{
	int fd;

	if (!folder->path) {
		if (!mkdtemp(parent_folder_path))
			abort();
		atexit(parent_folder_remove);
		*folder = (struct folder){.dirfd = open(parent_folder_path, O_PATH | O_DIRECTORY),
					  .path = parent_folder_path};
	}
	fd = openat(folder->dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || file_pwrite(fd, data, size, 0, NULL) < 0)
		abort();
	close(fd);
}

/* A small raw disk that shows what it is: a partition table with one partition. */
static inline void parent_folder_add_raw(struct folder *folder, const char *name)
{
	unsigned char disk[6 * 512] = "boot";

	disk[446 + 4] = 0x83;
	put_le32(disk + 446 + 8, 1);
	put_le32(disk + 446 + 12, 5);
	put_le16(disk + 510, 0xaa55);
	memset(disk + 512, 'p', sizeof disk - 512);
	parent_folder_add(folder, name, disk, sizeof disk);
}

/* A seed of a target's corpus as a file of the folder; the targets run at the top of the tree. */
static inline void parent_folder_add_seed(struct folder *folder, const char *name, const char *seed)
{
	AUTO_FD int fd = open(seed, O_RDONLY);
	static unsigned char data[256 << 10];
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof data);

	if (n < 0)
		abort();
	parent_folder_add(folder, name, data, (size_t)n);
}

#endif
