/* Files of the host: whole reads and writes, opening beneath a folder, publishing by rename. */
#include "core/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"

enum { ZERO_CHUNK = 256 << 10 };

int file_pread(int fd, void *data, size_t len, uint64_t off, struct err *err)
{
	char *to = data;

	while (len) {
		ssize_t n = pread(fd, to, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_UNREADABLE, "read of %zu bytes at 0x%" PRIx64, len, off);
		if (!n)
			return err_set(err, ERR_CORRUPT, "read of %zu bytes at 0x%" PRIx64 ": the file ends before",
				       len, off);
		to += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int file_pwrite(int fd, const void *data, size_t len, uint64_t off, struct err *err)
{
	const char *from = data;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_INTERNAL, "write of %zu bytes at 0x%" PRIx64, len, off);
		from += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Steps over done bytes. */
static void iovec_advance(struct iovec **io, int *n, size_t done)
{
	while (*n && done >= (*io)->iov_len) {
		done -= (*io)->iov_len;
		(*io)++;
		(*n)--;
	}
	if (!*n)
		return;
	(*io)->iov_base = (char *)(*io)->iov_base + done;
	(*io)->iov_len -= done;
}

int file_pwritev(int fd, struct iovec *io, int n, uint64_t off, struct err *err)
{
	while (n) {
		ssize_t done = pwritev(fd, io, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, ERR_INTERNAL, "write of %d pieces at 0x%" PRIx64, n, off);
		off += (uint64_t)done;
		iovec_advance(&io, &n, (size_t)done);
	}
	return 0;
}

static bool share_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t len)
{
	struct file_clone_range range = {
	    .src_fd = from, .src_offset = from_off, .src_length = len, .dest_offset = to_off};

	return len && ioctl(to, FICLONERANGE, &range) == 0;
}

/* Does the file system copy by itself, at its server? Others go page by page, which takes longer than a read and
 * a write of half a megabyte. */
static bool copies_by_itself(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((uint32_t)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool copy_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t len)
{
	off_t at = (off_t)from_off, dest = (off_t)to_off;

	while (len) {
		ssize_t n = copy_file_range(from, &at, to, &dest, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		len -= (uint64_t)n;
	}
	return true;
}

bool file_move_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t len, enum file_move how)
{
	return how == FILE_MOVE_SHARE ? share_range(from, from_off, to, to_off, len)
				      : copies_by_itself(to) && copy_range(from, from_off, to, to_off, len);
}

int file_write_zeros(int fd, uint64_t off, uint64_t len, struct err *err)
{
	AUTO_FREE void *zeros = calloc(1, ZERO_CHUNK);

	if (!zeros)
		return err_nomem(err);
	while (len) {
		size_t n = (size_t)min_u64(len, ZERO_CHUNK);

		if (file_pwrite(fd, zeros, n, off, err) < 0)
			return -1;
		off += n;
		len -= n;
	}
	return 0;
}

int file_zero(int fd, uint64_t off, uint64_t len, struct err *err)
{
	if (!len || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
		return 0;
	return file_write_zeros(fd, off, len, err);
}

int file_write(int fd, const void *data, size_t len, struct err *err)
{
	const char *from = data;

	while (len) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_INTERNAL, "write of %zu bytes", len);
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_send(int fd, const void *data, size_t len, struct err *err)
{
	const char *from = data;

	while (len) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_HOST, "cannot send %zu bytes", len);
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_open_beneath(int dirfd, const char *name, bool allow_device, struct err *err)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	AUTO_FD int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
	struct stat st;

	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		return err_set(err, ERR_POLICY, "'%s' leads outside the image's folder", name);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", name);
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", name);
	if (!S_ISREG(st.st_mode) && !(allow_device && S_ISBLK(st.st_mode)))
		return err_set(err, ERR_POLICY, "'%s' is not a regular file", name);
	return take_fd(&fd);
}

int file_open_dir_beneath(int dirfd, const char *name, struct err *err)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);

	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		return err_set(err, ERR_POLICY, "'%s' leads outside the image's folder", name);
	return fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", name) : fd;
}

int file_open_dir(const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", path) : fd;
}

