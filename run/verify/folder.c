/* The files of a result's folder, listed without following anything. */
#include "run/verify/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

struct walk {
	struct arena *arena;
	folder_files *files;
	unsigned depth;
	bool lenient;
};

static int list(struct walk *w, int dirfd, const char *path, struct err *err);

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int list_inside(struct walk *w, int dirfd, const char *name, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	AUTO_FD int fd = file_open_dir_beneath(dirfd, name, &why);

	if (fd < 0 && w->lenient && (why.sys == ENOENT || why.sys == EACCES || why.sys == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_pass(err, &why);
	if (w->depth == FOLDER_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "'%s': folders in folders, deeper than %d", path, FOLDER_DEPTH_MAX);
	w->depth++;
	if (list(w, fd, path, err) < 0)
		return -1;
	w->depth--;
	return 0;
}

static int add(struct walk *w, int dirfd, const char *name, const char *folder, struct err *err)
{
	const char *path = arena_printf(w->arena, "%s%s%s", folder, *folder ? "/" : "", name);
	struct folder_file *file;
	struct stat st;

	if (strlen(path) > FOLDER_NAME_MAX)
		return err_set(err, ERR_CORRUPT, "'%.60s…': a path of %zu bytes, %d are the most", path, strlen(path),
			       FOLDER_NAME_MAX);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (w->lenient && errno == ENOENT)
			return 0;
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", path);
	}
	if (S_ISDIR(st.st_mode))
		return list_inside(w, dirfd, name, path, err);
	if (w->files->n == FOLDER_FILES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d files", FOLDER_FILES_MAX);
	file = vec_push(w->arena, w->files);
	file->name = path;
	file->regular = S_ISREG(st.st_mode);
	file->size = file->regular ? (uint64_t)st.st_size : 0;
	return 0;
}

/* path: of this folder, "" the outermost. */
static int list(struct walk *w, int dirfd, const char *path, struct err *err)
{
	int fd = file_open_dir_beneath(dirfd, ".", err);
	AUTO(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (fd < 0)
		return -1;
	if (!dir) {
		close(fd);
		return err_nomem(err);
	}
	for (errno = 0; (e = readdir(dir)); errno = 0) /* 0 at the end tells it from an error */
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && add(w, dirfd, e->d_name, path, err) < 0)
			return -1;
	return errno ? err_sys(err, ERR_UNREADABLE, "cannot list '%s'", *path ? path : ".") : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct folder_file *)a)->name, ((const struct folder_file *)b)->name);
}

static int list_sorted(struct walk *w, int dirfd, struct err *err)
{
	if (list(w, dirfd, "", err) < 0)
		return -1;
	if (w->files->n)
		qsort(w->files->v, w->files->n, sizeof *w->files->v, by_name);
	return 0;
}

int folder_list(int dirfd, struct arena *arena, folder_files *ret, struct err *err)
{
	return list_sorted(&(struct walk){.arena = arena, .files = ret}, dirfd, err);
}

int folder_list_readable(int dirfd, struct arena *arena, folder_files *ret, struct err *err)
{
	return list_sorted(&(struct walk){.arena = arena, .files = ret, .lenient = true}, dirfd, err);
}
