/* Where a path of the user leads, and what is found there. Only run/image/ includes it. */
#ifndef REHOST_RUN_IMAGE_PLACE_H
#define REHOST_RUN_IMAGE_PLACE_H

#include <stdbool.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "formats/open.h"

/* A path of the user, split into the folder that bounds the image and the name in it. */
struct place {
	char *dir_copy, *base_copy;
	const char *dir, *base;
	int dirfd;
};

/* Splits the path; the folder is opened: ERR_UNREADABLE. p: for place_done(), after an error too. */
int place_open(struct place *p, const char *path, struct err *err);
/* The same of an image that is there: links are followed, and the folder of a Parallels bundle means its descriptor. */
int place_of_image(struct place *p, const char *path, struct err *err);
void place_done(struct place *p);

/* By the name that the user gave; NULL is NULL. An unknown one is ERR_USAGE. */
int image_find_format(const char *name, const struct format **ret, struct err *err);

/* Whether the file is packed; with a stated format it must also be named so. ERR_UNREADABLE. */
int image_is_packed(int fd, const char *name, const struct format *format, bool *ret, struct err *err);

#endif
