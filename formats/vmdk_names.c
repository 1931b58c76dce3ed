/* Which files the names in a VMDK descriptor mean. */
#include "formats/vmdk_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/file.h"

/* Not the image itself: the disk of a linked clone may have its parent's name, in another folder. */
static bool is_there(const struct open_args *args, const struct image_place *place)
{
	AUTO_FD int fd = image_place_fd(place, NULL);
	const struct chain_link *self = args->chain;
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && !(self && st.st_dev == self->dev && st.st_ino == self->ino);
}

static bool found_at(const struct open_args *args, struct image_place *place)
{
	return is_there(args, place) || (image_place_other_case(place) && is_there(args, place));
}

/* "[datastore] folder/x.vmdk", of ESXi. */
static bool is_of_datastore(const char *path)
{
	return *path == '[' && strchr(path, ']');
}

/* Where `last` begins: the part behind the n-th separator from the end; the text itself when there are fewer. */
static const char *last_parts(const char *path, unsigned n)
{
	const char *start = is_of_datastore(path) ? strchr(path, ']') + 1 : path;

	start += start == path ? 0 : strspn(start, " ");
	for (const char *p = start + strlen(start); p > start; p--)
		if (p[-1] == '/' && !--n)
			return p;
	return start;
}

/* Beside the image, or in a folder of --allow-parent. With two parts it may be a linked clone, whose parent is in the
 * folder of another machine, beneath the one that was given. */
static bool search(const struct open_args *args, const char *path, struct image_place *ret)
{
	for (size_t i = 0; image_place_in(args, i, last_parts(path, 1), ret); i++)
		if (found_at(args, ret))
			return true;
	for (size_t i = 0; image_root(args, i, &ret->folder); i++) {
		snprintf(ret->name, sizeof ret->name, "%s", last_parts(path, 2));
		if (found_at(args, ret))
			return true;
	}
	return false;
}

/* With slashes for backslashes. */
static int localise(const char *name, char ret[4096], struct err *err)
{
	if (snprintf(ret, 4096, "%s", name) >= 4096)
		return err_set(err, ERR_CORRUPT, "it names a file with a name of %zu bytes", strlen(name));
	for (char *p = ret; *p; p++)
		if (*p == '\\')
			*p = '/';
	return 0;
}

int vmdk_open_extent(const struct open_args *args, const char *ref, const char *bytes, struct block **ret,
		     struct err *err)
{
	struct image_place place;
	char path[4096];

	if (bytes && image_resolve(args, bytes, &place, NULL) == 0 && is_there(args, &place))
		return image_open_bytes(args, &place, ret, err);
	if (image_resolve(args, ref, &place, err) < 0 || localise(ref, path, err) < 0)
		return -1;
	if (!is_there(args, &place) && image_resolve(args, path, &place, NULL) == 0 && found_at(args, &place))
		return image_open_bytes(args, &place, ret, err);
	return image_open_beside(args, ref, ret, err);
}

int vmdk_find_parent(const struct open_args *args, const char *hint, const char *bytes, struct image_place *ret,
		     struct err *err)
{
	char path[4096];
	bool foreign;

	if (bytes && image_resolve(args, bytes, ret, NULL) == 0 && is_there(args, ret))
		return 0;
	if (localise(hint, path, err) < 0)
		return -1;
	if (!strchr(path, ':') && !is_of_datastore(path) && image_resolve(args, path, ret, NULL) == 0 &&
	    found_at(args, ret))
		return 0;
	if (search(args, path, ret))
		return 0;
	foreign = *path == '/' || strchr(path, ':') || is_of_datastore(path);
	return image_resolve(args, foreign ? last_parts(path, 1) : path, ret, err);
}
