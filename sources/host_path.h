/* Paths as the user gives them, and whether something else is using what they name. */
#ifndef REHOST_SOURCES_HOST_PATH_H
#define REHOST_SOURCES_HOST_PATH_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/model/machine.h"

/* Splits the user's path, symlinks resolved (they are the user's own word), into the folder that bounds everything else
 * and the name in it. ERR_UNREADABLE when it isn't there. */
int host_path_split(const char *path, struct arena *a, char **ret_folder, char **ret_file, struct err *err);

/* The last part of a path without the ending from the last dot on: "/x/web01.ova" gives "web01". */
char *host_path_stem(struct arena *a, const char *path);

/* How many files of a folder have names that end so (ignoring case, AppleDouble files left out), and the alphabetically
 * first of them; 0 and NULL when path is no folder. */
unsigned host_path_endings(const char *path, const char *end);
char *host_path_first(struct arena *a, const char *path, const char *end);

/* Splits the path of a machine's description, or of a folder with one that ends so, as host_path_split() does.
 * ERR_BLOCKED: the folder has several. */
int host_path_description(const char *path, const char *end, struct arena *a, char **ret_folder, char **ret_file,
			  struct err *err);

/* Finds signs that dirfd/name is in use: VMware's name.lck (a file, or a folder with something in it), a write lock of
 * qemu's, a mounted or held block device. In use: ERR_BLOCKED with advice, or with force a note in m. */
int host_path_in_use(int dirfd, const char *name, bool force, struct machine *m, struct err *err);

#endif
