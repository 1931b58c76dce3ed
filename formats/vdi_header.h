/* The header of a VDI file, read and checked, as plain data. There is no specification; the layout is what VirtualBox
 * 1.6 and later and QEMU write ("version 1.1"). All little endian.
 */
#ifndef REHOST_FORMATS_VDI_HEADER_H
#define REHOST_FORMATS_VDI_HEADER_H

#include <stdbool.h>

#include "formats/block.h"

enum {
	VDI_H_MAGIC = 0x40, /* the text before it differs between products and says nothing */
	VDI_H_VERSION = 0x44,
	VDI_H_SIZE = 0x48, /* of what follows the version */
	VDI_H_TYPE = 0x4c,
	VDI_H_MAP = 0x154,  /* bytes from the start of the file */
	VDI_H_DATA = 0x158, /* likewise */
	VDI_H_SECTOR = 0x168,
	VDI_H_DISK = 0x170,	   /* u64, bytes */
	VDI_H_BLOCK = 0x178,	   /* bytes */
	VDI_H_BLOCK_EXTRA = 0x17c, /* bytes in front of the data of each block */
	VDI_H_BLOCKS = 0x180,
	VDI_H_CREATED = 0x188, /* UUIDs: of this image, */
	VDI_H_MODIFIED = 0x198,
	VDI_H_PARENT = 0x1a8, /* of the parent, */
	VDI_H_PARENT_MODIFIED = 0x1b8,
	VDI_HEADER_BYTES = 0x1c8,
	VDI_UUID = 16,
};

#define VDI_MAGIC UINT32_C(0xbeda107f)

enum vdi_type { VDI_UNKNOWN = 0, VDI_DYNAMIC, VDI_STATIC, VDI_UNDO, VDI_DIFFERENCING };

struct vdi_header {
	enum vdi_type type;
	uint64_t map, data; /* bytes */
	uint64_t disk;	    /* bytes */
	uint32_t block, block_extra;
	uint32_t blocks; /* entries of the map */
	unsigned char created[VDI_UUID], modified[VDI_UUID], parent[VDI_UUID], parent_modified[VDI_UUID];
};

/* ERR_CORRUPT for what breaks the format or a limit, ERR_UNSUPPORTED for versions and types that aren't read. */
int vdi_header_read(struct block *file, struct vdi_header *ret, struct err *err);

/* UUIDs are stored as GUIDs: uuid_guid_text() tells them. */
bool vdi_uuid_is_null(const unsigned char uuid[VDI_UUID]);

#endif
