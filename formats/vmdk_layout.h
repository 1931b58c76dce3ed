/* On-disk numbers of hosted sparse VMDK extents; VMware, "Virtual Disk Format 5.0", "Hosted Sparse Extents" and
 * "Stream-Optimized Compressed Sparse Extents". All little-endian, all places in sectors of 512 bytes.
 */
#ifndef REHOST_FORMATS_VMDK_LAYOUT_H
#define REHOST_FORMATS_VMDK_LAYOUT_H

#include <stdint.h>

#define VMDK_MAGIC	"KDMV"
#define VMDK_COWD_MAGIC "COWD"
#define VMDK_SESPARSE	UINT64_C(0xcafebabe) /* first 8 bytes */
#define VMDK_GD_AT_END	UINT64_MAX	     /* gdOffset: ask the footer */
#define VMDK_WRITE_MAX	(UINT64_C(62) << 40) /* bytes; VMware's limit */
#define VMDK_DISK_MAX	(UINT64_C(64) << 40) /* bytes; VMware's own limit is 62 TB */

enum {
	VMDK_SECTOR = 512,
	VMDK_VERSION_MAX = 3,

	/* Fields of the header and of the footer */
	VMDK_H_VERSION = 4,
	VMDK_H_FLAGS = 8,
	VMDK_H_CAPACITY = 12,
	VMDK_H_GRAIN = 20,
	VMDK_H_DESC_OFFSET = 28,
	VMDK_H_DESC_SIZE = 36,
	VMDK_H_GTES = 44,
	VMDK_H_RGD = 48,
	VMDK_H_GD = 56,
	VMDK_H_OVERHEAD = 64,
	VMDK_H_UNCLEAN = 72,
	VMDK_H_NEWLINES = 73, /* 0a 20 0d 0a */
	VMDK_H_COMPRESSION = 77,

	VMDK_F_NEWLINES = 1 << 0,  /* the newline bytes are valid */
	VMDK_F_REDUNDANT = 1 << 1, /* there is a second directory with tables of its own */
	VMDK_F_ZEROED = 1 << 2,	   /* table entry 1 is a grain of zeros */
	VMDK_F_COMPRESSED = 1 << 16,
	VMDK_F_MARKERS = 1 << 17,

	VMDK_COMPRESSION_NONE = 0,
	VMDK_COMPRESSION_DEFLATE = 1,

	VMDK_GTE_ZEROED = 1,

	/* A grain: u64 first sector of the disk, u32 bytes of zlib data that follow. A metadata marker has 0 for the
	 * bytes, sectors that follow for the first, and a type. */
	VMDK_M_SIZE = 8,
	VMDK_M_TYPE = 12,
	VMDK_M_DATA = 12,
	VMDK_MARKER_END = 0,
	VMDK_MARKER_TABLE = 1,
	VMDK_MARKER_DIRECTORY = 2,
	VMDK_MARKER_FOOTER = 3,

	/* The specification has 512; a power of two up to this is a table of 16 KiB. */
	VMDK_GTES_MAX = 4096,
	/* 64 KiB is usual; 16 MiB keeps one grain a thread in memory affordable. */
	VMDK_GRAIN_SECTORS_MAX = 32768,
	/* 64 TiB in grains of 4 KiB, whose tables cover 2 MiB each, are 2^25 entries: 128 MiB. Half of that, so 64 TiB
	 * need grains of 8 KiB; with the usual 64 KiB it is 16 times more than needed. */
	VMDK_GD_ENTRIES_MAX = 1 << 24,
};

#endif
