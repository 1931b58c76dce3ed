/* Grain directory and tables of one sparse extent: where each grain stands in the file. Tables are read when first
 * needed and kept within a bound, so that a disk of any size maps in little memory.
 */
#ifndef REHOST_FORMATS_VMDK_TABLES_H
#define REHOST_FORMATS_VMDK_TABLES_H

#include <stdint.h>

#include "formats/block.h"

struct vmdk_tables;

/* What the tables must know of their extent. */
struct vmdk_geometry {
	uint64_t grains; /* the last one may be partial */
	uint64_t grain_bytes;
	uint64_t capacity; /* bytes */
	uint32_t gtes;	   /* entries per table */
	bool zeroed;	   /* entry 1 means zeros */
	bool compressed;   /* a grain's length is in its marker, not known here */
};

/* Reads the directory at gd_off (bytes) of file (borrowed); every table must lie inside the file. */
int vmdk_tables_open(struct block *file, const struct vmdk_geometry *g, uint64_t gd_off, struct vmdk_tables **ret,
		     struct err *err);

/* Tables filled by vmdk_tables_set() instead of from the file. */
int vmdk_tables_new(struct block *file, const struct vmdk_geometry *g, struct vmdk_tables **ret, struct err *err);

/* States that `grain` stands at `sector`; a grain set twice is ERR_CORRUPT. Only before reading begins. */
int vmdk_tables_set(struct vmdk_tables *t, uint64_t grain, uint32_t sector, struct err *err);

void vmdk_tables_close(struct vmdk_tables *t);
DEFINE_CLEANUP(struct vmdk_tables *, vmdk_tables_close)

/* The entries of n grains from first: 0 not allocated, VMDK_GTE_ZEROED zeros (when the extent has that), else a sector
 * that was checked to lie inside the file. Thread-safe. */
int vmdk_tables_get(struct vmdk_tables *t, uint64_t first, uint32_t n, uint32_t *ret, struct err *err);

/* How the grain `first` is stored, and how many of the max grains from it on are stored alike. Thread-safe. */
int vmdk_tables_run(struct vmdk_tables *t, uint64_t first, uint64_t max, enum extent_kind *ret_kind, uint64_t *ret_n,
		    struct err *err);

/* The sector of the next allocated grain behind `grain` in the same table, 0 when there is none: where the compressed
 * data of `grain` probably ends. Thread-safe. */
int vmdk_tables_next(struct vmdk_tables *t, uint64_t grain, uint32_t *ret, struct err *err);

#endif
