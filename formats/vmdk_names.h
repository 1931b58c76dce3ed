/* Which files the names in a VMDK descriptor mean. */
#ifndef REHOST_FORMATS_VMDK_NAMES_H
#define REHOST_FORMATS_VMDK_NAMES_H

#include "formats/resolve.h"

/* What parentFileNameHint, a name on the host that made the snapshot, means: a path as image_resolve() understands it;
 * else a file of that name beside the image or in a folder of --allow-parent. Paths of other systems and "[datastore]
 * folder/x.vmdk" are cut to their last part, or their last two beneath such a folder; case may differ where no file has
 * the exact name. When there is no such file, the place is the one that the hint itself says, and opening it fails. */
int vmdk_find_parent(const struct open_args *args, const char *hint, struct image_place *ret, struct err *err);

/* Opens the file of an extent as bytes. Windows tells neither cases nor slashes apart: where no file has the exact
 * name, it is one that differs in these. */
int vmdk_open_extent(const struct open_args *args, const char *ref, struct block **ret, struct err *err);

#endif
