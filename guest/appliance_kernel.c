/* The kernel that supermin builds the appliance from: where it looks, and what to do when there is none. */
#include "guest/appliance_kernel.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define INSTALL_KERNEL "apt-get install linux-image-amd64"

/* A candidate and what it lacks. */
struct candidate {
	char kernel[PATH_MAX], version[256];
	bool readable, modules;
};

static bool exists(const char *folder, const char *name)
{
	AUTO_FD int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && faccessat(fd, name, F_OK, 0) == 0;
}

static bool has_modules(const char *root, const char *version)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%s/lib/modules/%s", root, version);
	return *version && exists(folder, "modules.dep");
}

/* The version in "/boot/vmlinuz-VERSION" or "/lib/modules/VERSION/vmlinuz". */
static void version_of(const char *kernel, char *ret, size_t size)
{
	const char *dash = strstr(kernel, "/vmlinuz-");
	const char *modules = strstr(kernel, "/lib/modules/");

	if (dash)
		snprintf(ret, size, "%s", dash + strlen("/vmlinuz-"));
	else if (modules)
		snprintf(ret, size, "%.*s", (int)strcspn(modules + 13, "/"), modules + 13);
	else
		*ret = '\0';
}

/* The best of what a pattern finds is left in best; true when it can be used. */
static bool look(const char *root, const char *pattern, struct candidate *best)
{
	char full[PATH_MAX];
	bool good = false;
	glob_t g;

	snprintf(full, sizeof full, "%s%s", root, pattern);
	if (glob(full, 0, NULL, &g) != 0)
		return false;
	for (size_t i = g.gl_pathc; i-- > 0 && !good;) {
		struct candidate c = {0};

		snprintf(c.kernel, sizeof c.kernel, "%s", g.gl_pathv[i] + strlen(root));
		version_of(c.kernel, c.version, sizeof c.version);
		c.readable = access(g.gl_pathv[i], R_OK) == 0;
		c.modules = has_modules(root, c.version);
		good = c.readable && c.modules;
		if (good || !*best->kernel || c.modules)
			*best = c;
	}
	globfree(&g);
	return good;
}

/* What the user has chosen; supermin goes on looking when its choice is of no use. */
static bool find_chosen(struct buf *found)
{
	const char *kernel = getenv("SUPERMIN_KERNEL"), *path = getenv("LIBGUESTFS_PATH");

	if (path && !strchr(path, ':') && exists(path, "README.fixed") && exists(path, "root") &&
	    exists(path, "kernel"))
		buf_addf(found, "fixed appliance in %s (LIBGUESTFS_PATH)", path);
	else if (kernel && access(kernel, R_OK) == 0)
		buf_addf(found, "kernel %s (SUPERMIN_KERNEL)", kernel);
	return found->len > 0;
}

int appliance_kernel_check(const char *root, struct buf *found, struct err *err)
{
	struct candidate best = {0};

	if (find_chosen(found))
		return 0;
	if (look(root, "/boot/vmlinuz-*", &best) || look(root, "/lib/modules/*/vmlinuz", &best)) {
		buf_addf(found, "kernel %s", best.kernel);
		return 0;
	}
	if (!*best.kernel)
		return err_set(err, ERR_HOST,
			       "libguestfs needs a kernel to start its appliance, and there is none in /boot or "
			       "/lib/modules: " INSTALL_KERNEL);
	if (!best.modules)
		return err_set(err, ERR_HOST, "kernel %s has no modules in /lib/modules/%s: " INSTALL_KERNEL,
			       best.kernel, best.version);
	return err_set(err, ERR_HOST,
		       "kernel %s can't be read by this user: sudo dpkg-statoverride --update --add root root 0644 %s",
		       best.kernel, best.kernel);
}
