/* What a name inside an image means: a file beneath the image's own folder, or beneath one that the user allows. */
#ifndef REHOST_FORMATS_RESOLVE_H
#define REHOST_FORMATS_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/open.h"

/* A folder that bounds names, and a name beneath it: what image_open() takes. */
struct image_place {
	struct folder folder; /* its descriptor is borrowed from the folders of the args it came from */
	char name[4096];
};

/* What `ref`, read inside the image of args, means: beside the image when it is relative. An absolute path, or one
 * with "..", counts when it leads beneath the image's folder or one of --allow-parent. Text is a path, never a URI.
 * Looks at no file. ERR_POLICY when it leads elsewhere or the image may name nothing, ERR_CORRUPT when it is empty or
 * too long. */
int image_resolve(const struct open_args *args, const char *ref, struct image_place *ret, struct err *err);

/* Places to search: number 0 is the image's own folder, those of --allow-parent follow. False when there are no more,
 * or the image may name nothing. */
bool image_root(const struct open_args *args, size_t number, struct folder *ret);

/* `name` beneath root `number`: where a file may be that an image names by a path of another computer. In the image's
 * own folder it is beside the image. False when there is no such root, or the name leads out of it. */
bool image_place_in(const struct open_args *args, size_t number, const char *name, struct image_place *ret);

/* Opens place's file for reading beneath its folder, regular files only; the caller closes it. */
int image_place_fd(const struct image_place *place, struct err *err);

/* Replaces the last part of place's name by the one file of that folder which differs in case only; false: none does.
 */
bool image_place_other_case(struct image_place *place);

/* Opens what `ref` means as an image: a backing file. format NULL: by bid. */
int image_open_parent(const struct open_args *args, const char *ref, const struct format *format, struct block **ret,
		      struct err *err);

/* Opens the file at place as bytes. */
int image_open_bytes(const struct open_args *args, const struct image_place *place, struct block **ret,
		     struct err *err);

/* Opens the image at place. */
int image_open_place(const struct open_args *args, const struct image_place *place, const struct format *format,
		     struct block **ret, struct err *err);

#endif
