/* The structures of a VHDX that say where everything is: header, region table, metadata. */
#ifndef REHOST_FORMATS_VHDX_HEADER_H
#define REHOST_FORMATS_VHDX_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/block.h"
#include "formats/parent_name.h"
#include "formats/vhdx_layout.h"

struct vhdx_header {
	uint64_t sequence;
	unsigned char data_write[VHDX_GUID]; /* changes with the content */
	unsigned char log_guid[VHDX_GUID];
	bool has_log; /* the log must be replayed */
	uint64_t log_offset, log_length;
};

struct vhdx_range {
	uint64_t off, len; /* bytes */
};

struct vhdx_regions {
	struct vhdx_range bat, metadata;
	/* Every region, the log and the header section; sorted by offset, no two overlap. */
	struct vhdx_range all[VHDX_REGION_MAX + 2];
	size_t n;
};

struct vhdx_metadata {
	uint32_t block_size; /* bytes, a power of two */
	uint64_t size;	     /* of the disk, bytes */
	uint32_t logical_sector, physical_sector;
	bool has_parent;
	struct parent_hints parent;
	char linkage[2][64]; /* parent_linkage and parent_linkage2, "" when missing */
};

/* 2.2.2: the valid header with the higher sequence number. */
int vhdx_header_read(struct block *file, struct vhdx_header *ret, struct err *err);

/* 2.2.3: the first valid region table; ERR_UNSUPPORTED for a required region that we don't know. */
int vhdx_regions_read(struct block *file, const struct vhdx_header *header, struct vhdx_regions *ret, struct err *err);

/* 2.6: ERR_UNSUPPORTED for a required item that we don't know. */
int vhdx_metadata_read(struct block *file, const struct vhdx_range *region, struct vhdx_metadata *ret, struct err *err);

/* What region table entries begin with: GUIDs as in the file. */
extern const unsigned char vhdx_bat_region[VHDX_GUID], vhdx_metadata_region[VHDX_GUID];

/* The checksum of a header or region table. */
uint32_t vhdx_checksum(const unsigned char *p, size_t len);

/* 2.6: fills the zeroed beginning of the region, VHDX_METADATA_TABLE + VHDX_PAGE bytes, for a disk without parent.
 * fixed: its blocks stay allocated. */
void vhdx_metadata_make(const struct vhdx_metadata *m, bool fixed, const unsigned char id[VHDX_GUID],
			unsigned char *region);

#endif
