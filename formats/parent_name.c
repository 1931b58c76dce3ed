/* Parents as Windows names them: backslashes, drive letters, `.\`, made names beside the image. */
#include "formats/parent_name.h"

#include <errno.h>
#include <string.h>

static bool is_separator(char c)
{
	return c == '\\' || c == '/';
}

static const char *last_part(const char *path)
{
	const char *last = path;

	for (const char *p = path; *p; p++)
		if (is_separator(*p) || *p == ':')
			last = p + 1;
	return last;
}

static bool leads_up(const char *path)
{
	for (const char *p = path; *p; p++)
		if ((p == path || is_separator(p[-1])) && p[0] == '.' && p[1] == '.' && (!p[2] || is_separator(p[2])))
			return true;
	return false;
}

/* A path of another computer is only good for its last part. */
static bool is_absolute(const char *path)
{
	return is_separator(*path) || strchr(path, ':');
}

/* With slashes, and without `.\` at its start; both have room for PARENT_NAME_MAX. */
static void localise(const char *path, char *ret)
{
	size_t n;

	while (path[0] == '.' && is_separator(path[1]))
		path += 2;
	n = strlen(path);
	memcpy(ret, path, n + 1);
	for (size_t i = 0; i < n; i++)
		if (ret[i] == '\\')
			ret[i] = '/';
}

/* 1 and its stat when there is such a file, 0 when not, -1 when it may not be opened. Not the image itself: its parent
 * may have the same name, in another folder. */
static int look_exactly(const struct open_args *args, const struct image_place *place, struct stat *ret_stat,
			struct err *err)
{
	AUTO_FD int fd = image_place_fd(place, err);
	const struct chain_link *self = args->chain;

	if (fd < 0)
		return err->sys == ENOENT || err->sys == ENOTDIR ? 0 : -1;
	if (fstat(fd, ret_stat) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", place->name);
	return !(self && ret_stat->st_dev == self->dev && ret_stat->st_ino == self->ino);
}

/* In another case, too, as on Windows. */
static int look_at(const struct open_args *args, struct image_place *place, struct stat *ret_stat, struct err *err)
{
	int found = look_exactly(args, place, ret_stat, err);

	return found || !image_place_other_case(place) ? found : look_exactly(args, place, ret_stat, err);
}

/* The path as it is written; one of another computer leads nowhere. */
static int look_for_path(const struct open_args *args, const char *hint, struct image_place *ret, struct stat *ret_stat,
			 struct err *err)
{
	char local[PARENT_NAME_MAX];

	localise(hint, local);
	if (strchr(hint, ':') || image_resolve(args, local, ret, NULL) < 0)
		return 0;
	return look_at(args, ret, ret_stat, err);
}

static int look_for_last_part(const struct open_args *args, const char *hint, struct image_place *ret,
			      struct stat *ret_stat, struct err *err)
{
	int found = 0;

	for (size_t i = 0; !found && image_place_in(args, i, last_part(hint), ret); i++)
		found = look_at(args, ret, ret_stat, err);
	return found;
}

static int look_for_hint(const struct open_args *args, const char *hint, struct image_place *ret, struct stat *ret_stat,
			 struct err *err)
{
	int found = look_for_path(args, hint, ret, ret_stat, err);

	return found ? found : look_for_last_part(args, hint, ret, ret_stat, err);
}

static int not_found(const char *hint, struct err *err)
{
	if (leads_up(hint) && !is_absolute(hint))
		return err_set(
		    err, ERR_POLICY,
		    "parent '%s' leads outside the image's folder, no --allow-parent allows it, and there is no "
		    "'%s' beside the image",
		    hint, last_part(hint));
	return err_set(err, ERR_UNREADABLE, "parent '%s' is missing: there is no '%s' beside the image", hint,
		       last_part(hint));
}

/* *ret_hint is the one that was found, or the first. 1 found, 0 not, -1. */
static int look_for_hints(const struct open_args *args, const struct parent_hints *hints, const char **ret_hint,
			  struct image_place *ret, struct stat *ret_stat, struct err *err)
{
	int found = 0;

	*ret_hint = NULL;
	for (size_t i = 0; !found && i < PARENT_HINTS; i++) {
		const char *hint = hints->path[i];

		if (!*hint)
			continue;
		found = look_for_hint(args, hint, ret, ret_stat, err);
		if (found || !*ret_hint)
			*ret_hint = hint;
	}
	return found;
}

static const char *first_of(const struct parent_hints *hints)
{
	for (size_t i = 0; i < PARENT_HINTS; i++)
		if (*hints->path[i])
			return hints->path[i];
	return NULL;
}

int parent_find(const struct open_args *args, const struct parent_hints *hints, struct image_place *ret,
		struct stat *ret_stat, struct err *err)
{
	const char *hint = first_of(hints);
	struct open_args anybody = *args;
	int found;

	if (!hint)
		return err_set(err, ERR_CORRUPT, "it is a differencing disk that names no parent");
	if (!args->folder)
		return err_set(err, ERR_POLICY,
			       "it is a differencing disk on '%s', but an image inside an archive may name no file",
			       hint);
	found = look_for_hints(args, hints, &hint, ret, ret_stat, err);
	anybody.chain = NULL; /* when there is no other it means itself: opening that says so */
	if (!found)
		found = look_for_hints(&anybody, hints, &hint, ret, ret_stat, err);
	if (!found)
		return not_found(hint, err);
	return found < 0 ? err_wrap(err, "parent '%s'", hint) : 0;
}
