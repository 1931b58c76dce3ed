/* The partial folder: everything of a run until one rename publishes it. */
#include "run/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "run/journal.h"

struct partial {
	int parent_fd, fd;
	bool force, was_there;
	char name[128], hidden[160];
	char *path, *final;
};

static int name_exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Calls fn for each name in the folder. */
static int each_name(int dirfd, int (*fn)(int dirfd, const char *name, struct err *err), struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir)
		return err_sys(err, ERR_INTERNAL, "cannot list the partial folder");
	while (!ret && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			ret = fn(dirfd, e->d_name, err);
	closedir(dir);
	return ret;
}

/* With each_name(): 0 for an empty folder. */
static int fail_at(int dirfd, const char *name, struct err *err)
{
	return -1;
}

static int make_folder(struct partial *p, const char *dir, struct err *err)
{
	int unlocked;

	if (mkdirat(p->parent_fd, p->hidden, 0755) < 0) {
		if (errno != EEXIST)
			return err_sys(err, ERR_BLOCKED, "cannot write to '%s'", dir);
		p->was_there = true;
	}
	p->fd = openat(p->parent_fd, p->hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s/%s'", dir, p->hidden);
	unlocked = flock(p->fd, LOCK_EX | LOCK_NB);
	if (unlocked && errno != EWOULDBLOCK)
		log_warn("'%s/%s' can't be locked (%s): no other run may work on it", dir, p->hidden, strerror(errno));
	else if (unlocked || !file_is_at(p->fd, p->parent_fd, p->hidden))
		return err_set(err, ERR_TEMPFAIL, "'%s/%s' is locked: another run is working on it", dir, p->hidden);
	return 0;
}

/* What --force may replace, of all folders that a machine may be called like: what a run of ours has made. */
static bool is_ours(const struct partial *p)
{
	AUTO_FD int fd = openat(p->parent_fd, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && (name_exists(fd, "report.json") || each_name(fd, fail_at, NULL) == 0);
}

static int check_final(const struct partial *p, struct err *err)
{
	if (!name_exists(p->parent_fd, p->name) || (p->force && is_ours(p)))
		return 0;
	if (p->force)
		return err_set(err, ERR_BLOCKED,
			       "target '%s' is no result of a conversion, which is all that --force replaces: choose "
			       "another name with -on",
			       p->final);
	return err_set(err, ERR_BLOCKED,
		       "target '%s' exists already: choose another name with -on, or --force to replace it", p->final);
}

int partial_open(const char *dir, const char *name, bool force, struct partial **ret, struct err *err)
{
	AUTO(partial_closep) struct partial *p = calloc(1, sizeof *p);
	AUTO_FREE char *absolute = NULL;

	if (!p)
		return err_nomem(err);
	p->parent_fd = p->fd = -1;
	p->force = force;
	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(p->hidden, sizeof p->hidden, ".%s.partial", name);
	if (file_mkdirs(dir, err) < 0)
		return -1;
	absolute = realpath(dir, NULL);
	p->parent_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!absolute || p->parent_fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open target folder '%s'", dir);
	if (asprintf(&p->path, "%s/%s", absolute, p->hidden) < 0 || asprintf(&p->final, "%s/%s", absolute, name) < 0)
		return err_nomem(err);
	if (check_final(p, err) < 0 || make_folder(p, dir, err) < 0)
		return -1;
	*ret = take_ptr(&p);
	return 0;
}

/* Whether the real path, or a folder above it, is that file. */
static bool lies_in(char *path, const struct stat *outer)
{
	struct stat st;

	for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (stat(*path ? path : "/", &st) == 0 && st.st_dev == outer->st_dev && st.st_ino == outer->st_ino)
			return true;
	}
	return false;
}

int partial_spares(const struct partial *p, const char *path, struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	struct stat st;

	if (!p->force || !real || fstatat(p->parent_fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !lies_in(real, &st))
		return 0;
	return err_set(err, ERR_BLOCKED,
		       "target '%s', which --force replaces, holds the source '%s': choose another name with -on, or "
		       "another folder with -os",
		       p->final, path);
}

/* A parent of the source may lie in it. */
static int check_inside(const struct partial *p, const char *allowed, struct err *err)
{
	AUTO_FREE char *real = realpath(p->final, NULL);
	struct stat st;

	if (!real || stat(allowed, &st) < 0 || !lies_in(real, &st))
		return 0;
	return err_set(
	    err, ERR_BLOCKED,
	    "target '%s', which --force replaces, lies in '%s', from which parents may be read: choose another "
	    "name with -on, or another folder with -os",
	    p->final, allowed);
}

int partial_spares_parents(const struct partial *p, const char *allowed, struct err *err)
{
	if (partial_spares(p, allowed, err) < 0)
		return -1;
	return p->force && name_exists(p->parent_fd, p->name) ? check_inside(p, allowed, err) : 0;
}

int partial_dirfd(const struct partial *p)
{
	return p->fd;
}

const char *partial_path(const struct partial *p)
{
	return p->path;
}

const char *partial_final(const struct partial *p)
{
	return p->final;
}

bool partial_was_there(const struct partial *p)
{
	return p->was_there;
}

int partial_empty(struct partial *p, struct err *err)
{
	return each_name(p->fd, file_remove_tree, err);
}

static int sync_name(int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync '%s'", name);
	return 0;
}

int partial_prepare(struct partial *p, struct err *err)
{
	return check_final(p, err) < 0 ? -1 : each_name(p->fd, sync_name, err);
}

bool partial_is_scaffold(const char *name)
{
	static const char *const parts[] = {"delta-", "map-", "spool-"}; /* and the disk's number */

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *number = name + strlen(parts[i]);

		if (!strncmp(name, parts[i], strlen(parts[i])) && *number && !number[strspn(number, "0123456789")])
			return true;
	}
	return !strcmp(name, JOURNAL_FILE) || file_is_temporary(name);
}

static int remove_if_scaffold(int dirfd, const char *name, struct err *err)
{
	return partial_is_scaffold(name) ? file_remove_tree(dirfd, name, err) : 0;
}

int partial_remove_scaffold(struct partial *p, struct err *err)
{
	return each_name(p->fd, remove_if_scaffold, err);
}

/* The result is in its place: whatever becomes of the old one, it is published. */
static void remove_replaced(struct partial *p)
{
	struct err err = ERR_INIT;

	if (file_sync_dir(p->parent_fd, &err) < 0 || file_remove_tree(p->parent_fd, p->hidden, &err) < 0)
		log_warn("'%s' is published; what it replaced is left in '%s' (%s): rehost clean removes it", p->final,
			 p->path, err.text);
}

int partial_publish(struct partial *p, struct err *err)
{
	if (file_sync_dir(p->fd, err) < 0)
		return -1;
	if (p->force && name_exists(p->parent_fd, p->name)) {
		char spare[sizeof p->hidden];

		snprintf(spare, sizeof spare, ".%s.old.partial",
			 p->name); /* rehost clean knows it, should we be killed */
		if (file_rename_exchange(p->parent_fd, p->hidden, p->name, spare, err) < 0)
			return -1;
		remove_replaced(p);
		return 0;
	}
	if (file_rename_noreplace(p->parent_fd, p->hidden, p->name, err) < 0)
		return -1;
	return file_sync_dir(p->parent_fd, err);
}

void partial_discard(struct partial *p)
{
	file_remove_tree(p->parent_fd, p->hidden, NULL);
}

void partial_close(struct partial *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	if (p->parent_fd >= 0)
		close(p->parent_fd);
	free(p->path);
	free(p->final);
	free(p);
}

static bool is_partial_name(const char *entry, const char *name)
{
	size_t len = strlen(entry), suffix = strlen(".partial");

	if (entry[0] != '.' || len <= suffix + 1 || strcmp(entry + len - suffix, ".partial"))
		return false;
	return !name || (strlen(name) == len - suffix - 1 && !strncmp(entry + 1, name, len - suffix - 1));
}

static int clean_one(int parent, const char *entry, unsigned *removed, struct err *err)
{
	AUTO_FD int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT)) /* none of ours, or just published */
		return 0;
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s'", entry);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !file_is_at(fd, parent, entry))
		return err_set(err, ERR_TEMPFAIL, "'%s' is locked: a run is working on it", entry);
	if (file_remove_tree(parent, entry, err) < 0)
		return -1;
	++*removed;
	return 0;
}

int partial_clean(const char *path, const char *name, struct cleaned *ret, struct err *err)
{
	DIR *dir = opendir(path);
	struct err first = ERR_INIT;
	struct dirent *e;

	*ret = (struct cleaned){0};
	if (!dir)
		return err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", path);
	while ((e = readdir(dir))) {
		struct err why = ERR_INIT;

		if (!is_partial_name(e->d_name, name) || clean_one(dirfd(dir), e->d_name, &ret->removed, &why) == 0)
			continue;
		if (!name && why.code == ERR_TEMPFAIL)
			ret->held++;
		else if (!first.code)
			first = why;
	}
	closedir(dir);
	return first.code ? err_pass(err, &first) : 0;
}
