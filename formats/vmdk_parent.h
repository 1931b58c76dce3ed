/* Which file of our folder the parent of a VMDK snapshot is. */
#ifndef REHOST_FORMATS_VMDK_PARENT_H
#define REHOST_FORMATS_VMDK_PARENT_H

#include "formats/open.h"

/* What parentFileNameHint, a name on the host that made the snapshot, means in the folder of args: a name for
 * image_open(). Paths of other systems and "[datastore] folder/x.vmdk" become a name beside the image, or beneath the
 * folder; case may differ where no file has the exact name. When there is no such file, the name is the one that the
 * hint itself says, and opening it fails. */
int vmdk_find_parent(const struct open_args *args, const char *hint, char *ret, size_t ret_size, struct err *err);

#endif
