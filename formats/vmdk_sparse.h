/* Hosted sparse extents of VMDK: monolithicSparse, the parts of twoGbMaxExtentSparse, streamOptimized. */
#ifndef REHOST_FORMATS_VMDK_SPARSE_H
#define REHOST_FORMATS_VMDK_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/block.h"
#include "formats/vmdk_layout.h"

/* A header, checked; numbers in the units of the specification: sectors. */
struct vmdk_header {
	uint32_t version, flags;
	uint64_t capacity, grain;
	uint64_t desc_offset, desc_size; /* 0: none embedded */
	uint32_t gtes;
	uint64_t rgd;	   /* a second directory with tables of its own; 0: none */
	uint64_t gd;	   /* VMDK_GD_AT_END: the footer knows */
	uint64_t overhead; /* the grains stand behind it */
	bool unclean;
	uint16_t compression;
};

static inline uint64_t vmdk_capacity_bytes(const struct vmdk_header *h)
{
	return h->capacity * VMDK_SECTOR;
}

/* The most that a compressed grain may take, its marker included: deflate adds 5 bytes to each 16 KiB that it can't
 * shrink; twice the grain leaves room for poor encoders. */
static inline uint64_t vmdk_stored_max(uint64_t grain_bytes)
{
	return 2 * grain_bytes + 2 * VMDK_SECTOR;
}

static inline uint64_t vmdk_grain_bytes(const struct vmdk_header *h)
{
	return h->grain * VMDK_SECTOR;
}

/* Parses one sector that begins with VMDK_MAGIC. */
int vmdk_header_parse(const unsigned char sector[VMDK_SECTOR], struct vmdk_header *ret, struct err *err);

/* Reads and checks the header at the start of file. */
int vmdk_header_read(struct block *file, struct vmdk_header *ret, struct err *err);

/* The extent as a block named "vmdk extent"; takes the file on success. */
int vmdk_sparse_open(struct block *file, const struct vmdk_header *h, struct block **ret, struct err *err);

#endif
