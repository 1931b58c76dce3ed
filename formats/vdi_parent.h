/* Which file the parent of a differencing VDI is. */
#ifndef REHOST_FORMATS_VDI_PARENT_H
#define REHOST_FORMATS_VDI_PARENT_H

#include "formats/resolve.h"
#include "formats/vdi_header.h"

/* VirtualBox knows parents by their UUID from the media registry, which is in the machine's .vbox file: the place that
 * one in the image's folder, the folder above it that names may lead to, or a folder of --allow-parent states; else the
 * .vdi file with that UUID in one of them. ERR_UNREADABLE when there is none, ERR_CORRUPT when two files are it. */
int vdi_find_parent(const struct open_args *args, const unsigned char uuid[VDI_UUID], struct image_place *ret,
		    struct err *err);

#endif
