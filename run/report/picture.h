/* Screenshots inside a page. */
#ifndef REHOST_RUN_REPORT_PICTURE_H
#define REHOST_RUN_REPORT_PICTURE_H

#include <stddef.h>

#include "core/base/json.h"

enum {
	PICTURE_MAX = 4 << 20,	 /* bytes of one: a screen of 1280x800 in many colours is below 1 MiB */
	PICTURES_MAX = 48 << 20, /* of all in a page: some thousand text screens */
	PICTURE_SIDE_MAX = 16384 /* pixels */
};

struct pictures {
	int dirfd;   /* borrowed; -1: there are none */
	size_t left; /* bytes that may still be put in: PICTURES_MAX at first */
};

/* "png" (base64), "width", "height"; or "missing": why it isn't shown. The name is from a report: a PNG beneath dirfd.
 */
struct json *picture_view(struct pictures *p, const char *name);

#endif
