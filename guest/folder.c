/* A plain folder as a guest: every path is resolved beneath its root by openat2, absolute symlinks too. */
#include "guest/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "core/base/checked.h"
#include "core/base/file.h"

/* Each level holds a descriptor; no installed system nests half as deep. */
enum { DEPTH_MAX = 256 };

struct folder {
	struct guest guest;
	int root;
};

static struct folder *folder_of(struct guest *g)
{
	return (struct folder *)(void *)g;
}

static int open_in(struct guest *g, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
	    .flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	int fd;

	do /* EAGAIN: a rename elsewhere raced with ".." */
		fd = (int)syscall(SYS_openat2, folder_of(g)->root, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN);
	return fd;
}

/* A dangling or looping symlink and a file where a folder should be are ways of not being there. */
static bool is_missing(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == ELOOP;
}

/* Opens the folder that holds path and points at the last component. */
static int open_parent(struct guest *g, const char *path, const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = NULL;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!slash || !**ret_name || !strcmp(*ret_name, ".") || !strcmp(*ret_name, ".."))
		return err_set(err, ERR_INTERNAL, "'%s' doesn't end in a name", path);
	parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (!parent)
		return err_nomem(err);
	fd = open_in(g, parent, O_PATH | O_DIRECTORY, 0);
	return fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", parent) : fd;
}

static int check_regular(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_UNREADABLE, "'%s' is not a regular file", path);
	return 0;
}

static int folder_read(struct guest *g, const char *path, struct buf *b, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	return check_regular(fd, path, err) < 0 ? -1 : file_slurp_fd(fd, path, b, err);
}

static int folder_head(struct guest *g, const char *path, size_t max, struct buf *b, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	void *room;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	if (check_regular(fd, path, err) < 0)
		return -1;
	max = min_u64(max, (uint64_t)st.st_size);
	room = buf_reserve(b, max);
	if (!room)
		return err_nomem(err);
	if (file_pread(fd, room, max, 0, err) < 0)
		return err_wrap(err, "'%s'", path);
	buf_commit(b, max);
	return 0;
}

#define CAPABILITIES "security.capability"

static int write_existing(int fd, const char *path, const void *data, size_t len, struct err *err)
{
	char caps[XATTR_SIZE_MAX];
	ssize_t n;

	if (check_regular(fd, path, err) < 0)
		return -1;
	n = fgetxattr(fd, CAPABILITIES, caps, sizeof caps);
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_CONVERT, "cannot truncate '%s'", path);
	if (file_pwrite(fd, data, len, 0, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (n > 0 && fsetxattr(fd, CAPABILITIES, caps, (size_t)n, 0) < 0)
		return err_sys(err, ERR_CONVERT, "cannot put back the capabilities of '%s'", path);
	return 0;
}

static int folder_write(struct guest *g, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_WRONLY | O_NONBLOCK, 0);

	if (fd >= 0)
		return write_existing(fd, path, data, len, err);
	if (errno == ENOENT)
		fd = open_in(g, path, O_WRONLY | O_CREAT | O_NONBLOCK, mode & 07777);
	if (fd < 0)
		return err_sys(err, ERR_CONVERT, "cannot write '%s'", path);
	if (fchmod(fd, mode & 07777) < 0) /* whatever our umask is */
		return err_sys(err, ERR_CONVERT, "cannot set the mode of '%s'", path);
	return file_pwrite(fd, data, len, 0, err) < 0 ? err_wrap(err, "'%s'", path) : 0;
}

