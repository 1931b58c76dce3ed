/* The footer and the dynamic header of a VHD. */
#ifndef REHOST_FORMATS_VHD_HEADER_H
#define REHOST_FORMATS_VHD_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/block.h"
#include "formats/parent_name.h"
#include "formats/vhd_layout.h"

struct vhd_footer {
	enum vhd_type type;
	uint64_t at;			 /* where it stands in the file; 0: the copy at the start */
	uint64_t data_offset;		 /* of the dynamic header */
	uint64_t current_size, chs_size; /* bytes */
	uint32_t time;			 /* seconds since 2000-01-01 UTC */
	char creator[5];		 /* four characters; others than printable ASCII are '?' */
	unsigned char uuid[VHD_UUID];
	bool saved_state;
};

struct vhd_header {
	uint64_t table; /* byte offset */
	uint32_t entries;
	uint32_t block_size; /* bytes, a power of two */
	uint32_t bitmap;     /* bytes before each block's data, whole sectors */
	uint32_t parent_time;
	unsigned char parent_uuid[VHD_UUID];
	struct parent_hints parent; /* of a differencing disk */
};

/* "Hard Disk Footer Format" and "Dynamic Disk Header Format": the ones' complement of the sum of all bytes but the
 * checksum's own. */
uint32_t vhd_checksum(const unsigned char *data, size_t len, size_t at_checksum);

/* How far from its end a footer stands in the last len bytes of a file: 512, 511, or more when its checksum is right
 * and something follows it; 0: there is none. */
uint64_t vhd_footer_in_tail(const unsigned char *tail, size_t len);

/* The footer at the end of the file, with 512 or 511 bytes, perhaps with up to 64 KiB behind it, or with a warning its
 * copy at the start. ignore_checksum: where no checksum is right, one of a wrong one counts, with a warning. */
int vhd_footer_read(struct block *file, bool ignore_checksum, struct vhd_footer *ret, struct err *err);

/* The header of a dynamic or differencing disk, checked against the file; ignore_checksum: a wrong one is a warning. */
int vhd_header_read(struct block *file, const struct vhd_footer *footer, bool ignore_checksum, struct vhd_header *ret,
		    struct err *err);

/* Bytes of the disk: the size field, or geometry for disks of Virtual PC. room: what the file has place for.
 * *ret_rule says why. */
uint64_t vhd_size(const struct vhd_footer *f, uint64_t room, const char **ret_rule);

/* "d49c5c80-350a-4a89-898a-5ad6d10f6578", for messages. */
void vhd_uuid_text(const unsigned char uuid[VHD_UUID], char ret[37]);

#endif
