/* Partition tables: MBR with logical partitions, and GPT, read from a block. */
#ifndef REHOST_FORMATS_PARTITION_H
#define REHOST_FORMATS_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/block.h"

enum partition_scheme {
	PARTITION_UNKNOWN = 0,
	PARTITION_NONE, /* the disk has no table: perhaps a file system from its first byte on */
	PARTITION_MBR,
	PARTITION_GPT,
};

enum {
	PARTITION_ID_MAX = 37,	  /* a GUID as text and its NUL */
	PARTITION_NAME_MAX = 109, /* 36 UTF-16 units as UTF-8 and a NUL */
};

/* GUIDs are in lower case, as blkid(8) prints them. */
struct partition {
	unsigned index;		     /* number in the device name: 1 is sda1; logical ones begin with 5 */
	uint64_t start, len;	     /* bytes; cut at the end of the disk */
	bool cut;		     /* the table says that it goes on behind the end of the disk */
	bool container;		     /* an extended partition: what it holds is listed too */
	bool bootable;		     /* the active flag; GPT: legacy BIOS bootable */
	char type[PARTITION_ID_MAX]; /* "0x83", or a GUID */
	char partuuid[PARTITION_ID_MAX];
	char name[PARTITION_NAME_MAX]; /* GPT only, UTF-8 */
};

struct partition_table {
	enum partition_scheme scheme;
	uint32_t sector;	   /* bytes; what the table counts in */
	bool backup;		   /* GPT: the primary is damaged, this is the copy at the end */
	char id[PARTITION_ID_MAX]; /* of the disk: 8 hex digits, or a GUID */
	struct partition *v;	   /* as in the table, sorted by index */
	size_t n;
};

/* Reads the table; a disk without one is no error. A GPT damaged at both ends, a loop of logical partitions or a
 * partition that begins behind the end of the disk is ERR_CORRUPT. The caller frees it with partition_table_done(),
 * after errors too.
 */
int partition_table_read(struct block *b, struct partition_table *ret, struct err *err);
void partition_table_done(struct partition_table *t);

/* Does UEFI firmware boot from it: an EFI system partition, and no BIOS boot partition beside it? */
bool partition_table_is_uefi(const struct partition_table *t);
bool partition_table_has_esp(const struct partition_table *t);

/* Does a BIOS find a program in the first sector? One that can't be read holds none. */
bool partition_boot_code(struct block *b);

const char *partition_scheme_name(enum partition_scheme scheme); /* "none", "mbr", "gpt" */

#endif
