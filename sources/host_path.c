/* Paths as the user gives them, and whether something else is using what they name. */
#include "sources/host_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "sources/text.h"

/* qemu marks its use of an image by OFD locks on single bytes: 100 + the permission's bit (block/file-posix.c,
 * RAW_LOCK_PERM_BASE; include/block/block-common.h, BLK_PERM_WRITE is bit 1). */
enum { QEMU_WRITE_LOCK_BYTE = 101 };

int host_path_split(const char *path, struct arena *a, char **ret_folder, char **ret_file, struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	char *slash;

	if (!real)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	slash = strrchr(real, '/');
	*ret_file = arena_strdup(a, slash + 1);
	*ret_folder = slash == real ? arena_strdup(a, "/") : arena_strndup(a, real, (size_t)(slash - real));
	return 0;
}

char *host_path_stem(struct arena *a, const char *path)
{
	size_t len = strlen(path), end;
	const char *name, *dot;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (end = len; end && path[end - 1] != '/';)
		end--;
	name = arena_strndup(a, path + end, len - end);
	dot = strrchr(name, '.');
	return arena_strndup(a, name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
}

static bool has_ending(const char *name, const char *end)
{
	return strncmp(name, "._", 2) && strlen(name) > strlen(end) && text_ends_with(name, end);
}

unsigned host_path_endings(const char *path, const char *end)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir)))
		n += has_ending(e->d_name, end);
	closedir(dir);
	return n;
}

char *host_path_first(struct arena *a, const char *path, const char *end)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char *first = NULL;

	if (!dir)
		return NULL;
	while ((e = readdir(dir)))
		if (has_ending(e->d_name, end) && (!first || strcmp(e->d_name, first) < 0))
			first = arena_strdup(a, e->d_name);
	closedir(dir);
	return first;
}

int host_path_description(const char *path, const char *end, struct arena *a, char **ret_folder, char **ret_file,
			  struct err *err)
{
	unsigned count = host_path_endings(path, end);

	if (count > 1)
		return err_set(err, ERR_BLOCKED, "'%s' has %u %s files: name one of them", path, count, end);
	if (count)
		path = arena_printf(a, "%s/%s", path, host_path_first(a, path, end));
	return host_path_split(path, a, ret_folder, ret_file, err);
}

static bool folder_has_entries(int fd)
{
	DIR *dir = fdopendir(fd);
	bool found = false;
	struct dirent *e;

	if (!dir) {
		close(fd);
		return false;
	}
	while (!found && (e = readdir(dir)))
		found = strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(dir);
	return found;
}

/* Workstation makes a folder name.lck with a file for each user, ESX and GSX a file. */
static bool has_lck(int dirfd, const char *name)
{
	char lck[PATH_MAX];
	struct stat st;
	int fd;

	if ((size_t)snprintf(lck, sizeof lck, "%s.lck", name) >= sizeof lck)
		return false;
	if (fstatat(dirfd, lck, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (!S_ISDIR(st.st_mode))
		return true;
	fd = openat(dirfd, lck, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && folder_has_entries(fd);
}

static bool has_qemu_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_WRITE_LOCK_BYTE, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* What is using it, in words; NULL nothing that we can see. */
static const char *user_of(int dirfd, const char *name)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (has_lck(dirfd, name))
		return "a VMware lock (.lck) lies beside it";
	if (fstatat(dirfd, name, &st, 0) < 0)
		return NULL;
	if (S_ISBLK(st.st_mode)) {
		fd = openat(dirfd, name, O_RDONLY | O_EXCL | O_CLOEXEC); /* O_EXCL: busy when mounted or held */
		return fd < 0 && errno == EBUSY ? "it is mounted or held by another device" : NULL;
	}
	fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && has_qemu_lock(fd) ? "qemu has it open for writing" : NULL;
}

int host_path_in_use(int dirfd, const char *name, bool force, struct machine *m, struct err *err)
{
	const char *user = user_of(dirfd, name);

	if (!user)
		return 0;
	if (!force)
		return err_set(err, ERR_BLOCKED,
			       "'%s' is in use: %s; shut the machine down first, or take it as after a power cut with "
			       "--force",
			       name, user);
	machine_note(m, "'%s' was in use (%s) and was taken as after a power cut (--force)", name, user);
	return 0;
}
