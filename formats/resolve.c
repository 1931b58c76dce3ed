/* The resolver of names inside images. It works on text alone; that nothing leads elsewhere by a link is what
 * file_open_beneath() sees to when the file is opened. */
#include "formats/resolve.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/file.h"

enum { CASES_MAX = 100000 /* names of a folder that is looked through for another case */ };

enum { PATH_ROOM = 4096 };

/* Where the last part of [start, end) begins; end is behind its slash. */
static char *last_part(const char *start, char *end)
{
	end--;
	while (end > start && end[-1] != '/')
		end--;
	return end;
}

/* Removes ".", ".." and empty parts from path, in place; false when a ".." leads out of it. */
static bool normalise(char *path)
{
	char *start = path + (*path == '/'), *to = start, *from = start;

	for (bool more = true; more;) {
		size_t n = strcspn(from, "/");
		bool up = n == 2 && from[0] == '.' && from[1] == '.', here = !n || (n == 1 && *from == '.');
		char *next = from + n + 1;

		more = from[n];
		if (up && to == start)
			return false;
		if (up) {
			to = last_part(start, to);
		} else if (!here) {
			memmove(to, from, n);
			to += n;
			*to++ = '/';
		}
		from = next;
	}
	if (to > start)
		to--;
	*to = '\0';
	return true;
}

/* What is behind dir in path; NULL when path doesn't lie beneath it. */
static const char *behind(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	if (*dir != '/' || strncmp(dir, path, n) != 0 || path[n] != '/' || !path[n + 1])
		return NULL;
	return path + n + 1;
}

/* The path of an open folder; "" when it can't be known. */
static void path_of_fd(int fd, char ret[PATH_ROOM])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_ROOM - 1);
	ret[n > 0 ? n : 0] = '\0';
}

bool image_root(const struct open_args *args, size_t number, struct folder *ret)
{
	const struct open_options *o = args->options;

	if (!args->folder || number > (o ? o->nallowed : 0))
		return false;
	*ret = *args->folder;
	if (number) {
		ret->dirfd = o->allowed[number - 1].dirfd;
		ret->path = o->allowed[number - 1].path;
	}
	return true;
}

/* path is absolute and normalised. A folder counts by the path that the user gave and by its real one. */
static bool find_root(const struct open_args *args, const char *path, struct image_place *ret)
{
	for (size_t i = 0; image_root(args, i, &ret->folder); i++) {
		char real[PATH_ROOM];
		const char *rest = behind(ret->folder.path, path);

		path_of_fd(ret->folder.dirfd, real);
		rest = rest ? rest : behind(real, path);
		if (rest) {
			snprintf(ret->name, sizeof ret->name, "%s", rest);
			return true;
		}
	}
	return false;
}

/* The part of the image's name that is its folder, with the slash. */
static int folder_length(const char *image)
{
	const char *slash = strrchr(image, '/');

	return slash ? (int)(slash + 1 - image) : 0;
}

static int too_long(const char *ref, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "it names a file with a name of %zu bytes", strlen(ref));
}

/* A path that doesn't stay in the image's folder by its text. */
static int resolve_elsewhere(const struct open_args *args, const char *ref, struct image_place *ret, struct err *err)
{
	char own[PATH_ROOM] = "", path[2 * PATH_ROOM];
	int n;

	if (*ref == '/') {
		n = snprintf(path, sizeof path, "%s", ref);
	} else {
		path_of_fd(args->folder->dirfd, own);
		n = snprintf(path, sizeof path, "%s/%.*s%s", own, folder_length(args->name), args->name, ref);
	}
	if ((size_t)n >= PATH_ROOM)
		return too_long(ref, err);
	if (*path == '/' && normalise(path) && find_root(args, path, ret))
		return 0;
	return err_set(err, ERR_POLICY, "it names '%s': outside the image's folder, and no --allow-parent allows it",
		       ref);
}

int image_resolve(const struct open_args *args, const char *ref, struct image_place *ret, struct err *err)
{
	int n;

	if (!*ref)
		return err_set(err, ERR_CORRUPT, "it names a file with an empty name");
	if (!args->folder)
		return err_set(err, ERR_POLICY, "it names '%s', but an image inside an archive may name no file", ref);
	if (*ref == '/')
		return resolve_elsewhere(args, ref, ret, err);
	n = snprintf(ret->name, sizeof ret->name, "%.*s%s", folder_length(args->name), args->name, ref);
	if ((size_t)n >= sizeof ret->name)
		return too_long(ref, err);
	if (!normalise(ret->name) || !*ret->name)
		return resolve_elsewhere(args, ref, ret, err);
	ret->folder = *args->folder;
	return 0;
}

bool image_place_in(const struct open_args *args, size_t number, const char *name, struct image_place *ret)
{
	int beside = number ? 0 : folder_length(args->name);
	int n;

	if (*name == '/' || !image_root(args, number, &ret->folder))
		return false;
	n = snprintf(ret->name, sizeof ret->name, "%.*s%s", beside, args->name, name);
	return *name && (size_t)n < sizeof ret->name && normalise(ret->name) && *ret->name;
}

int image_place_fd(const struct image_place *place, struct err *err)
{
	return file_open_beneath(place->folder.dirfd, place->name, false, err);
}

bool image_place_other_case(struct image_place *place)
{
	char *slash = strrchr(place->name, '/'), *last = slash ? slash + 1 : place->name, saved = *last;
	bool found = false;
	DIR *dir;
	int fd;

	*last = '\0';
	fd = file_open_dir_beneath(place->folder.dirfd, *place->name ? place->name : ".", NULL);
	*last = saved;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	for (unsigned n = 0; dir && !found && n < CASES_MAX; n++) {
		struct dirent *d = readdir(dir);

		if (!d)
			break;
		found = !strcasecmp(d->d_name, last) && strcmp(d->d_name, last) != 0;
		if (found)
			memcpy(last, d->d_name, strlen(last));
	}
	if (dir)
		closedir(dir);
	return found;
}

int image_open_place(const struct open_args *args, const struct image_place *place, const struct format *format,
		     struct block **ret, struct err *err)
{
	return image_open(&place->folder, place->name, format, args->chain, ret, err);
}

int image_open_parent(const struct open_args *args, const char *ref, const struct format *format, struct block **ret,
		      struct err *err)
{
	struct image_place place;

	if (image_resolve(args, ref, &place, err) < 0)
		return -1;
	return image_open_place(args, &place, format, ret, err);
}
