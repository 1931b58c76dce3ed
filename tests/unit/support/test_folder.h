/* A folder of its own for a test, on a real disk, which can have holes. */
#ifndef REHOST_TESTS_TEST_FOLDER_H
#define REHOST_TESTS_TEST_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"

struct test_folder {
	char path[64];
	int fd;
};

/* 0; -1: there is none. */
static inline int test_folder_make(struct test_folder *f)
{
	strcpy(f->path, "/var/tmp/rehost-test-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd >= 0)
		return 0;
	rmdir(f->path);
	return -1;
}

static inline void test_folder_remove(struct test_folder *f)
{
	close(f->fd);
	file_remove_tree(AT_FDCWD, f->path, NULL);
}

#endif
