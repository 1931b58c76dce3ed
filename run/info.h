/* What an image is: format, sizes, allocation and the chain beneath it; tables are read, data never. */
#ifndef REHOST_RUN_INFO_H
#define REHOST_RUN_INFO_H

#include "core/base/err.h"
#include "core/base/json.h"
#include "run/rules.h"

/* Opens the image at path (format NULL: by bid) read-only and describes it and every image below it; docs/info.md has
 * the shape of the object. *ret is set also when -1 is returned, as far as the headers of the chain could be followed:
 * what is encrypted or lacks its parent can still be told; else NULL. */
int image_info(const char *path, const char *format, const struct image_rules *rules, struct json **ret,
	       struct err *err);

/* The same with a structure check of every image. Problems that make data wrong are ERR_CORRUPT, leaks alone are not.
 */
int image_info_checked(const char *path, const char *format, const struct image_rules *rules, struct json **ret,
		       struct err *err);

/* The same for people. */
int image_info_text(const struct json *info, struct buf *out, struct err *err);

/* The formats we read and write as an array of {name, description, writes, alias, options: [names]}, and the
 * sources as {kind, description}. */
struct json *known_formats(void);

#endif
