/* A folder with one file, the parent of every differencing image of a fuzz target; removed at exit. */
#ifndef REHOST_TESTS_FUZZ_PARENT_FOLDER_H
#define REHOST_TESTS_FUZZ_PARENT_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "formats/open.h"

static char parent_folder_path[] = "/tmp/rehost-fuzz.XXXXXX";

static void parent_folder_remove(void)
{
	file_remove_tree(AT_FDCWD, parent_folder_path, NULL);
}

static inline void parent_folder_make(struct folder *ret, const char *name, const void *data, size_t size)
{
	int fd;

	if (!mkdtemp(parent_folder_path))
		abort();
	atexit(parent_folder_remove);
	*ret = (struct folder){.dirfd = open(parent_folder_path, O_PATH | O_DIRECTORY), .path = parent_folder_path};
	fd = openat(ret->dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || file_pwrite(fd, data, size, 0, NULL) < 0)
		abort();
	close(fd);
}

#endif
