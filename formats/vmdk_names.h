/* Which files the names in a VMDK descriptor mean. */
#ifndef REHOST_FORMATS_VMDK_NAMES_H
#define REHOST_FORMATS_VMDK_NAMES_H

#include "formats/resolve.h"

/* What parentFileNameHint, a name on the host that made the snapshot, means: a path as image_resolve() understands it;
 * else a file of that name beside the image or in a folder of --allow-parent. Paths of other systems and "[datastore]
 * folder/x.vmdk" are cut to their last part, or their last two beneath such a folder; case may differ where no file has
 * the exact name. When there is no such file, the place is the one that the hint itself says, and opening it fails.
 * bytes (may be NULL): the name as it was before it became UTF-8, for a file that is called so. */
int vmdk_find_parent(const struct open_args *args, const char *hint, const char *bytes, struct image_place *ret,
		     struct err *err);

/* Opens the file of an extent as bytes. Windows tells neither cases nor slashes apart: where no file has the exact
 * name, it is one that differs in these. bytes as above. */
int vmdk_open_extent(const struct open_args *args, const char *ref, const char *bytes, struct block **ret,
		     struct err *err);

#endif
