/* Fuzz target: a seal as anybody may have made it. Its end is made right first, or nothing behind it would be reached;
 * what is accepted then gives its files, leaves and disks within their limits. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/verify/seal.h"
#include "run/verify/tree.h"

enum { LEAVES = 4096, CHUNKS = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_seal(int dirfd, const uint8_t *data, size_t size)
{
	AUTO_FD int fd = openat(dirfd, SEAL_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	AUTO(hash128_freep) struct hash128 *h = hash128_new();
	unsigned char hash[HASH128];
	char hex[HASH128_HEX], end[128];
	uint64_t lines = 0;
	int n;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	hash128_add(h, data, size);
	hash128_get(h, hash);
	hash128_hex(hash, hex);
	n = snprintf(end, sizeof end, SEAL_END, lines, hex);
	if (file_pwrite(fd, data, size, 0, NULL) < 0 || file_pwrite(fd, end, (size_t)n, size, NULL) < 0)
		abort();
}

static void read_files(const struct seal *s)
{
	static unsigned char leaves[LEAVES][HASH128];
	const struct seal_file *f;
	size_t n = seal_files(s, &f);

	for (size_t i = 0; i < n; i++) {
		uint64_t nleaves = div_round_up(f[i].size, tree_chunk(f[i].size));

		if (i && strcmp(f[i - 1].name, f[i].name) >= 0)
			__builtin_trap();
		/* the zeros of a large chunk take as long as they are */
		if (nleaves <= LEAVES && seal_leaves(s, &f[i], leaves, nleaves, NULL) < 0)
			__builtin_trap();
	}
}

static void read_disk(const struct seal *s, const struct seal_disk *d)
{
	AUTO(seal_content_done) struct seal_content c = {0};
	uint64_t end;

	if (seal_content(s, d, &c, NULL) < 0)
		__builtin_trap();
	for (size_t i = 0; i < c.nruns; i++)
		if (!c.runs[i].len || !range_inside(c.runs[i].off, c.runs[i].len, d->size) ||
		    seal_kind_at(&c, c.runs[i].off, d->size, &end) != c.runs[i].kind)
			__builtin_trap();
}

static void read_disks(const struct seal *s)
{
	const struct seal_disk *d;
	size_t n = seal_disks(s, &d);

	for (size_t i = 0; i < n; i++)
		if (d[i].size <= (uint64_t)CHUNKS * SEAL_CHUNK)
			read_disk(s, &d[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/rehost-fuzz-XXXXXX";
	struct seal *s = NULL;
	int dirfd;

	if (!mkdtemp(path))
		abort();
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_seal(dirfd, data, size);
	if (seal_open(dirfd, &s, NULL) == 0) {
		read_files(s);
		read_disks(s);
	}
	seal_close(s);
	unlinkat(dirfd, SEAL_NAME, 0);
	close(dirfd);
	rmdir(path);
	return 0;
}
