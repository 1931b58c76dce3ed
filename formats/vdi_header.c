/* The header of a VDI file. */
#include "formats/vdi_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/zeros.h"

enum {
	VERSION = 0x00010001,
	/* What the fields above need; VirtualBox writes 0x190, which ends behind the parent's UUIDs. */
	SIZE_MIN = VDI_H_BLOCKS + 8 + 4 * VDI_UUID - VDI_H_SIZE,
	BLOCK_MIN = 4 << 10,
	BLOCK_MAX = 256 << 20, /* VirtualBox knows 1 MiB only; VHDX, the largest of all formats, ends at 256 MiB */
	EXTRA_MAX = 1 << 20,
};

/* The largest disk any product here makes; an image that claims more is an attack or an accident. */
#define DISK_MAX (64 * TIB)

bool vdi_uuid_is_null(const unsigned char uuid[VDI_UUID])
{
	return all_zeros(uuid, VDI_UUID);
}

static int check_version(const unsigned char *h, struct err *err)
{
	if (get_le32(h + VDI_H_MAGIC) != VDI_MAGIC)
		return err_set(err, ERR_CORRUPT, "header: 0x%08x at 0x40, not 0xbeda107f", get_le32(h + VDI_H_MAGIC));
	if (get_le32(h + VDI_H_VERSION) != VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "header: version %u.%u, only 1.1 is read: copy it with VBoxManage clonemedium",
			       get_le16(h + VDI_H_VERSION + 2), get_le16(h + VDI_H_VERSION));
	if (get_le32(h + VDI_H_SIZE) < SIZE_MIN)
		return err_set(err, ERR_CORRUPT, "header: a size of %u bytes, expected %d or more",
			       get_le32(h + VDI_H_SIZE), SIZE_MIN);
	return 0;
}

static int check_type(const struct vdi_header *h, uint32_t sector, struct err *err)
{
	if (h->type == VDI_UNDO)
		return err_set(err, ERR_UNSUPPORTED, "header: type 3: undo images are not read");
	if (h->type < VDI_DYNAMIC || h->type > VDI_DIFFERENCING)
		return err_set(err, ERR_CORRUPT,
			       "header: type %d, expected 1 (dynamic), 2 (static) or 4 (differencing)", (int)h->type);
	if (sector != 512)
		return err_set(err, ERR_UNSUPPORTED, "header: sectors of %u bytes, expected 512", sector);
	return 0;
}

static int check_sizes(const struct vdi_header *h, struct err *err)
{
	if (!h->disk || h->disk > DISK_MAX)
		return err_set(err, ERR_CORRUPT, "header: a disk of %" PRIu64 " bytes, expected 1 to 64 TiB", h->disk);
	if (!is_pow2(h->block) || h->block < BLOCK_MIN || h->block > BLOCK_MAX)
		return err_set(err, ERR_CORRUPT,
			       "header: blocks of %u bytes, expected a power of two from 4 KiB to 256 MiB", h->block);
	if (h->block_extra > EXTRA_MAX || h->block_extra % 512)
		return err_set(err, ERR_CORRUPT,
			       "header: %u bytes in front of each block, expected whole sectors up to 1 MiB",
			       h->block_extra);
	if (h->blocks < div_round_up(h->disk, h->block))
		return err_set(err, ERR_CORRUPT,
			       "header: %u blocks of %u bytes for a disk of %" PRIu64 " bytes, %" PRIu64 " are needed",
			       h->blocks, h->block, h->disk, div_round_up(h->disk, h->block));
	return 0;
}

/* Nothing may stand in the header, and the map in front of the data, as every product writes it. */
static int check_places(const struct vdi_header *h, struct err *err)
{
	uint64_t map_end = h->map + (uint64_t)h->blocks * 4;

	if (h->map < VDI_HEADER_BYTES)
		return err_set(err, ERR_CORRUPT, "header: block map at 0x%" PRIx64 ": that is inside the header",
			       h->map);
	if (h->data % 512 || h->data < map_end)
		return err_set(err, ERR_CORRUPT,
			       "header: data at 0x%" PRIx64
			       ", expected whole sectors behind the block map's end 0x%" PRIx64,
			       h->data, map_end);
	return 0;
}

int vdi_header_read(struct block *file, struct vdi_header *ret, struct err *err)
{
	unsigned char h[VDI_HEADER_BYTES];

	if (file->size < sizeof h)
		return err_set(err, ERR_CORRUPT, "header: the file has only %" PRIu64 " bytes", file->size);
	if (block_pread(file, h, sizeof h, 0, err) < 0)
		return err_wrap(err, "header");
	if (check_version(h, err) < 0)
		return -1;
	*ret = (struct vdi_header){
	    .type = (enum vdi_type)get_le32(h + VDI_H_TYPE),
	    .map = get_le32(h + VDI_H_MAP),
	    .data = get_le32(h + VDI_H_DATA),
	    .disk = get_le64(h + VDI_H_DISK),
	    .block = get_le32(h + VDI_H_BLOCK),
	    .block_extra = get_le32(h + VDI_H_BLOCK_EXTRA),
	    .blocks = get_le32(h + VDI_H_BLOCKS),
	};
	memcpy(ret->created, h + VDI_H_CREATED, VDI_UUID);
	memcpy(ret->modified, h + VDI_H_MODIFIED, VDI_UUID);
	memcpy(ret->parent, h + VDI_H_PARENT, VDI_UUID);
	memcpy(ret->parent_modified, h + VDI_H_PARENT_MODIFIED, VDI_UUID);
	if (check_type(ret, get_le32(h + VDI_H_SECTOR), err) < 0 || check_sizes(ret, err) < 0)
		return -1;
	return check_places(ret, err);
}
