/* Which of several systems that look like a root are one system's snapshots of itself. */
#include "guest/roots.h"

#include <fnmatch.h>
#include <string.h>

bool root_is_snapshot(const char *mountable)
{
	static const char *const patterns[] = {
	    "*/.snapshots/*/snapshot",
	    "*/@snapshots/*/snapshot",
	    "*/@.snapshots/*/snapshot",
	    "*/timeshift-btrfs/snapshots/*",
	    "*/@apt-snapshot-*",
	    "*/var/lib/docker/btrfs/subvolumes/*",
	    "*/var/lib/containers/storage/btrfs/*",
	    "*/var/lib/machines/*",
	    "*/var/lib/portables/*",
	    "*/@rootfs-snapshots/*",
	};

	if (strncmp(mountable, "btrfsvol:", 9) != 0)
		return false;
	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++)
		if (fnmatch(patterns[k], mountable, 0) == 0)
			return true;
	return false;
}

size_t roots_without_snapshots(char **roots, size_t n)
{
	size_t left = 0, kept = 0;

	for (size_t k = 0; k < n; k++)
		left += !root_is_snapshot(roots[k]);
	if (!left)
		return n;
	for (size_t k = 0; k < n; k++)
		if (!root_is_snapshot(roots[k]))
			roots[kept++] = roots[k];
	return kept;
}
