/* The inside of the qcow2 writer, shared by its files: qcow2_write.c (data), qcow2_prealloc.c (data of preallocated
 * images), qcow2_spill.c (tables that wait in the file), qcow2_finish.c (tables and header) and qcow2_note.c (resume).
 */
#ifndef REHOST_FORMATS_QCOW2_WRITER_H
#define REHOST_FORMATS_QCOW2_WRITER_H

#include <pthread.h>
#include <stdint.h>

#include "core/base/compress.h"
#include "formats/open.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_map.h"

/* Bytes of the file that an earlier run wrote and adopt() took over; sorted, disjoint. */
struct qcow2_adopted {
	uint64_t from, to;
};

struct qcow2_packer; /* what one thread needs to compress */

struct qcow2_writer {
	struct block block;
	int fd;
	unsigned cluster_bits;
	uint64_t cluster; /* bytes */
	enum codec codec; /* CODEC_UNKNOWN: plain clusters only */
	int level;
	enum preallocation preallocation;
	bool extended;	   /* extended L2 entries */
	bool resumed;	   /* the file holds what an earlier run wrote */
	uint64_t old_size; /* of the file then, bytes */
	struct qcow2_map map;
	size_t map_leaves; /* more of the map than this isn't kept in memory */

	pthread_mutex_t lock;  /* of all below */
	uint64_t tail;	       /* everything from here on is free */
	uint64_t gap, gap_end; /* free bytes below tail, left where a plain cluster had to be aligned */
	struct qcow2_packer *packers;
	struct qcow2_adopted *adopted;
	size_t nadopted, adopted_cap;
};

/* Entries an L2 table. */
static inline uint64_t qcow2_per_l2(const struct qcow2_writer *w)
{
	return w->cluster / (w->extended ? QCOW2_EXTENDED_ENTRY_SIZE : QCOW2_ENTRY_SIZE);
}

/* Preallocated images: where a cluster of the disk is in the file, behind the header. */
static inline uint64_t qcow2_fixed_place(const struct qcow2_writer *w, uint64_t cluster)
{
	return (1 + cluster) * w->cluster;
}

/* Are subclusters of zeros left out? Not where a killed run may have left something else. */
bool qcow2_subclusters_skip(const struct qcow2_writer *w);
/* Writes what isn't zeros of a cluster, or of the first len bytes of one. */
int qcow2_subclusters_write(const struct qcow2_writer *w, const unsigned char *from, uint64_t len, uint64_t host,
			    struct err *err);
/* The bitmap of the plain cluster at host. */
uint64_t qcow2_subclusters_bits(const struct qcow2_writer *w, uint64_t host);

/* Gives the file its size, and its room when the preallocation is more than metadata. */
int qcow2_prealloc_start(struct qcow2_writer *w, struct err *err);
/* Writes len bytes of whole clusters (the disk's last one may be cut) from the cluster `first` on. */
int qcow2_prealloc_write(struct qcow2_writer *w, const void *data, uint64_t first, size_t len, struct err *err);
/* Makes n clusters zeros again. */
int qcow2_prealloc_zero(const struct qcow2_writer *w, uint64_t first, uint64_t n, struct err *err);
/* Zeros where nothing was written, when they are asked for or the file isn't a hole there. */
int qcow2_prealloc_finish(const struct qcow2_writer *w, struct err *err);

/* An L2 table as it is in the file, big-endian: from and to per_l2 entries of host byte order. */
void qcow2_table_put(const struct qcow2_writer *w, const uint64_t *entries, unsigned char *table);
void qcow2_put_entry(const struct qcow2_writer *w, unsigned char *at, uint64_t entry);
void qcow2_table_get(const struct qcow2_writer *w, const unsigned char *table, uint64_t *entries);
/* Where tables of the map go: into clusters of their own, as they are to be in the end. */
struct qcow2_map_store qcow2_spill_store(struct qcow2_writer *w);
/* Leaves tables in the file when there are too many in memory. Not with w->lock held. */
int qcow2_spill_if_due(struct qcow2_writer *w, struct err *err);
/* Room for n plain clusters, in bytes from the file's beginning. */
uint64_t qcow2_place_plain(struct qcow2_writer *w, uint64_t n);

/* What the tables will look like; offsets in clusters. */
struct qcow2_plan {
	uint64_t l1_entries;
	uint64_t l2_at, l1_at, l1_clusters, blocks_at, blocks, table_at, table_clusters, end;
};

/* data: clusters up to the tables, the header's among them. */
void qcow2_plan(struct qcow2_plan *plan, const struct qcow2_writer *w, uint64_t data, uint64_t l2_tables);

int qcow2_writer_finish(struct block *b, struct err *err);
int qcow2_writer_note(struct block *b, uint64_t off, uint64_t len, char *text, size_t text_size, struct err *err);
int qcow2_writer_adopt(struct block *b, uint64_t off, uint64_t len, const char *text, struct err *err);

/* [off, off+len) must be whole clusters, but for the last of the disk; verb is for the message. */
int qcow2_check_aligned(const struct qcow2_writer *w, const char *verb, uint64_t off, uint64_t len, struct err *err);

#endif
