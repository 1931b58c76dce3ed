/* Expandable Parallels images (.hds), and the bundles (.hdd) that they are parts of. */
#ifndef REHOST_FORMATS_PARALLELS_HDS_H
#define REHOST_FORMATS_PARALLELS_HDS_H

#include "formats/open.h"

#define PARALLELS_DESCRIPTOR "DiskDescriptor.xml"

/* One .hds as a disk of its own; takes the file on success. name is for messages. */
int parallels_hds_open(struct block *file, const char *name, struct block **ret, struct err *err);

/* What the .hds doesn't have is read from parent, which it owns from now on. */
void parallels_hds_adopt(struct block *hds, struct block *parent);

/* The disk that a DiskDescriptor.xml describes. */
int parallels_bundle_open(const struct open_args *args, struct block **ret, struct err *err);

/* A .hds that was named itself: ERR_UNSUPPORTED when the descriptor beside it says that it is only a part of a disk. */
int parallels_bundle_check(const struct open_args *args, struct err *err);

/* The structure checks (formats/check.h): of one .hds, and of all of a descriptor's, those of snapshots too. */
struct check;
int parallels_hds_check(struct block *file, struct check *c, struct err *err);
int parallels_bundle_structure(const struct open_args *args, struct check *c, struct err *err);

#endif
