/* Room on the host's file systems against what a run will need. */
#include "run/space.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/units.h"

enum {
	/* libguestfs 1.48 on Debian 12: 675 MiB with kernel and initramfs. */
	APPLIANCE_MIB = 720,
	/* What the appliance writes of its own image while it runs: logs, /tmp, LVM's and udev's files. */
	OVERLAY_MIB = 64,
};

void space_need(struct space_plan *plan, const char *path, uint64_t bytes, const char *what, const char *option)
{
	if (plan->n == SPACE_NEEDS_MAX || !bytes)
		return;
	plan->v[plan->n].path = path;
	plan->v[plan->n].bytes = bytes;
	plan->v[plan->n].what = what;
	plan->v[plan->n].option = option;
	plan->n++;
}

/* -1: there is no such folder. */
static int look_at(const char *path, dev_t *ret_dev, uint64_t *ret_free)
{
	AUTO_FD int fd = file_open_dir(path, NULL);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || file_space_free(fd, ret_free, NULL) < 0)
		return -1;
	*ret_dev = st.st_dev;
	return 0;
}

int space_check(const struct space_plan *plan, struct err *err)
{
	dev_t on[SPACE_NEEDS_MAX] = {0};

	for (size_t i = 0; i < plan->n; i++) {
		char need_words[SIZE_WORDS_MAX], free_words[SIZE_WORDS_MAX];
		uint64_t have, need = plan->v[i].bytes;

		if (look_at(plan->v[i].path, &on[i], &have) < 0)
			continue;
		for (size_t k = 0; k < i; k++)
			if (on[k] == on[i] && !add_fits(need, plan->v[k].bytes, &need))
				need = UINT64_MAX;
		if (need > have)
			return err_set(err, ERR_TEMPFAIL,
				       "'%s': %s are needed there for %s%s, %s are free: name another folder with %s",
				       plan->v[i].path, size_in_words(need, need_words), plan->v[i].what,
				       need > plan->v[i].bytes ? " and other files of the run" : "",
				       size_in_words(have, free_words), plan->v[i].option);
	}
	return 0;
}

/* guestfs(3), LIBGUESTFS_CACHEDIR: the folder is .guestfs-UID in it. */
static bool is_built(const char *cache)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/.guestfs-%u/appliance.d/root", cache, (unsigned)geteuid());
	return access(path, F_OK) == 0;
}

void space_need_appliance(struct space_plan *plan)
{
	const char *cache = getenv("LIBGUESTFS_CACHEDIR");

	if (!cache)
		cache = file_tmpdir();
	if (!getenv("LIBGUESTFS_PATH") && !is_built(cache))
		space_need(plan, cache, APPLIANCE_MIB * MIB, "the libguestfs appliance", "LIBGUESTFS_CACHEDIR");
	space_need(plan, file_tmpdir(), OVERLAY_MIB * MIB, "the running appliance", "TMPDIR");
}
