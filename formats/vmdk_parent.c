/* Which file of our folder the parent of a VMDK snapshot is. */
#include "formats/vmdk_parent.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/file.h"

enum { NAMES_MAX = 100000 /* in a folder that is looked through for another case */ };

/* Not the image itself: the disk of a linked clone may have its parent's name, in another folder. */
static bool is_there(const struct open_args *args, const char *name)
{
	AUTO_FD int fd = file_open_beneath(args->folder->dirfd, name, false, NULL);

	return fd >= 0 && strcmp(name, args->name) != 0;
}

/* Replaces the last part of name by the one file of that folder that differs in case only. */
static bool find_other_case(const struct open_args *args, char *name)
{
	char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name, saved = *last;
	int fd;
	DIR *dir;
	bool found = false;

	*last = '\0';
	fd = file_open_dir_beneath(args->folder->dirfd, *name ? name : ".", NULL);
	*last = saved;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	for (unsigned n = 0; dir && !found && n < NAMES_MAX; n++) {
		struct dirent *d = readdir(dir);

		if (!d)
			break;
		found = !strcasecmp(d->d_name, last);
		if (found)
			memcpy(last, d->d_name, strlen(last));
	}
	if (dir)
		closedir(dir);
	return found && is_there(args, name);
}

/* Where `last` begins: the part behind the n-th separator from the end; the text itself when there are fewer. */
static const char *last_parts(const char *path, unsigned n)
{
	for (const char *p = path + strlen(path); p > path; p--)
		if (strchr("/]", p[-1]) && !--n)
			return p + strspn(p, " ");
	return path;
}

int vmdk_find_parent(const struct open_args *args, const char *hint, char *ret, size_t ret_size, struct err *err)
{
	char path[4096];
	bool foreign;

	if ((size_t)snprintf(path, sizeof path, "%s", hint) >= sizeof path)
		return err_set(err, ERR_CORRUPT, "it names a file with a name of %zu bytes", strlen(hint));
	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	foreign = *path == '/' || strpbrk(path, ":[") || strstr(path, "..");
	if (!foreign && image_beside(args->name, path, ret, ret_size, NULL) == 0 &&
	    (is_there(args, ret) || find_other_case(args, ret)))
		return 0;
	if (image_beside(args->name, last_parts(path, 1), ret, ret_size, NULL) == 0 &&
	    (is_there(args, ret) || find_other_case(args, ret)))
		return 0;
	/* A linked clone: its parent is in the folder of another machine, beneath the one that was given. */
	if (image_beside("", last_parts(path, 2), ret, ret_size, NULL) == 0 &&
	    (is_there(args, ret) || find_other_case(args, ret)))
		return 0;
	return image_beside(args->name, foreign ? last_parts(path, 1) : path, ret, ret_size, err);
}