int file_slurp_fd(int fd, const char *name, struct buf *b, struct err *err)
{
	for (;;) {
		size_t want = min_u64(64 * KIB, b->max - b->len);
		char extra, *room = buf_reserve(b, want);
		ssize_t n;

		if (!room)
			return err_nomem(err);
		n = want ? read(fd, room, want) : read(fd, &extra, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", name);
		if (!n)
			return 0;
		if (!want)
			return err_set(err, ERR_CORRUPT, "'%s' is over the limit of %zu bytes", name, b->max);
		buf_commit(b, (size_t)n);
	}
}

int file_slurp(int dirfd, const char *name, struct buf *b, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", name);
	return file_slurp_fd(fd, name, b, err);
}

int file_slurp_tail(int fd, const char *name, struct buf *b, struct err *err)
{
	struct stat st;
	size_t len;
	char *room;

	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", name);
	len = min_u64((uint64_t)st.st_size, b->max - b->len);
	room = buf_reserve(b, len);
	if (!room)
		return err_nomem(err);
	if (file_pread(fd, room, len, (uint64_t)st.st_size - len, err) < 0)
		return err_wrap(err, "'%s'", name);
	buf_commit(b, len);
	return 0;
}

#define TEMPORARY_END ".new"

enum { TEMPORARY_DIGITS = 16 };

bool file_is_temporary(const char *name)
{
	return name[0] == '.' && strspn(name + 1, "0123456789abcdef") == TEMPORARY_DIGITS &&
	       !strcmp(name + 1 + TEMPORARY_DIGITS, TEMPORARY_END);
}

/* In the same folder, and no other writer's: two hosts may write one file. */
static int temporary_name(const char *name, char ret[PATH_MAX], struct err *err)
{
	const char *slash = strrchr(name, '/');
	int folder = slash ? (int)(slash - name) + 1 : 0;
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_sys(err, ERR_INTERNAL, "cannot get a random number");
	snprintf(ret, PATH_MAX, "%.*s.%0*" PRIx64 TEMPORARY_END, folder, name, TEMPORARY_DIGITS, random);
	return 0;
}

static int write_synced(int fd, const void *data, size_t len, struct err *err)
{
	if (file_pwrite(fd, data, len, 0, err) < 0)
		return -1;
	return fsync(fd) < 0 ? err_sys(err, ERR_INTERNAL, "cannot sync") : 0;
}

int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct err *err)
{
	char temporary[PATH_MAX];
	AUTO_FD int fd = -1;
	int ret;

	if (temporary_name(name, temporary, err) < 0)
		return -1;
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", name);
	ret = write_synced(fd, data, len, err) < 0 ? err_wrap(err, "'%s'", name) : 0;
	if (!ret && renameat(dirfd, temporary, dirfd, name) < 0)
		ret = err_sys(err, ERR_INTERNAL, "cannot replace '%s'", name);
	if (!ret)
		return file_sync_dir(dirfd, err);
	unlinkat(dirfd, temporary, 0);
	return -1;
}

static int make_dir(const char *path, struct err *err)
{
	struct stat st;

	if (mkdir(path, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot create folder '%s'", path);
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_BLOCKED, "cannot create folder '%s': it exists and is no folder", path);
	return 0;
}

int file_mkdirs(const char *path, struct err *err)
{
	AUTO_FREE char *part = strdup(path);

	if (!part)
		return err_nomem(err);
	for (char *slash = part; *slash;) {
		char was;

		slash += *slash == '/';
		slash += strcspn(slash, "/");
		was = *slash;
		*slash = '\0';
		if (make_dir(part, err) < 0)
			return -1;
		*slash = was;
	}
	return 0;
}

int file_sync_dir(int dirfd, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync a folder");
	return 0;
}

static int cannot_rename(const char *from, const char *to, struct err *err)
{
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return err_set(err, ERR_BLOCKED, "'%s' exists already", to);
	return err_sys(err, ERR_INTERNAL, "cannot rename '%s' to '%s'", from, to);
}

/* renameat2(2): EINVAL where the file system doesn't know the flag. */
static bool no_such_flag(void)
{
	return errno == EINVAL || errno == ENOSYS;
}

static bool is_folder(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int file_move_noreplace(int from_dir, const char *from, int to_dir, const char *to, struct err *err)
{
	struct stat st;

	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!no_such_flag())
		return cannot_rename(from, to, err);
	if (!is_folder(from_dir, from) && fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (renameat(from_dir, from, to_dir, to) == 0)
		return 0;
	return cannot_rename(from, to, err);
}

int file_rename_noreplace(int dirfd, const char *from, const char *to, struct err *err)
{
	return file_move_noreplace(dirfd, from, dirfd, to, err);
}

/* By three renames; the first is taken back when the second fails. */
static int exchange_over(int dirfd, const char *a, const char *b, const char *spare, struct err *err)
{
	if (renameat(dirfd, b, dirfd, spare) < 0)
		return cannot_rename(b, spare, err);
	if (renameat(dirfd, a, dirfd, b) < 0) {
		cannot_rename(a, b, err);
		if (renameat(dirfd, spare, dirfd, b) < 0)
			return err_wrap(err, "'%s' is '%s' now", b, spare);
		return -1;
	}
	return renameat(dirfd, spare, dirfd, a) == 0 ? 0 : cannot_rename(spare, a, err);
}

int file_rename_exchange(int dirfd, const char *a, const char *b, const char *spare, struct err *err)
{
	if (renameat2(dirfd, a, dirfd, b, RENAME_EXCHANGE) == 0)
		return 0;
	return no_such_flag() ? exchange_over(dirfd, a, b, spare, err) : cannot_rename(a, b, err);
}

void file_limit_raise(unsigned files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= files)
		return;
	limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("cannot raise the limit of open files: %s", strerror(errno));
}

bool file_is_at(int fd, int dirfd, const char *name)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static int remove_entries(int fd, struct err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int ret = 0;

	if (!dir) {
		close(fd);
		return err_sys(err, ERR_INTERNAL, "cannot list a folder");
	}
	while (!ret && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			ret = file_remove_tree(dirfd(dir), e->d_name, err);
	closedir(dir);
	return ret;
}

int file_remove_tree(int dirfd, const char *name, struct err *err)
{
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, ERR_INTERNAL, "cannot remove '%s'", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot open '%s'", name);
	if (remove_entries(fd, err) < 0)
		return -1;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot remove folder '%s'", name);
	return 0;
}

int file_space_free(int fd, uint64_t *ret_bytes, struct err *err)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot ask for free space");
	*ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

const char *file_tmpdir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir == '/' ? dir : "/var/tmp";
}

int file_unnamed(struct err *err)
{
	const char *dir = file_tmpdir();
	char path[4096];
	int fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof path, "%.4000s/rehost-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a temporary file in '%s'", dir);
	unlink(path);
	return fd;
}
