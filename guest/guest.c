/* Convenience over the file verbs: tests, texts, and the edits that record themselves. */
#include "guest/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "guest/originals.h"
#include "guest/selinux.h"

#define SELINUX_XATTR "security.selinux"

void guest_close(struct guest *g)
{
	if (!g)
		return;
	selinux_close(g->selinux);
	g->ops->close(g);
}

int names_add(struct names *n, struct arena *a, const char *name, struct err *err)
{
	if (n->list.n >= GUEST_NAMES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d names", GUEST_NAMES_MAX);
	*vec_push(a, &n->list) = arena_strdup(a, name);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *n)
{
	if (n->list.n)
		qsort(n->list.v, n->list.n, sizeof *n->list.v, compare_names);
}

bool guest_exists(struct guest *g, const char *path)
{
	struct guest_stat st;

	return g->ops->stat(g, path, true, &st, NULL) == 0 && st.mode;
}

bool guest_is_dir(struct guest *g, const char *path)
{
	struct guest_stat st;

	return g->ops->stat(g, path, true, &st, NULL) == 0 && S_ISDIR(st.mode);
}

/* Reads a file that may be missing; ret_there says. */
static int read_if_there(struct guest *g, const char *path, struct buf *b, bool *ret_there, struct err *err)
{
	struct err local = ERR_INIT;

	*ret_there = g->ops->read(g, path, b, &local) == 0;
	if (!*ret_there && local.sys != ENOENT && local.sys != ENOTDIR)
		return err_pass(err, &local);
	return 0;
}

int guest_text(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);
	bool there;

	*ret = NULL;
	if (read_if_there(g, path, &b, &there, err) < 0)
		return -1;
	if (there)
		*ret = arena_strndup(a, buf_str(&b), b.len);
	return 0;
}

int guest_regular_text(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err)
{
	struct guest_stat st;

	*ret = NULL;
	if (g->ops->stat(g, path, true, &st, err) < 0)
		return -1;
	return S_ISREG(st.mode) ? guest_text(g, path, a, ret, err) : 0;
}

/* The folder that holds path, in ret of PATH_MAX bytes. */
static void parent_of(const char *path, char *ret)
{
	size_t n = (size_t)(strrchr(path, '/') - path);

	snprintf(ret, PATH_MAX, "%.*s", (int)(n ? n : 1), path);
}

/* A file system without labels, as the EFI system partition's, is mounted with one for all of it. */
static int set_label(struct guest *g, const char *path, bool follow, const void *label, size_t len, struct err *err)
{
	struct err local = ERR_INIT;

	if (g->ops->set_xattr(g, path, follow, SELINUX_XATTR, label, len, &local) == 0 || local.sys == EOPNOTSUPP)
		return 0;
	return err_pass(err, &local);
}

/* A new file as the guest's policy wants it; an enforcing guest can't log in when one of some has no label. */
static int label_new(struct guest *g, const char *path, mode_t type, struct err *err)
{
	AUTO(buf_done) struct buf inherited = BUF_INIT(XATTR_SIZE_MAX);
	char parent[PATH_MAX];
	bool follow = !S_ISLNK(type);
	const char *label;

	if (!g->selinux && selinux_open(g, &g->selinux, err) < 0)
		return err_wrap(err, "SELinux label of '%s'", path);
	if (!selinux_enabled(g->selinux))
		return 0;
	label = selinux_label(g->selinux, path, type);
	if (label)
		return set_label(g, path, follow, label, strlen(label) + 1, err);
	parent_of(path, parent);
	if (g->ops->get_xattr(g, parent, true, SELINUX_XATTR, &inherited, err) < 0)
		return -1;
	if (!inherited.len)
		return 0;
	return set_label(g, path, follow, inherited.data, inherited.len, err);
}

/* Makes what is missing of the folder that holds path, labelled from the top down. */
static int make_parents(struct guest *g, const char *path, struct err *err)
{
	char parent[PATH_MAX];

	parent_of(path, parent);
	return strcmp(parent, "/") == 0 ? 0 : guest_mkdir(g, parent, 0755, err);
}

static int check_path(const char *path, struct err *err)
{
	size_t n = strlen(path);

	if (*path != '/' || n >= PATH_MAX || path[n - 1] == '/')
		return err_set(err, ERR_INTERNAL, "'%.100s' is not an absolute path of a file", path);
	return 0;
}

int guest_mkdir(struct guest *g, const char *path, mode_t mode, struct err *err)
{
	struct guest_stat st;

	if (check_path(path, err) < 0 || g->ops->stat(g, path, true, &st, err) < 0)
		return -1;
	if (S_ISDIR(st.mode))
		return 0;
	if (make_parents(g, path, err) < 0 || g->ops->mkdir(g, path, mode, err) < 0)
		return -1;
	return label_new(g, path, S_IFDIR, err);
}

/* Writing through a dangling symlink would make a file that nobody asked for, wherever the symlink points. */
static int check_nothing_there(struct guest *g, const char *path, struct err *err)
{
	struct guest_stat st;

	if (g->ops->stat(g, path, false, &st, err) < 0)
		return -1;
	if (st.mode)
		return err_set(err, ERR_CONVERT,
			       "cannot create '%s': it is a symlink to what isn't there, expected a file or nothing",
			       path);
	return 0;
}

