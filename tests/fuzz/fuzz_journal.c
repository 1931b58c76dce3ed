/* Fuzz target: a journal as a crash, or anybody, may have left it. What is read must be what is written on. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/file.h"
#include "run/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t open_and_count(int dirfd)
{
	AUTO(journal_closep) struct journal *j = NULL;
	const struct journal_extent *e;

	if (journal_open(dirfd, &j, NULL) < 0)
		__builtin_trap();
	return journal_extents(j, &e);
}

static void add_one(int dirfd)
{
	AUTO(journal_closep) struct journal *j = NULL;
	struct journal_extent e = {.off = 4096, .len = 4096, .hash = 1, .note = "q2 16 z1"};

	if (journal_open(dirfd, &j, NULL) < 0 || journal_add_extents(j, &e, 1, NULL) < 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/rehost-fuzz-XXXXXX";
	int dirfd, fd;
	size_t n;

	if (!mkdtemp(path))
		abort();
	dirfd = open(path, O_RDONLY | O_DIRECTORY);
	fd = openat(dirfd, "journal.ndjson", O_WRONLY | O_CREAT, 0600);
	if (file_pwrite(fd, data, size, 0, NULL) < 0)
		abort();
	close(fd);
	n = open_and_count(dirfd);
	if (open_and_count(dirfd) != n)
		__builtin_trap();
	add_one(dirfd);
	if (open_and_count(dirfd) != n + 1)
		__builtin_trap();
	unlinkat(dirfd, "journal.ndjson", 0);
	close(dirfd);
	rmdir(path);
	return 0;
}
