/* What the headers of one image file say about it, for people and for `rehost info`: nothing here is needed to read the
 * disk, and no other file is opened. Each format fills what it has (struct format, `facts`).
 */
#ifndef REHOST_FORMATS_FACTS_H
#define REHOST_FORMATS_FACTS_H

#include "formats/open.h"
#include "formats/parent_name.h"

enum {
	FACT_MAX = 256,	  /* bytes of a short text; longer ones are cut */
	IDENTITY_MAX = 64 /* a UUID, a content identifier */
};

struct image_facts {
	uint64_t size; /* bytes of the disk; 0: not said by this file alone */
	uint32_t unit; /* bytes of a cluster, block, grain; 0: none */
	uint32_t logical_sector, physical_sector;
	char subtype[FACT_MAX];	   /* "version 3, zlib", "streamOptimized", "differencing"; "" none */
	char creator[FACT_MAX];	   /* as the file has it; "" unknown */
	const char *identity_kind; /* "CID", "UUID", "DataWriteGuid"; NULL: the format has none */
	char identity[IDENTITY_MAX], parent_identity[IDENTITY_MAX]; /* "" none */
	char parent[PARENT_NAME_MAX];				    /* as written; "" none, or known by identity only */
	char parent_format[32];					    /* as declared; "" not */
	const char *encryption;					    /* NULL: none */
	uint32_t snapshots;					    /* inside the file */
};

/* A snapshot inside an image file. */
struct image_snapshot {
	char id[FACT_MAX], name[FACT_MAX]; /* longer ones are cut */
	uint64_t size;			   /* bytes of the disk as it was; 0: as it is */
	uint64_t vm_state;		   /* bytes of the machine's memory and devices; 0: the disk only */
	uint64_t date;			   /* seconds since 1970, 0 unknown */
};

/* The facts of args->file, zeroed first and then filled as far as its headers can be read; -1 with what stopped that. A
 * format without facts of its own gives its sector sizes. */
int format_facts(const struct format *format, const struct open_args *args, struct image_facts *ret, struct err *err);

/* What a format's `facts` has for this: cut texts, with bytes that don't print as '?'. */
void fact_text(char *ret, size_t size, const void *text, size_t len);

/* By format. */
int qcow2_facts(const struct open_args *args, struct image_facts *ret, struct err *err);
int vmdk_facts(const struct open_args *args, struct image_facts *ret, struct err *err);
int vdi_facts(const struct open_args *args, struct image_facts *ret, struct err *err);
int vhd_facts(const struct open_args *args, struct image_facts *ret, struct err *err);
int vhdx_facts(const struct open_args *args, struct image_facts *ret, struct err *err);

#endif
