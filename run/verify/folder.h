/* The files of a result's folder, and of the folders in it: what is published, whoever made it. */
#ifndef REHOST_RUN_VERIFY_FOLDER_H
#define REHOST_RUN_VERIFY_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"

enum {
	FOLDER_FILES_MAX = 1 << 16, /* an undo log has a file for each that was changed: thousands at most */
	FOLDER_DEPTH_MAX = 8,	    /* ours have two */
	FOLDER_NAME_MAX = 1024,	    /* bytes of a path in the folder */
};

struct folder_file {
	const char *name; /* beneath the folder: "undo/originals.json" */
	uint64_t size;	  /* bytes; 0 when it is no regular file */
	bool regular;	  /* false: a symlink, a device …, which isn't followed */
};

typedef VEC(struct folder_file) folder_files;

/* Sorted by name (bytes). Strings are the arena's. Nothing is followed out of the folder. ERR_CORRUPT past a limit. */
int folder_list(int dirfd, struct arena *arena, folder_files *ret, struct err *err);

/* The same without what goes away meanwhile and folders that may not be read. */
int folder_list_readable(int dirfd, struct arena *arena, folder_files *ret, struct err *err);

#endif