static int folder_stat(struct guest *g, const char *path, bool follow, struct guest_stat *ret, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
	struct stat st;

	*ret = (struct guest_stat){0};
	if (fd < 0 && is_missing(errno))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", path);
	*ret = (struct guest_stat){.mode = st.st_mode,
				   .size = (uint64_t)st.st_size,
				   .dev = st.st_dev,
				   .ino = st.st_ino,
				   .uid = st.st_uid,
				   .gid = st.st_gid,
				   .mtime = st.st_mtime};
	return 0;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The folder for readdir; NULL with no error set when it isn't there. */
static DIR *open_dir(struct guest *g, const char *path, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir;

	if (fd < 0 && is_missing(errno))
		return NULL;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		err_sys(err, ERR_UNREADABLE, "cannot list '%s'", path);
	else
		take_fd(&fd);
	return dir;
}

static int folder_list(struct guest *g, const char *path, struct arena *a, struct names *ret, struct err *err)
{
	struct err local = ERR_INIT;
	AUTO(close_dir) DIR *dir = open_dir(g, path, &local);
	struct dirent *e;

	*ret = (struct names){0};
	if (local.code)
		return err_set(err, local.code, "%s", local.text);
	while (dir && (e = readdir(dir)))
		if (!is_dots(e->d_name) && names_add(ret, a, e->d_name, err) < 0)
			return err_wrap(err, "folder '%s'", path);
	names_sort(ret);
	return 0;
}

/* Adds what lies under path, whose pattern part still to match is `rest`. */
static int glob_under(struct guest *g, const char *path, const char *rest, struct arena *a, struct names *ret,
		      struct err *err)
{
	size_t n = strcspn(rest, "/");
	const char *next = rest + n + strspn(rest + n, "/");
	AUTO_FREE char *pattern = strndup(rest, n);
	struct names entries;

	if (!pattern)
		return err_nomem(err);
	if (strlen(path) > PATH_MAX)
		return 0;
	if (folder_list(g, *path ? path : "/", a, &entries, err) < 0)
		return -1;
	VEC_FOR (name, &entries.list) {
		char *found;
		int failed;

		if (fnmatch(pattern, *name, FNM_PERIOD) != 0)
			continue;
		found = arena_printf(a, "%s/%s", path, *name);
		failed = *next ? glob_under(g, found, next, a, ret, err) : names_add(ret, a, found, err);
		if (failed < 0)
			return -1;
	}
	return 0;
}

static int folder_glob(struct guest *g, const char *pattern, struct arena *a, struct names *ret, struct err *err)
{
	*ret = (struct names){0};
	if (glob_under(g, "", pattern + strspn(pattern, "/"), a, ret, err) < 0)
		return err_wrap(err, "pattern '%s'", pattern);
	names_sort(ret);
	return 0;
}

/* Names of everything under fd (taken), each after prefix. */
static int find_under(int fd, const char *prefix, unsigned depth, struct arena *a, struct names *ret, struct err *err)
{
	AUTO(close_dir) DIR *dir = fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		close(fd);
		return err_sys(err, ERR_UNREADABLE, "cannot list '%s'", prefix);
	}
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "folders nest deeper than %d", DEPTH_MAX);
	while ((e = readdir(dir))) {
		char *path;
		int sub;

		if (is_dots(e->d_name))
			continue;
		path = arena_printf(a, "%s%s", prefix, e->d_name);
		if (names_add(ret, a, path, err) < 0)
			return -1;
		if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)
			continue;
		sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && find_under(sub, arena_printf(a, "%s/", path), depth + 1, a, ret, err) < 0)
			return -1;
		if (sub < 0 && errno != ENOTDIR && errno != ELOOP)
			return err_sys(err, ERR_UNREADABLE, "cannot list '%s'", path);
	}
	return 0;
}

static int folder_find(struct guest *g, const char *dir, struct arena *a, struct names *ret, struct err *err)
{
	AUTO_FD int fd = open_in(g, dir, O_RDONLY | O_DIRECTORY, 0);

	*ret = (struct names){0};
	if (fd < 0 && is_missing(errno))
		return 0;
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot list '%s'", dir);
	if (find_under(take_fd(&fd), "", 0, a, ret, err) < 0)
		return err_wrap(err, "folder '%s'", dir);
	names_sort(ret);
	return 0;
}

static int folder_readlink(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_PATH | O_NOFOLLOW, 0);
	char target[PATH_MAX];
	ssize_t n;

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	n = readlinkat(fd, "", target, sizeof target);
	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read link '%s'", path);
	*ret = arena_strndup(a, target, (size_t)n);
	return 0;
}

