/* The originals of what a conversion changes in the guest. */
#include "guest/originals.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/utf8.h"

/* The largest files that are changed are initramfs images. */
#define ORIGINAL_MAX (512 * MIB)
#define INDEX_MAX    (64 * MIB)
#define INDEX	     "originals.json"
#define REASON	     "as it was before the conversion"

struct originals {
	int fd; /* of the folder */
	struct json *list;
	struct arena arena;
	VEC(const char *) seen;
};

static int open_folder(int dirfd, const char *folder, struct err *err)
{
	int fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", folder) : fd;
}

int originals_open(int dirfd, const char *folder, struct originals **ret, struct err *err)
{
	struct originals *o;
	int fd;

	if (file_remove_tree(dirfd, folder, err) < 0)
		return -1;
	if (mkdirat(dirfd, folder, 0700) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot make folder '%s'", folder);
	fd = open_folder(dirfd, folder, err);
	if (fd < 0)
		return -1;
	o = calloc(1, sizeof *o);
	if (!o) {
		close(fd);
		return err_nomem(err);
	}
	o->fd = fd;
	o->list = js_array();
	*ret = o;
	return 0;
}

int originals_save(struct originals *o, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(INDEX_MAX);

	if (js_print(o->list, true, &b) < 0)
		return err_nomem(err);
	return file_replace(o->fd, INDEX, b.data, b.len, 0600, err);
}

void originals_close(struct originals *o)
{
	if (!o)
		return;
	close(o->fd);
	js_free(o->list);
	arena_done(&o->arena);
	free(o);
}

/* --- keeping --- */

static bool is_kept(const struct originals *o, const char *path)
{
	VEC_FOR (s, &o->seen)
		if (strcmp(*s, path) == 0)
			return true;
	return false;
}

static struct json *add(struct originals *o, const char *path, const char *kind)
{
	struct json *entry = js_add(o->list, js_object());

	*vec_push(&o->arena, &o->seen) = arena_strdup(&o->arena, path);
	js_set_str(entry, "path", path);
	js_set_str(entry, "was", kind);
	return entry;
}

static int keep_file(struct originals *o, struct guest *g, const char *path, const struct guest_stat *st,
		     struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(ORIGINAL_MAX);
	const char *name = arena_printf(&o->arena, "%05zu", js_count(o->list));
	struct guest_stat own;
	struct json *entry;

	if (g->ops->stat(g, path, false, &own, err) < 0 || g->ops->read(g, path, &b, err) < 0 ||
	    file_replace(o->fd, name, buf_str(&b), b.len, 0600, err) < 0)
		return -1;
	entry = add(o, path, "file");
	js_set_str(entry, "content", name);
	js_set_u64(entry, "mode", st->mode & 07777);
	js_set_u64(entry, "size", b.len);
	js_set_bool(entry, "by_link", S_ISLNK(own.mode));
	return 0;
}

/* The list is JSON. */
static int check_name(const char *name, const char *path, struct err *err)
{
	if (utf8_valid(name, strlen(name)))
		return 0;
	return err_set(err, ERR_CONVERT,
		       "--undo-log: '%s' has a name or target that isn't UTF-8: its original can't be kept", path);
}

static int keep_link(struct originals *o, struct guest *g, const char *path, struct err *err)
{
	char *target;

	if (g->ops->readlink(g, path, &o->arena, &target, err) < 0 || check_name(target, path, err) < 0)
		return -1;
	js_set_str(add(o, path, "link"), "target", target);
	return 0;
}

static int keep_folder(struct originals *o, struct guest *g, const char *path, struct err *err)
{
	struct names inside = {0};

	if (g->ops->find(g, path, &o->arena, &inside, err) < 0)
		return -1;
	VEC_FOR (name, &inside.list) {
		const char *inner = arena_printf(&o->arena, "%s/%s", path, *name);
		struct guest_stat st;

		if (g->ops->stat(g, inner, false, &st, err) < 0)
			return -1;
		if (!S_ISDIR(st.mode) && originals_keep(o, g, inner, false, err) < 0)
			return -1;
	}
	return 0;
}

int originals_keep(struct originals *o, struct guest *g, const char *path, bool follow, struct err *err)
{
	struct guest_stat st;

	if (is_kept(o, path))
		return 0;
	if (check_name(path, path, err) < 0)
		return -1;
	if (g->ops->stat(g, path, follow, &st, err) < 0)
		return -1;
	if (S_ISREG(st.mode))
		return keep_file(o, g, path, &st, err);
	if (S_ISLNK(st.mode))
		return keep_link(o, g, path, err);
	if (S_ISDIR(st.mode))
		return keep_folder(o, g, path, err);
	if (!st.mode)
		add(o, path, "missing");
	return 0;
}

/* --- putting back --- */

/* A link in the place of what was a file would lead the content astray. */
static int drop_new_link(const struct json *entry, struct guest *g, struct changelog *log, struct err *err)
{
	const char *path = js_get_str(entry, "path", "");
	struct guest_stat st;

	if (g->ops->stat(g, path, false, &st, err) < 0)
		return -1;
	return S_ISLNK(st.mode) && !js_get_bool(entry, "by_link", false) ? guest_drop(g, log, path, REASON, err) : 0;
}

static int restore_file(int fd, const struct json *entry, struct guest *g, struct changelog *log, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(ORIGINAL_MAX);
	const char *path = js_get_str(entry, "path", ""), *name = js_get_str(entry, "content", "");

	if (strspn(name, "0123456789") != strlen(name) || !*name)
		return err_set(err, ERR_CORRUPT, INDEX ": '%s' is no name of a content", name);
	if (file_slurp(fd, name, &b, err) < 0)
		return -1;
	if (b.len != js_get_u64(entry, "size", 0))
		return err_set(err, ERR_CORRUPT, "original of '%s' has %zu bytes, %llu expected", path, b.len,
			       (unsigned long long)js_get_u64(entry, "size", 0));
	if (drop_new_link(entry, g, log, err) < 0)
		return -1;
	return guest_put(g, log, path, buf_str(&b), b.len, (mode_t)js_get_u64(entry, "mode", 0644) & 07777, REASON,
			 "the original's content", err);
}

static int restore(int fd, const struct json *entry, struct guest *g, struct changelog *log, struct err *err)
{
	const char *path = js_get_str(entry, "path", ""), *was = js_get_str(entry, "was", "");

	if (strcmp(was, "missing") == 0)
		return guest_drop(g, log, path, REASON, err);
	if (strcmp(was, "link") == 0)
		return guest_link(g, log, js_get_str(entry, "target", ""), path, REASON, err);
	if (strcmp(was, "file") == 0)
		return restore_file(fd, entry, g, log, err);
	return err_set(err, ERR_CORRUPT, INDEX ": '%s' was '%s', which is nothing known", path, was);
}

int originals_restore(int dirfd, const char *folder, struct guest *g, struct changelog *log, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(INDEX_MAX);
	AUTO(js_freep) struct json *list = NULL;
	AUTO_FD int fd = open_folder(dirfd, folder, err);

	if (fd < 0 || file_slurp(fd, INDEX, &b, err) < 0)
		return -1;
	list = js_parse(buf_str(&b), b.len, err);
	if (!list)
		return err_wrap(err, "%s/" INDEX, folder);
	for (size_t i = js_count(list); i-- > 0;)
		if (restore(fd, js_at(list, i), g, log, err) < 0)
			return -1;
	return 0;
}
