/* A driver source: the walk over a folder, or over an image. */
#include "drivers-inject/windows/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/iso.h"

struct walk {
	const struct source_visitor *v;
	int root;
	size_t files, depth;
};

static int visit_file(struct walk *w, const char *path, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(w->root, path, false, err);
	AUTO(buf_done) struct buf b = BUF_INIT(SOURCE_FILE_MAX);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", path);
	if (++w->files > SOURCE_FILES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d files", SOURCE_FILES_MAX);
	if (!w->v->wants(path, (uint64_t)st.st_size, NULL, w->v->opaque))
		return 0;
	return file_slurp_fd(fd, path, &b, err) < 0 ? -1 : w->v->take(path, &b, w->v->opaque, err);
}

static int visit_folder(struct walk *w, const char *path, struct err *err);

/* What leads out of the folder, or nowhere, is no part of it. */
static int visit_name(struct walk *w, const char *folder, const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name) >= (int)sizeof path)
		return 0;
	if (fstatat(w->root, path, &st, 0) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return visit_folder(w, path, err);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (visit_file(w, path, err) == 0)
		return 0;
	if (!err || err->code != ERR_POLICY)
		return -1;
	err_clear(err);
	return 0;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int visit_names(struct walk *w, const char *path, int fd, struct err *err)
{
	struct dirent **names = NULL;
	int n = scandirat(fd, ".", &names, no_dots, alphasort), ret = 0;

	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot list folder '%s'", path);
	for (int i = 0; i < n; i++) {
		if (ret == 0)
			ret = visit_name(w, path, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	return ret;
}

static int visit_folder(struct walk *w, const char *path, struct err *err)
{
	AUTO_FD int fd = -1;
	int ret;

	if (w->depth >= SOURCE_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "'%s': more than %d folders in each other", path, SOURCE_DEPTH_MAX);
	fd = file_open_dir_beneath(w->root, *path ? path : ".", err);
	if (fd < 0 && err && err->code == ERR_POLICY) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return -1;
	w->depth++;
	ret = visit_names(w, path, fd, err);
	w->depth--;
	return ret;
}

static int visit_iso(struct iso *iso, const struct iso_file *f, void *opaque, struct err *err)
{
	const struct source_visitor *v = opaque;
	AUTO(buf_done) struct buf b = BUF_INIT(SOURCE_FILE_MAX);

	if (!v->wants(f->path, f->size, f->same_as, v->opaque) || f->same_as)
		return 0;
	return iso_read(iso, &b, err) < 0 ? -1 : v->take(f->path, &b, v->opaque, err);
}

int source_each(const char *path, bool is_iso, const struct source_visitor *v, struct err *err)
{
	AUTO_FD int fd = -1;
	struct walk w = {.v = v};

	if (is_iso)
		return iso_each(path, visit_iso, (void *)v, err);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", path);
	w.root = fd;
	return visit_folder(&w, "", err) < 0 ? err_wrap(err, "folder '%s'", path) : 0;
}
