/* The text part of a VMDK: which extents make up the disk, and which image it is a snapshot of.
 *
 * VMware, "Virtual Disk Format 5.0", section "The Descriptor File".
 */
#ifndef REHOST_FORMATS_VMDK_DESCRIPTOR_H
#define REHOST_FORMATS_VMDK_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"

enum {
	/* 64 TiB in extents of 2 GiB are 32768 lines; with names of 80 bytes that is below 4 MiB. */
	VMDK_DESCRIPTOR_MAX = 4 << 20,
	VMDK_EXTENTS_MAX = 32768,
	VMDK_ENCODING_MAX = 32, /* bytes of an encoding's name with its NUL */
};

#define VMDK_CID_NONE 0xffffffffU /* parentCID of a disk that is no snapshot */

enum vmdk_access { VMDK_ACCESS_UNKNOWN = 0, VMDK_ACCESS_RW, VMDK_ACCESS_RDONLY, VMDK_ACCESS_NOACCESS };

enum vmdk_extent_type {
	VMDK_EXTENT_UNKNOWN = 0,
	VMDK_EXTENT_FLAT,
	VMDK_EXTENT_SPARSE,
	VMDK_EXTENT_ZERO,
	VMDK_EXTENT_VMFS,
	VMDK_EXTENT_VMFSSPARSE,
	VMDK_EXTENT_VMFSRDM,
	VMDK_EXTENT_VMFSRAW,
	VMDK_EXTENT_SESPARSE,
};

struct vmdk_extent_line {
	enum vmdk_access access;
	enum vmdk_extent_type type;
	uint64_t sectors;	/* 512 bytes each */
	uint64_t offset;	/* sectors into the file */
	const char *file;	/* "" when none is named */
	const char *file_bytes; /* as written, where vmdk_descriptor_translate() changed it; else NULL */
	unsigned line;		/* 1 is the first */
};

struct vmdk_descriptor {
	struct arena arena;	 /* owns the texts */
	const char *create_type; /* "" when absent, as the parent hint */
	const char *parent_hint;
	const char *parent_bytes; /* like file_bytes */
	const char *encoding;	  /* of the names, "" when absent */
	const char *parent_uuid;  /* ddb.uuid.parent: VirtualBox's word for a parent; "" when absent, or all zeros */
	const char *encryption;	  /* the key that says so; NULL: not encrypted */
	uint32_t cid, parent_cid;
	VEC(struct vmdk_extent_line) extents;
};

/* Parses text up to len or its first NUL. A line that is neither comment, key = value nor extent is ERR_CORRUPT, as is
 * a repeated key that matters: both could hide a part of the disk. The caller frees d with vmdk_descriptor_done(),
 * after errors too. */
int vmdk_descriptor_parse(const char *text, size_t len, struct vmdk_descriptor *d, struct err *err);
void vmdk_descriptor_done(struct vmdk_descriptor *d);

/* The encoding that a descriptor in the first bytes of a file states, the descriptor itself or an image with one
 * inside; false: none, or UTF-8. For who must get ready for it before the file is parsed. */
bool vmdk_descriptor_encoding(const char *head, size_t len, char ret[VMDK_ENCODING_MAX]);

/* Names become UTF-8 when the descriptor's encoding is this set. NULL, another one, or bytes that it has not: they
 * stay. */
struct charset;
void vmdk_descriptor_translate(struct vmdk_descriptor *d, const struct charset *charset);

/* True when the first lines are those of a descriptor. */
bool vmdk_descriptor_likely(const char *text, size_t len);

const char *vmdk_extent_type_name(enum vmdk_extent_type type);

#endif
