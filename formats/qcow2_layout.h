/* The qcow2 on-disk layout: offsets and bits, by the section of qemu's docs/interop/qcow2 that defines them. All
 * numbers are big endian. */
#ifndef REHOST_FORMATS_QCOW2_LAYOUT_H
#define REHOST_FORMATS_QCOW2_LAYOUT_H

#include <stdint.h>

#include "core/base/checked.h"

/* Section "Header": byte offsets. */
enum qcow2_header_offset {
	QCOW2_H_MAGIC = 0,
	QCOW2_H_VERSION = 4,
	QCOW2_H_BACKING_OFFSET = 8, /* u64; 0: no backing file */
	QCOW2_H_BACKING_SIZE = 16,  /* u32, bytes of the name, not NUL-terminated */
	QCOW2_H_CLUSTER_BITS = 20,
	QCOW2_H_SIZE = 24,	   /* u64, bytes of the disk */
	QCOW2_H_CRYPT_METHOD = 32, /* 0 none, 1 AES, 2 LUKS */
	QCOW2_H_L1_SIZE = 36,	   /* u32, entries */
	QCOW2_H_L1_OFFSET = 40,
	QCOW2_H_REFTABLE_OFFSET = 48,
	QCOW2_H_REFTABLE_CLUSTERS = 56,
	QCOW2_H_SNAPSHOTS = 60, /* u32, how many */
	QCOW2_H_SNAPSHOTS_OFFSET = 64,
	QCOW2_V2_HEADER_SIZE = 72,
	QCOW2_H_INCOMPATIBLE = 72,
	QCOW2_H_COMPATIBLE = 80,
	QCOW2_H_AUTOCLEAR = 88,
	QCOW2_H_REFCOUNT_ORDER = 96, /* a refcount has 1 << order bits; version 2: always 4 */
	QCOW2_H_HEADER_LENGTH = 100,
	QCOW2_V3_HEADER_SIZE_MIN = 104,
	QCOW2_H_COMPRESSION_TYPE = 104, /* u8, "Additional fields" */
	QCOW2_V3_HEADER_SIZE = 112,	/* with the compression type, padded to 8 */
};

#define QCOW2_MAGIC UINT32_C(0x514649fb) /* "QFI\xfb" */

enum qcow2_crypt { QCOW2_CRYPT_NONE = 0, QCOW2_CRYPT_AES = 1, QCOW2_CRYPT_LUKS = 2 };
enum { QCOW2_COMPRESSION_ZLIB = 0, QCOW2_COMPRESSION_ZSTD = 1 };

/* incompatible_features: an unknown bit means "do not open". */
enum {
	QCOW2_INCOMPAT_DIRTY_BIT = 0, /* refcounts may be wrong; a reader doesn't use them */
	QCOW2_INCOMPAT_CORRUPT_BIT = 1,
	QCOW2_INCOMPAT_DATA_FILE_BIT = 2,
	QCOW2_INCOMPAT_COMPRESSION_BIT = 3,
	QCOW2_INCOMPAT_EXTENDED_L2_BIT = 4,
};
/* autoclear_features */
enum {
	QCOW2_AUTOCLEAR_BITMAPS_BIT = 0,
	QCOW2_AUTOCLEAR_DATA_FILE_RAW_BIT = 1,
};
#define QCOW2_BIT(n) (UINT64_C(1) << (n))

/* Section "Header extensions": type and length, both u32, then data padded to 8 bytes. */
#define QCOW2_EXT_END		 UINT32_C(0)
#define QCOW2_EXT_BACKING_FORMAT UINT32_C(0xe2792aca)
#define QCOW2_EXT_FEATURE_NAMES	 UINT32_C(0x6803f857)
#define QCOW2_EXT_DATA_FILE	 UINT32_C(0x44415441)
#define QCOW2_EXT_LUKS_HEADER	 UINT32_C(0x0537be77) /* u64 offset, u64 length */
enum {
	QCOW2_EXT_HEADER_SIZE = 8,
	/* Section "Feature name table". */
	QCOW2_FEATURE_ENTRY_SIZE = 48, /* u8 type, u8 bit, 46 bytes of name */
	QCOW2_FEATURE_NAME_SIZE = 46,
	QCOW2_FEATURE_INCOMPATIBLE = 0,
};

