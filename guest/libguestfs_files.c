/* The file verbs over libguestfs. Each call crosses into the appliance: some milliseconds under emulation. */
#include "guest/libguestfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"

/* The protocol carries 4 MiB a message; beyond this, data go through a memory file. */
enum { MESSAGE_MAX = 2 << 20 };

static struct appliance *appliance_of(struct guest *g)
{
	return (struct appliance *)(void *)g;
}

static bool is_missing(int sys)
{
	return sys == ENOENT || sys == ENOTDIR || sys == ELOOP;
}

static int files_stat(struct guest *g, const char *path, bool follow, struct guest_stat *ret, struct err *err)
{
	struct appliance *a = appliance_of(g);
	struct guestfs_statns *st = follow ? guestfs_statns(a->g, path) : guestfs_lstatns(a->g, path);

	*ret = (struct guest_stat){0};
	if (!st && is_missing(guestfs_last_errno(a->g)))
		return 0;
	if (!st)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot stat '%s'", path);
	*ret = (struct guest_stat){.mode = (mode_t)st->st_mode,
				   .size = (uint64_t)st->st_size,
				   .dev = (uint64_t)st->st_dev,
				   .ino = (uint64_t)st->st_ino,
				   .uid = (uint32_t)st->st_uid,
				   .gid = (uint32_t)st->st_gid,
				   .mtime = st->st_mtime_sec};
	guestfs_free_statns(st);
	return 0;
}

/* A name under which libguestfs opens a descriptor of ours again. */
static void fd_path(int fd, char ret[static 32])
{
	snprintf(ret, 32, "/dev/fd/%d", fd);
}

static int read_large(struct appliance *a, const char *path, uint64_t size, struct buf *b, struct err *err)
{
	AUTO_FD int fd = memfd_create("rehost-guest-file", MFD_CLOEXEC);
	char name[32];

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a memory file");
	fd_path(fd, name);
	if (guestfs_download_offset(a->g, path, name, 0, (int64_t)size) < 0)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot read '%s'", path);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot rewind a memory file");
	return file_slurp_fd(fd, path, b, err);
}

static int read_small(struct appliance *a, const char *path, uint64_t size, struct buf *b, struct err *err)
{
	size_t n = 0;
	AUTO_FREE char *data = guestfs_pread(a->g, path, (int)size, 0, &n);

	if (!data)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot read '%s'", path);
	return buf_add(b, data, n) < 0 ? err_nomem(err) : 0;
}

/* The appliance would wait without an end for whoever writes into a FIFO. */
static int stat_regular(struct guest *g, const char *path, struct guest_stat *ret, struct err *err)
{
	if (files_stat(g, path, true, ret, err) < 0)
		return -1;
	if (!ret->mode) {
		errno = ENOENT;
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	}
	if (!S_ISREG(ret->mode))
		return err_set(err, ERR_UNREADABLE, "'%s' is not a regular file", path);
	return 0;
}

static int files_head(struct guest *g, const char *path, size_t max, struct buf *b, struct err *err)
{
	struct guest_stat st;

	if (stat_regular(g, path, &st, err) < 0)
		return -1;
	return read_small(appliance_of(g), path, min_u64(max, MESSAGE_MAX), b, err);
}

static int files_read(struct guest *g, const char *path, struct buf *b, struct err *err)
{
	struct appliance *a = appliance_of(g);
	struct guest_stat st;

	if (stat_regular(g, path, &st, err) < 0)
		return -1;
	if (st.size > b->max - b->len)
		return err_set(err, ERR_CORRUPT, "'%s' is over the limit of %zu bytes", path, b->max);
	if (!st.size)
		return 0;
	return st.size <= MESSAGE_MAX ? read_small(a, path, st.size, b, err) : read_large(a, path, st.size, b, err);
}