static int create(struct guest *g, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	if (check_nothing_there(g, path, err) < 0)
		return -1;
	if (make_parents(g, path, err) < 0 || g->ops->write(g, path, data, len, mode, err) < 0)
		return -1;
	return label_new(g, path, S_IFREG, err);
}

/* Before a change. */
static int keep_original(struct guest *g, const char *path, bool follow, struct err *err)
{
	return g->originals ? originals_keep(g->originals, g, path, follow, err) : 0;
}

int guest_edit(struct guest *g, struct changelog *log, const char *path, const char *text, const char *reason,
	       struct err *err)
{
	AUTO(buf_done) struct buf before = BUF_INIT(GUEST_TEXT_MAX);
	size_t len = strlen(text);
	bool there;

	if (check_path(path, err) < 0 || read_if_there(g, path, &before, &there, err) < 0)
		return -1;
	if (there && before.len == len && !memcmp(buf_str(&before), text, len))
		return 0;
	if (strlen(buf_str(&before)) != before.len)
		return err_set(err, ERR_CONVERT, "cannot edit '%s': it is no text: NUL byte at 0x%zx", path,
			       strlen(buf_str(&before)));
	if (keep_original(g, path, true, err) < 0)
		return -1;
	if (!there && create(g, path, text, len, 0644, err) < 0)
		return -1;
	if (there && g->ops->write(g, path, text, len, 0644, err) < 0)
		return -1;
	changelog_text(log, path, there ? buf_str(&before) : NULL, text, reason);
	return 0;
}

/* True when the file holds exactly data; a file of another size isn't read. */
static int holds_already(struct guest *g, const char *path, const struct guest_stat *st, const void *data, size_t len,
			 bool *ret, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(len);

	*ret = false;
	if (!S_ISREG(st->mode) || st->size != len)
		return 0;
	if (g->ops->read(g, path, &b, err) < 0)
		return -1;
	*ret = b.len == len && (!len || !memcmp(b.data, data, len));
	return 0;
}

int guest_put(struct guest *g, struct changelog *log, const char *path, const void *data, size_t len, mode_t mode,
	      const char *reason, const char *words, struct err *err)
{
	struct guest_stat st;
	bool same;

	if (check_path(path, err) < 0 || g->ops->stat(g, path, true, &st, err) < 0 ||
	    holds_already(g, path, &st, data, len, &same, err) < 0)
		return -1;
	if (same)
		return 0;
	if (keep_original(g, path, true, err) < 0)
		return -1;
	if ((st.mode ? g->ops->write(g, path, data, len, mode, err) : create(g, path, data, len, mode, err)) < 0)
		return -1;
	changelog_words(log, st.mode ? CHANGE_BINARY : CHANGE_CREATE, path, reason, "%s", words);
	return 0;
}

int guest_overwrite(struct guest *g, const char *path, const void *data, size_t len, struct err *err)
{
	if (check_path(path, err) < 0 || keep_original(g, path, true, err) < 0)
		return -1;
	return g->ops->write(g, path, data, len, 0644, err);
}

int guest_drop(struct guest *g, struct changelog *log, const char *path, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names inside = {0};
	struct guest_stat st;
	char *target = NULL;

	if (check_path(path, err) < 0 || g->ops->stat(g, path, false, &st, err) < 0)
		return -1;
	if (!st.mode)
		return 0;
	if (S_ISDIR(st.mode) && g->ops->find(g, path, &a, &inside, err) < 0)
		return -1;
	if (S_ISLNK(st.mode) && g->ops->readlink(g, path, &a, &target, err) < 0)
		return -1;
	if (keep_original(g, path, false, err) < 0 || g->ops->remove(g, path, S_ISDIR(st.mode), err) < 0)
		return -1;
	if (S_ISDIR(st.mode))
		changelog_words(log, CHANGE_REMOVE, path, reason, "folder with %zu names in it", inside.list.n);
	else if (target)
		changelog_words(log, CHANGE_REMOVE, path, reason, "symlink to '%s'", target);
	else
		changelog_words(log, CHANGE_REMOVE, path, reason, "file of %" PRIu64 " bytes", st.size);
	return 0;
}

int guest_link(struct guest *g, struct changelog *log, const char *target, const char *path, const char *reason,
	       struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct guest_stat st;
	char *before = NULL;

	if (check_path(path, err) < 0 || g->ops->stat(g, path, false, &st, err) < 0)
		return -1;
	if (S_ISLNK(st.mode) && g->ops->readlink(g, path, &a, &before, err) < 0)
		return -1;
	if (before && !strcmp(before, target))
		return 0;
	if (keep_original(g, path, false, err) < 0 || make_parents(g, path, err) < 0 ||
	    g->ops->symlink(g, target, path, err) < 0 || label_new(g, path, S_IFLNK, err) < 0)
		return -1;
	if (st.mode)
		changelog_words(log, CHANGE_LINK, path, reason, "symlink to '%s', was %s%s%s", target,
				before ? "to '" : "a file", before ? before : "", before ? "'" : "");
	else
		changelog_words(log, CHANGE_LINK, path, reason, "symlink to '%s'", target);
	return 0;
}
