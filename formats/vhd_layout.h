/* VHD on disk: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0 (2006). All numbers are big-endian. */
#ifndef REHOST_FORMATS_VHD_LAYOUT_H
#define REHOST_FORMATS_VHD_LAYOUT_H

#define VHD_COOKIE	   "conectix"
#define VHD_DYNAMIC_COOKIE "cxsparse"

enum {
	VHD_SECTOR = 512,
	VHD_COOKIE_LEN = 8,
	VHD_UUID = 16,
	VHD_FOOTER = 512,
	VHD_TAIL = 64 << 10,  /* in which a footer is looked for: exports of clouds append bytes */
	VHD_FOOTER_OLD = 511, /* Virtual PC before 2004 wrote one byte less */

	/* "Hard Disk Footer Format": byte offsets */
	VHD_AT_FEATURES = 8,
	VHD_AT_VERSION = 12,
	VHD_AT_DATA_OFFSET = 16,
	VHD_AT_TIME = 24,
	VHD_AT_CREATOR = 28,
	VHD_AT_CREATOR_VERSION = 32,
	VHD_AT_CREATOR_HOST = 36,
	VHD_AT_ORIGINAL_SIZE = 40,
	VHD_AT_CURRENT_SIZE = 48,
	VHD_AT_CYLINDERS = 56,
	VHD_AT_HEADS = 58,
	VHD_AT_SECTORS = 59,
	VHD_AT_TYPE = 60,
	VHD_AT_CHECKSUM = 64,
	VHD_AT_UUID = 68,
	VHD_AT_SAVED = 84,

	/* "Dynamic Disk Header Format" */
	VHD_HEADER = 1024,
	VHD_AT_NEXT = 8,
	VHD_AT_HEADER_VERSION = 24,
	VHD_AT_TABLE = 16,
	VHD_AT_ENTRIES = 28,
	VHD_AT_BLOCK_SIZE = 32,
	VHD_AT_HEADER_CHECKSUM = 36,
	VHD_AT_PARENT_UUID = 40,
	VHD_AT_PARENT_TIME = 56,
	VHD_AT_PARENT_NAME = 64, /* UTF-16, big-endian */
	VHD_PARENT_NAME = 512,
	VHD_AT_LOCATORS = 576,
	VHD_LOCATORS = 8,
	VHD_LOCATOR = 24,
	VHD_LOCATOR_AT_LENGTH = 8,
	VHD_LOCATOR_AT_OFFSET = 16,

	/* Limits before allocation. */
	VHD_BLOCK_MIN = 4096,
	VHD_BLOCK_MAX = 256 << 20, /* Windows uses 512 KiB and 2 MiB; 256 MiB is what VHDX allows */
	VHD_ENTRIES_MAX = 4 << 20, /* 2040 GiB in blocks of 512 KiB, the smallest of Windows: a table of 16 MiB */
	VHD_LOCATOR_MAX = 4096,	   /* bytes of a path */
};

/* What Windows, Azure and qemu take: 2040 GiB, fixed or dynamic. */
#define VHD_WRITE_MAX (UINT64_C(2040) << 30)

#define VHD_UNUSED   UINT32_C(0xffffffff) /* table entry: no block */
#define VHD_DISK_MAX (UINT64_C(64) << 40)
#define VHD_W2RU     UINT32_C(0x57327275) /* locator "W2ru": relative path, UTF-16 little-endian */
#define VHD_W2KU     UINT32_C(0x57326b75) /* locator "W2ku": absolute path */

/* Geometry is 65535 * 16 * 255 when the disk is too large to have one. */
#define VHD_CHS_MAX (UINT64_C(65535) * 16 * 255 * VHD_SECTOR)

enum vhd_type { VHD_TYPE_UNKNOWN = 0, VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

#endif
