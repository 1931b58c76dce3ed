/* The folder of a run's sockets. */
#include "run/runtime.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

static const char prefix[] = "rehost-io-";

enum { STALE_SECONDS = 60 /* between making a folder and locking it a run is defenceless */ };

static const char *base_folder(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (!dir || *dir != '/' || strlen(dir) > RUNTIME_PATH_MAX - 20 || stat(dir, &st) < 0 || st.st_uid != geteuid())
		return "/tmp";
	return dir;
}

static bool has_our_name(const char *name)
{
	return !strncmp(name, prefix, sizeof prefix - 1) && strlen(name) == sizeof prefix - 1 + 6;
}

/* Left by a run that was killed: nobody holds its lock. */
static bool is_stale(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return false;
	return st.st_mtim.tv_sec + STALE_SECONDS < time(NULL) && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Only sockets, and the folder when nothing else was in it: it may be somebody's own that is called alike. */
static void remove_sockets(int parent, const char *name, int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;
	struct stat st;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
			unlinkat(fd, e->d_name, 0);
	closedir(dir);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static void sweep_one(int parent, const char *name)
{
	AUTO_FD int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (is_stale(fd))
		remove_sockets(parent, name, fd);
}

static void sweep(const char *base)
{
	DIR *dir = opendir(base);
	const struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (has_our_name(e->d_name))
			sweep_one(dirfd(dir), e->d_name);
	closedir(dir);
}

int runtime_open(struct runtime *r, struct err *err)
{
	const char *base = base_folder();

	*r = (struct runtime){.fd = -1};
	sweep(base);
	snprintf(r->path, sizeof r->path, "%s/%sXXXXXX", base, prefix);
	if (!mkdtemp(r->path)) {
		r->path[0] = '\0';
		return err_sys(err, ERR_HOST, "cannot make a folder for sockets in '%s'", base);
	}
	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0 || flock(r->fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, ERR_HOST, "cannot lock '%s'", r->path);
	return 0;
}

void runtime_close(struct runtime *r)
{
	if (r->path[0])
		file_remove_tree(AT_FDCWD, r->path, NULL);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct runtime){.fd = -1};
}
