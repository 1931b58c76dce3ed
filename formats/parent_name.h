/* Parents as Windows names them, looked for beside the image: VHD and VHDX. */
#ifndef REHOST_FORMATS_PARENT_NAME_H
#define REHOST_FORMATS_PARENT_NAME_H

#include <stddef.h>
#include <sys/stat.h>

#include "formats/resolve.h"

enum {
	PARENT_HINTS = 3,
	PARENT_NAME_MAX = 2048, /* bytes of UTF-8; Windows itself stops at 260 characters unless told otherwise */
};

struct parent_hints {
	char path[PARENT_HINTS][PARENT_NAME_MAX]; /* as the image has them, the most exact one first; "": none */
};

/* The file that one of the hints means: a path as it is, when image_resolve() lets it, and the last part of any, beside
 * the image or in a folder of --allow-parent. ERR_UNREADABLE when there is none, ERR_POLICY when a relative hint leads
 * out of those folders or the image may name nothing. */
int parent_find(const struct open_args *args, const struct parent_hints *hints, struct image_place *ret,
		struct stat *ret_stat, struct err *err);

#endif
