/* The header of a qcow2 file, read and checked, as plain data. */
#ifndef REHOST_FORMATS_QCOW2_HEADER_H
#define REHOST_FORMATS_QCOW2_HEADER_H

#include "core/base/compress.h"
#include "formats/block.h"
#include "formats/qcow2_layout.h"

struct qcow2_header {
	unsigned version;      /* 2 or 3 */
	unsigned cluster_bits; /* 9 to 21 */
	uint64_t size;	       /* bytes of the disk, at most 64 TiB */
	uint64_t l1_offset;
	uint32_t l1_needed; /* entries that cover size; the table may be longer */
	enum codec codec;   /* of compressed clusters */
	bool corrupt;	    /* the image says so itself */
	bool extended;	    /* extended L2 entries */

	enum qcow2_crypt crypt;
	uint64_t luks_offset, luks_len; /* of LUKS: where its header is in the file */

	uint32_t snapshots; /* how many, at most 65536 */
	uint64_t snapshots_offset;

	/* The file that holds plain clusters, "" none: it has a name whenever the feature bit is set. */
	char data_file[QCOW2_BACKING_NAME_MAX + 1];
	bool data_file_raw; /* that file alone is the disk, too */

	char backing[QCOW2_BACKING_NAME_MAX + 1]; /* "" none */
	char backing_format[32];		  /* "" not declared */
};

/* Reads the header at the start of file (docs/interop/qcow2, "Header", "Header extensions"). ERR_CORRUPT for what
 * breaks the format or a limit; ERR_UNSUPPORTED, with names, for features that we don't read. Of snapshots only the
 * count is looked at. */
int qcow2_header_read(struct block *file, struct qcow2_header *h, struct err *err);

/* Sets disk size and L1 table, checked: a snapshot has its own. file_size in bytes. */
int qcow2_header_set_l1(struct qcow2_header *h, uint64_t file_size, uint64_t offset, uint64_t entries, uint64_t size,
			struct err *err);

#endif
