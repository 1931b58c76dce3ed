/* A domain's disk images, before qemu opens them. */
#ifndef REHOST_RUN_PROOF_IMAGES_H
#define REHOST_RUN_PROOF_IMAGES_H

#include "core/base/err.h"
#include "run/proof/domain.h"

/* Opens each image that isn't raw in the io process, which follows what an image names (parents, extents, data files)
 * only in its own folder or in one of allow_parent (NULL-terminated; NULL none): qemu, afterwards, would follow it
 * anywhere. The readers' own errors. */
int proof_open_images(const struct domain *d, const char *const *allow_parent, struct err *err);

#endif