static int upload(struct appliance *a, const char *path, const void *data, size_t len, struct err *err)
{
	AUTO_FD int fd = memfd_create("rehost-guest-file", MFD_CLOEXEC);
	char name[32];

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a memory file");
	if (file_pwrite(fd, data, len, 0, err) < 0)
		return -1;
	fd_path(fd, name);
	if (guestfs_upload(a->g, name, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot write '%s'", path);
	return 0;
}

/* Both of libguestfs' ways open with O_TRUNC, so the inode and all that hangs on it stay. */
static int put_content(struct appliance *a, const char *path, const void *data, size_t len, struct err *err)
{
	if (len > MESSAGE_MAX)
		return upload(a, path, data, len, err);
	if (guestfs_write(a->g, path, len ? data : "", len) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot write '%s'", path);
	return 0;
}

static int rewrite(struct appliance *a, const char *path, mode_t mode, const void *data, size_t len, struct err *err)
{
	/* only programs have capabilities */
	AUTO_FREE char *caps = mode & 0111 ? guestfs_cap_get_file(a->g, path) : NULL;

	if (put_content(a, path, data, len, err) < 0)
		return -1;
	if (caps && *caps && guestfs_cap_set_file(a->g, path, caps) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot put back the capabilities of '%s'", path);
	return 0;
}

static int files_write(struct guest *g, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	struct appliance *a = appliance_of(g);
	struct guest_stat st;

	if (files_stat(g, path, true, &st, err) < 0)
		return -1;
	if (st.mode && !S_ISREG(st.mode))
		return err_set(err, ERR_UNREADABLE, "'%s' is not a regular file", path);
	if (st.mode)
		return rewrite(a, path, st.mode, data, len, err);
	if (put_content(a, path, data, len, err) < 0)
		return -1;
	/* 0644 is what the appliance's umask leaves */
	if ((mode & 07777) != 0644 && guestfs_chmod(a->g, mode & 07777, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot set the mode of '%s'", path);
	return 0;
}

/* Takes libguestfs' list over; NULL is a failure unless the thing is missing. */
static int keep_names(struct appliance *a, char **list, const char *what, const char *path, struct arena *arena,
		      struct names *ret, struct err *err)
{
	AUTO(free_strings) char **owned = list;

	*ret = (struct names){0};
	if (!list && is_missing(guestfs_last_errno(a->g)))
		return 0;
	if (!list)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot %s '%s'", what, path);
	for (char **s = owned; *s; s++)
		if (names_add(ret, arena, *s, err) < 0)
			return err_wrap(err, "'%s'", path);
	names_sort(ret);
	return 0;
}

static int files_list(struct guest *g, const char *path, struct arena *arena, struct names *ret, struct err *err)
{
	struct appliance *a = appliance_of(g);

	return keep_names(a, guestfs_ls(a->g, path), "list", path, arena, ret, err);
}

static int files_glob(struct guest *g, const char *pattern, struct arena *arena, struct names *ret, struct err *err)
{
	struct appliance *a = appliance_of(g);
	char **list = guestfs_glob_expand_opts(a->g, pattern, GUESTFS_GLOB_EXPAND_OPTS_DIRECTORYSLASH, 0, -1);

	return keep_names(a, list, "expand", pattern, arena, ret, err);
}

/* find(1) runs outside the guest's root: a symlink must be resolved inside first. */
static int files_find(struct guest *g, const char *dir, struct arena *arena, struct names *ret, struct err *err)
{
	struct appliance *a = appliance_of(g);
	AUTO_FREE char *real = guestfs_realpath(a->g, dir);

	if (!real)
		return keep_names(a, NULL, "resolve", dir, arena, ret, err);
	if (keep_names(a, guestfs_find(a->g, real), "search", dir, arena, ret, err) < 0)
		return -1;
	VEC_FOR (name, &ret->list) /* "/a/b" unless dir is "/" */
		*name += **name == '/';
	return 0;
}

static int files_readlink(struct guest *g, const char *path, struct arena *arena, char **ret, struct err *err)
{
	struct appliance *a = appliance_of(g);

	*ret = appliance_keep(arena, guestfs_readlink(a->g, path));
	return *ret ? 0 : appliance_failed(a, err, ERR_UNREADABLE, "cannot read link '%s'", path);
}

static int files_mkdir(struct guest *g, const char *path, mode_t mode, struct err *err)
{
	struct appliance *a = appliance_of(g);

	if (guestfs_mkdir(a->g, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot create folder '%s'", path);
	/* 0755 is what the appliance's umask leaves */
	if ((mode & 07777) != 0755 && guestfs_chmod(a->g, mode & 07777, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot set the mode of '%s'", path);
	return 0;
}

static int files_symlink(struct guest *g, const char *target, const char *path, struct err *err)
{
	struct appliance *a = appliance_of(g);

	if (guestfs_rm_f(a->g, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot replace '%s'", path);
	if (guestfs_ln_s(a->g, target, path) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot make symlink '%s'", path);
	return 0;
}

/* rm(1) runs outside the guest's root as well: the folder is resolved inside, the last name is not. */
static int remove_tree(struct appliance *a, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	AUTO_FREE char *real = NULL, *full = NULL;

	if (!parent)
		return err_nomem(err);
	if (!slash[1] || !strcmp(slash + 1, ".") || !strcmp(slash + 1, ".."))
		return err_set(err, ERR_INTERNAL, "'%s' doesn't end in a name", path);
	real = guestfs_realpath(a->g, parent);
	if (!real && is_missing(guestfs_last_errno(a->g)))
		return 0;
	if (!real)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot resolve '%s'", parent);
	if (asprintf(&full, "%s/%s", strcmp(real, "/") ? real : "", slash + 1) < 0)
		return err_nomem(err);
	if (guestfs_rm_rf(a->g, full) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "cannot remove '%s'", path);
	return 0;
}

static int files_remove(struct guest *g, const char *path, bool recursive, struct err *err)
{
	struct appliance *a = appliance_of(g);

	if (recursive)
		return remove_tree(a, path, err);
	if (guestfs_rm_f(a->g, path) < 0 && !is_missing(guestfs_last_errno(a->g)))
		return appliance_failed(a, err, ERR_CONVERT, "cannot remove '%s'", path);
	return 0;
}

static int files_get_xattr(struct guest *g, const char *path, bool follow, const char *name, struct buf *b,
			   struct err *err)
{
	struct appliance *a = appliance_of(g);
	size_t n = 0;
	AUTO_FREE char *value =
	    follow ? guestfs_getxattr(a->g, path, name, &n) : guestfs_lgetxattr(a->g, path, name, &n);
	int sys = value ? 0 : guestfs_last_errno(a->g);

	buf_clear(b);
	if (!value && sys != ENODATA && sys != EOPNOTSUPP)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot read %s of '%s'", name, path);
	if (value && buf_add(b, value, n) < 0)
		return err_set(err, ERR_CORRUPT, "%s of '%s' is %zu bytes, expected at most %zu", name, path, n,
			       b->max);
	return 0;
}

static int files_set_xattr(struct guest *g, const char *path, bool follow, const char *name, const void *v, size_t len,
			   struct err *err)
{
	struct appliance *a = appliance_of(g);
	AUTO_FREE char *text = strndup(v, len);
	int failed;

	if (!text)
		return err_nomem(err);
	/* The protocol sends the value as a string: it may end in one NUL, and hold none. */
	if (len > INT_MAX || strlen(text) + 1 < len)
		return err_set(err, ERR_INTERNAL, "cannot set %s of '%s': it is no text", name, path);
	failed = follow ? guestfs_setxattr(a->g, name, text, (int)len, path)
			: guestfs_lsetxattr(a->g, name, text, (int)len, path);
	return failed < 0 ? appliance_failed(a, err, ERR_CONVERT, "cannot set %s of '%s'", name, path) : 0;
}

static int files_space_free(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	struct appliance *a = appliance_of(g);
	struct guestfs_statvfs *st = guestfs_statvfs(a->g, path);

	if (!st)
		return appliance_failed(a, err, ERR_UNREADABLE, "cannot ask for the free space at '%s'", path);
	*ret = (uint64_t)st->bavail * (uint64_t)(st->frsize ? st->frsize : st->bsize);
	guestfs_free_statvfs(st);
	return 0;
}

static int files_run(struct guest *g, const char *const *argv, struct buf *out, struct err *err)
{
	struct appliance *a = appliance_of(g);
	char *said = guestfs_command(a->g, (char *const *)(uintptr_t)argv);
	int ret;

	if (!said)
		return appliance_failed(a, err, ERR_CONVERT, "a program of the guest");
	ret = buf_adds(out, said);
	free(said);
	return ret < 0 ? err_set(err, ERR_CONVERT, "a program of the guest printed over %zu bytes", out->max) : 0;
}

/* appliance_close() frees the appliance that the guest is part of. */
static void files_close(struct guest *g)
{
}

const struct guest_ops appliance_guest_ops = {
    .read = files_read,
    .head = files_head,
    .write = files_write,
    .stat = files_stat,
    .list = files_list,
    .glob = files_glob,
    .find = files_find,
    .readlink = files_readlink,
    .mkdir = files_mkdir,
    .symlink = files_symlink,
    .remove = files_remove,
    .get_xattr = files_get_xattr,
    .set_xattr = files_set_xattr,
    .space_free = files_space_free,
    .run = files_run,
    .close = files_close,
};
