/* What a process that parses images may still reach. */
#include "run/image/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "run/image/place.h"
#include "run/lockdown.h"

enum { CONFINED_MAX = RULES_FOLDERS_MAX + 4 /* the rest: two images, a target, a socket */ };

static void add_folder(struct lockdown_folder *folders, size_t *n, int fd, struct lockdown_folder rights)
{
	/* One that can't be opened is an error where its file is. */
	if (fd < 0 || *n == CONFINED_MAX)
		return;
	rights.fd = fd;
	folders[(*n)++] = rights;
}

static int folder_of(const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};

	return path && place_open(&p, path, NULL) == 0 ? take_fd(&p.dirfd) : -1;
}

static int rights_of_image(const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};

	return place_of_image(&p, path, NULL) == 0 ? lockdown_of_image(p.dirfd, p.base) : -1;
}

/* Where a packed image is unpacked is made while $TMPDIR can be reached, converters of names are loaded. */
static void get_ready(struct image_ready *ready, const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};
	AUTO_FD int fd = -1;
	bool packed = false;

	*ready = (struct image_ready){.unpack_fd = -1};
	if (place_of_image(&p, path, NULL) < 0)
		return;
	fd = file_open_beneath(p.dirfd, p.base, true, NULL);
	if (fd >= 0)
		image_is_packed(fd, p.base, NULL, &packed, NULL);
	if (packed)
		ready->unpack_fd = file_unnamed(NULL);
	image_ready_charset(ready, p.dirfd, p.base);
}

/* A device is allowed by itself, through whatever links it is named: not its folder with all the others. What can't be
 * a target gets no right; open_target() says why. */
static void add_target(struct lockdown_folder *folders, size_t *n, const char *path)
{
	AUTO_FD int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	const struct lockdown_folder rights = {.writable = 1};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		add_folder(folders, n, folder_of(path), rights);
	else if (S_ISBLK(st.st_mode))
		add_folder(folders, n, take_fd(&fd), rights);
}

void image_confine(const char *const *sources, size_t nsources, const struct image_confine_options *o,
		   struct image_ready *ret_ready)
{
	struct lockdown_folder folders[CONFINED_MAX];
	size_t n = 0;

	for (size_t i = 0; i < nsources; i++)
		add_folder(folders, &n, rights_of_image(sources[i]), (struct lockdown_folder){0});
	for (const char *const *dir = o->allow_parent; dir && *dir; dir++)
		add_folder(folders, &n, file_open_dir(*dir, NULL), (struct lockdown_folder){0});
	for (size_t i = 0; i < nsources; i++)
		get_ready(&ret_ready[i], sources[i]);
	add_target(folders, &n, o->writes);
	add_folder(folders, &n, folder_of(o->removes_beside), (struct lockdown_folder){.removes = 1});
	js_free(js_object()); /* the first one takes its hashes' seed from /dev/urandom */
	lockdown_limits();
	lockdown_files(folders, n);
	lockdown_calls();
	for (size_t i = 0; i < n; i++)
		close(folders[i].fd);
}