static int folder_mkdir(struct guest *g, const char *path, mode_t mode, struct err *err)
{
	const char *name;
	AUTO_FD int parent = open_parent(g, path, &name, err);

	if (parent < 0)
		return -1;
	if (mkdirat(parent, name, 0755) < 0 || fchmodat(parent, name, mode & 07777, 0) < 0)
		return err_sys(err, ERR_CONVERT, "cannot create folder '%s'", path);
	return 0;
}

static int folder_symlink(struct guest *g, const char *target, const char *path, struct err *err)
{
	const char *name;
	AUTO_FD int parent = open_parent(g, path, &name, err);

	if (parent < 0)
		return -1;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_CONVERT, "cannot replace '%s'", path);
	if (symlinkat(target, parent, name) < 0)
		return err_sys(err, ERR_CONVERT, "cannot make symlink '%s'", path);
	return 0;
}

static int folder_remove(struct guest *g, const char *path, bool recursive, struct err *err)
{
	struct err local = ERR_INIT;
	const char *name;
	AUTO_FD int parent = open_parent(g, path, &name, &local);

	if (parent < 0 && is_missing(local.sys))
		return 0;
	if (parent < 0)
		return err_set(err, local.code, "%s", local.text);
	if (recursive)
		return file_remove_tree(parent, name, err) < 0 ? err_wrap(err, "cannot remove '%s'", path) : 0;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_CONVERT, "cannot remove '%s'", path);
	return 0;
}

/* A name under which xattr calls reach exactly the file that was resolved, links themselves included. */
static int open_for_xattr(struct guest *g, const char *path, bool follow, char proc[static 32], struct err *err)
{
	int fd = open_in(g, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	snprintf(proc, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static int folder_get_xattr(struct guest *g, const char *path, bool follow, const char *name, struct buf *b,
			    struct err *err)
{
	char proc[32], value[XATTR_SIZE_MAX];
	AUTO_FD int fd = open_for_xattr(g, path, follow, proc, err);
	ssize_t n;

	if (fd < 0)
		return -1;
	buf_clear(b);
	n = getxattr(proc, name, value, sizeof value);
	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return err_sys(err, ERR_UNREADABLE, "cannot read %s of '%s'", name, path);
	if (n > 0 && buf_add(b, value, (size_t)n) < 0)
		return err_set(err, ERR_CORRUPT, "%s of '%s' is %zd bytes, expected at most %zu", name, path, n,
			       b->max);
	return 0;
}

static int folder_set_xattr(struct guest *g, const char *path, bool follow, const char *name, const void *v, size_t len,
			    struct err *err)
{
	char proc[32];
	AUTO_FD int fd = open_for_xattr(g, path, follow, proc, err);

	if (fd < 0)
		return -1;
	if (setxattr(proc, name, v, len, 0) < 0)
		return err_sys(err, ERR_CONVERT, "cannot set %s of '%s'", name, path);
	return 0;
}

static int folder_space_free(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	AUTO_FD int fd = open_in(g, path, O_PATH, 0);

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	return file_space_free(fd, ret, err);
}

static void folder_close(struct guest *g)
{
	close(folder_of(g)->root);
	free(g);
}

static const struct guest_ops folder_ops = {
    .read = folder_read,
    .head = folder_head,
    .write = folder_write,
    .stat = folder_stat,
    .list = folder_list,
    .glob = folder_glob,
    .find = folder_find,
    .readlink = folder_readlink,
    .mkdir = folder_mkdir,
    .symlink = folder_symlink,
    .remove = folder_remove,
    .get_xattr = folder_get_xattr,
    .set_xattr = folder_set_xattr,
    .space_free = folder_space_free,
    .close = folder_close,
};

int guest_open_folder(const char *root, struct guest **ret, struct err *err)
{
	AUTO_FREE struct folder *f = calloc(1, sizeof *f);

	if (!f)
		return err_nomem(err);
	f->guest.ops = &folder_ops;
	f->root = file_open_dir(root, err);
	if (f->root < 0)
		return err_wrap(err, "guest folder");
	*ret = &take_ptr(&f)->guest;
	return 0;
}