/* Section "Snapshots": an entry, then its extra data, ID and name; the next one begins at a multiple of 8. */
enum qcow2_snapshot_offset {
	QCOW2_S_L1_OFFSET = 0,
	QCOW2_S_L1_SIZE = 8, /* u32, entries */
	QCOW2_S_ID_SIZE = 12,
	QCOW2_S_NAME_SIZE = 14,
	QCOW2_S_DATE = 16,     /* u32, seconds since 1970 */
	QCOW2_S_VM_STATE = 32, /* u32, bytes; the extra data has it as u64 */
	QCOW2_S_EXTRA_SIZE = 36,
	QCOW2_SNAPSHOT_SIZE_MIN = 40,
	QCOW2_SNAPSHOTS_MAX = 65536, /* qemu's limit */
};

/* Section "Cluster mapping". */
#define QCOW2_OFFSET_MASK UINT64_C(0x00fffffffffffe00) /* bits 9-55 of L1 and standard L2 entries */
#define QCOW2_L1_RESERVED UINT64_C(0x7f000000000001ff)
#define QCOW2_L2_RESERVED UINT64_C(0x3f000000000001fe) /* of a standard entry; bit 0 is the zero flag (version 3) */
#define QCOW2_COPIED	  QCOW2_BIT(63)
#define QCOW2_COMPRESSED  QCOW2_BIT(62)
#define QCOW2_ZERO	  QCOW2_BIT(0)
enum { QCOW2_ENTRY_SIZE = 8, QCOW2_SECTOR = 512 };

/* Section "Extended L2 Entries": the entry, then 32 bits that say which subclusters are zeros, and 32 that say which
 * are allocated; bit n for subcluster n. */
enum { QCOW2_EXTENDED_ENTRY_SIZE = 16, QCOW2_SUBCLUSTERS = 32 };
#define QCOW2_ALL_ALLOCATED UINT64_C(0xffffffff)

enum {
	QCOW2_CLUSTER_BITS_MIN = 9,
	QCOW2_CLUSTER_BITS_MAX = 21, /* qemu's limit too */
	QCOW2_CLUSTER_BITS_DEFAULT = 16,
	QCOW2_EXTENDED_CLUSTER_BITS_MIN = 14, /* a subcluster is no smaller than a sector */
	QCOW2_BACKING_NAME_MAX = 1023,
	QCOW2_REFCOUNT_ORDER_MAX = 6,
};

/* qemu's limit; what it can't open we neither write nor believe. */
#define QCOW2_L1_BYTES_MAX	 (32 * MIB)
#define QCOW2_REFTABLE_BYTES_MAX (8 * MIB)
/* The largest disk any product here makes (VHDX: 64 TiB); an image that claims more is an attack or an accident. */
#define QCOW2_DISK_MAX (64 * TIB)

/* "Compressed Clusters Descriptor": the host offset has x bits, the number of further sectors stands above it. */
static inline unsigned qcow2_offset_bits(unsigned cluster_bits)
{
	return 62 - (cluster_bits - 8);
}

/* The L2 entry of a compressed cluster of len > 0 bytes at host. */
static inline uint64_t qcow2_compressed_entry(unsigned cluster_bits, uint64_t host, uint64_t len)
{
	uint64_t further = (host % QCOW2_SECTOR + len - 1) / QCOW2_SECTOR;

	return QCOW2_COMPRESSED | further << qcow2_offset_bits(cluster_bits) | host;
}

/* The way back; *ret_len reaches to the end of the last sector, so it may be up to 511 bytes more than was stored. */
static inline void qcow2_compressed_range(unsigned cluster_bits, uint64_t entry, uint64_t *ret_host, uint64_t *ret_len)
{
	unsigned x = qcow2_offset_bits(cluster_bits);
	uint64_t further = (entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> x;

	*ret_host = entry & (QCOW2_BIT(x) - 1);
	*ret_len = (further + 1) * QCOW2_SECTOR - *ret_host % QCOW2_SECTOR;
}

#endif
