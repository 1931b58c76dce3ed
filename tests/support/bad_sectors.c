/* bad_sectors.so: a disk with bad sectors, for tests. Preloaded, reads of a file fail with EIO where they touch one.
 *
 *     BAD_INODE=1234567 BAD_RANGES=1048576+512,4194304+4096 LD_PRELOAD=…/bad_sectors.so rehost convert …
 *
 * The file is known by its inode's number: its path would need /proc, which a process that has locked itself down
 * doesn't see.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What the environment says at the start. */
static long long inode;
static char ranges[4096];

__attribute__((constructor)) static void start(void)
{
	const char *s = getenv("BAD_INODE"), *r = getenv("BAD_RANGES");

	inode = s ? strtoll(s, NULL, 10) : -1;
	snprintf(ranges, sizeof ranges, "%s", r ? r : "");
}

static bool is_bad(int fd, off_t off, size_t len)
{
	struct stat st;
	char *end;

	if (fstat(fd, &st) < 0 || (long long)st.st_ino != inode)
		return false;
	for (const char *r = ranges; *r; r = *end == ',' ? end + 1 : end) {
		long long from = strtoll(r, &end, 10), n = *end == '+' ? strtoll(end + 1, &end, 10) : 0;

		if (n <= 0)
			return false;
		if (off < from + n && off + (off_t)len > from)
			return true;
	}
	return false;
}

/* For a function's name and its large-file twin. */
#define READ_ONE(name)                                                                                                 \
	ssize_t name(int fd, void *buf, size_t len, off_t off)                                                         \
	{                                                                                                              \
		ssize_t (*real)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, #name);                                 \
                                                                                                                       \
		if (!is_bad(fd, off, len))                                                                             \
			return real(fd, buf, len, off);                                                                \
		errno = EIO;                                                                                           \
		return -1;                                                                                             \
	}
#define READ_MANY(name)                                                                                                \
	ssize_t name(int fd, const struct iovec *io, int n, off_t off)                                                 \
	{                                                                                                              \
		ssize_t (*real)(int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, #name);                      \
		size_t len = 0;                                                                                        \
                                                                                                                       \
		for (int i = 0; i < n; i++)                                                                            \
			len += io[i].iov_len;                                                                          \
		if (!is_bad(fd, off, len))                                                                             \
			return real(fd, io, n, off);                                                                   \
		errno = EIO;                                                                                           \
		return -1;                                                                                             \
	}

READ_ONE(pread)
READ_ONE(pread64)
READ_MANY(preadv)
READ_MANY(preadv64)
