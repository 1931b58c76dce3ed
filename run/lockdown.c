/* Landlock and resource limits for the process that parses images. */
#include "run/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"

/* Linux 6.2; Debian 12's headers are older. */
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_REFER    (UINT64_C(1) << 13)

enum {
	/* Tables of a 64 TiB disk take at most half of it; beyond that it is a bug, which must not eat the machine. */
	MEMORY_MAX_GIB = 16,
};

bool lockdown_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return false;
#endif
}

int lockdown_of_image(int dirfd, const char *name)
{
	AUTO_FD int fd = openat(dirfd, name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode))
		return take_fd(&fd);
	return fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
}

void lockdown_limits(void)
{
	struct rlimit files;

	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (!lockdown_sanitized())
		setrlimit(RLIMIT_DATA, &(struct rlimit){MEMORY_MAX_GIB * GIB, MEMORY_MAX_GIB * GIB});
}

/* Every right on files that the kernel's version of Landlock knows. */
static uint64_t known_rights(int abi)
{
	uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (abi >= 2)
		rights |= FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	return rights;
}

static bool is_folder(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Without those that only folders have, for a file: the kernel refuses them there. */
static uint64_t folder_rights(const struct lockdown_folder *f)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

	if (f->removes)
		rights |= LANDLOCK_ACCESS_FS_REMOVE_FILE;
	if (f->writable)
		rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
			  FS_TRUNCATE;
	if (!is_folder(f->fd))
		rights &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
	return rights;
}

static int restrict_files(const struct lockdown_folder *folders, size_t n)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights(abi)};
	AUTO_FD int rules = -1;

	if (abi < 1)
		return -1;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct landlock_path_beneath_attr path = {
		    .allowed_access = folder_rights(&folders[i]) & attr.handled_access_fs, .parent_fd = folders[i].fd};

		if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &path, 0) < 0)
			return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, rules, 0);
}

void lockdown_files(const struct lockdown_folder *folders, size_t n)
{
	if (!lockdown_sanitized() && restrict_files(folders, n) < 0)
		log_debug("no Landlock (%s): the io process is not confined to its folders", strerror(errno));
}
