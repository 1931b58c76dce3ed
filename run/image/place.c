/* Where a path of the user leads. */
#include "run/image/place.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

void place_done(struct place *p)
{
	if (p->dirfd >= 0)
		close(p->dirfd);
	free(p->dir_copy);
	free(p->base_copy);
}

int place_open(struct place *p, const char *path, struct err *err)
{
	p->dirfd = -1;
	p->dir_copy = strdup(path);
	p->base_copy = strdup(path);
	if (!p->dir_copy || !p->base_copy)
		return err_nomem(err);
	p->dir = dirname(p->dir_copy);
	p->base = basename(p->base_copy);
	p->dirfd = file_open_dir(p->dir, err);
	return p->dirfd < 0 ? -1 : 0;
}

/* The user's own word: links are followed, and the folder of a Parallels bundle means its descriptor. malloc'ed; NULL
 * when there is no such file. */
static char *real_image(const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);
	char *inside = NULL;
	struct stat st;

	if (!real || asprintf(&inside, "%s/DiskDescriptor.xml", real) < 0)
		return NULL;
	if (stat(inside, &st) == 0)
		return inside;
	free(inside);
	return take_ptr(&real);
}

int place_of_image(struct place *p, const char *path, struct err *err)
{
	AUTO_FREE char *real = real_image(path);

	return place_open(p, real ? real : path, err);
}
