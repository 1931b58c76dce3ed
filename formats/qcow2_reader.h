/* The inside of the qcow2 reader, shared by its files: qcow2.c (open, read) and qcow2_l2.c (what the L2 tables say). */
#ifndef REHOST_FORMATS_QCOW2_READER_H
#define REHOST_FORMATS_QCOW2_READER_H

#include <pthread.h>

#include "core/base/compress.h"
#include "core/base/disk_cipher.h"
#include "formats/block.h"
#include "formats/page_cache.h"
#include "formats/qcow2_layout.h"
#include "formats/unit_cache.h"

enum {
	QCOW2_PACKED_GAP = 16 << 10,  /* bytes read for nothing rather than by another call */
	QCOW2_PACKED_RUN = 32,	      /* compressed clusters that are read together */
	QCOW2_PACKED_BYTES = 2 << 20, /* and how far they may reach; a single one has at most 2 clusters = 4 MiB */
};

struct qcow2_inflater; /* what one thread needs to read compressed clusters */

struct qcow2 {
	struct block b;
	struct block *file, *backing; /* owned; backing NULL: none */
	struct block *data_file;      /* owned; NULL: plain clusters are in `file` as everything else */
	enum qcow2_crypt crypt;
	struct disk_cipher *cipher; /* owned; NULL: not encrypted, or only the tables are read */
	unsigned version, cluster_bits;
	bool extended;	  /* extended L2 entries: subclusters */
	uint64_t cluster; /* bytes */
	uint64_t per_l2;  /* entries */
	enum codec codec;
	uint64_t *l1; /* host byte order, reserved bits and flags gone */
	uint64_t l1_entries;
	struct page_cache l2;
	struct unit_cache *inflated;
	pthread_mutex_t lock; /* of what follows */
	struct qcow2_inflater *inflaters;
};

/* What L2 entries say about a cluster or a subcluster. */
enum qcow2_kind { QCOW2_KIND_UNKNOWN = 0, QCOW2_UNALLOCATED, QCOW2_ZEROS, QCOW2_PLAIN, QCOW2_PACKED };

/* A stretch of the disk inside one cluster. */
struct qcow2_stretch {
	enum qcow2_kind kind;
	uint64_t host; /* of its first byte if plain, of the stream if packed */
	uint64_t len;  /* packed: bytes of the stream, up to 511 more than it has */
	uint64_t end;  /* disk offset behind it */
};

/* Stretches of one kind in a row, cut by the caller's range. */
struct qcow2_run {
	enum qcow2_kind kind;
	uint64_t len;  /* guest bytes from the offset asked for */
	uint64_t host; /* plain: of the first byte */
	size_t n;      /* packed: how many of */
	struct qcow2_stretch packed[QCOW2_PACKED_RUN];
};

/* Where plain clusters are. */
static inline struct block *qcow2_data(const struct qcow2 *q)
{
	return q->data_file ? q->data_file : q->file;
}

/* What stands at [off, off+max), as far as it is of one kind; max > 0 inside the disk. */
int qcow2_next_run(struct qcow2 *q, uint64_t off, uint64_t max, struct qcow2_run *run, struct err *err);

#endif
