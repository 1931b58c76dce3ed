/* What the writers of VHD, VHDX and VMDK images have in common. */
#ifndef REHOST_FORMATS_WRITER_H
#define REHOST_FORMATS_WRITER_H

#include <pthread.h>

#include "formats/open.h"

/* block_ops.pread of an image that is being written: always an error. */
int writer_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err);

/* fdatasync, with what lasts then in the message. */
int writer_sync(int fd, const char *what, struct err *err);

/* What no such format can do: be empty, have a part of a sector, be larger than max bytes, be compressed by a codec of
 * the user's, be resumed. limit: max in words, for the message. */
int writer_check(uint64_t size, uint64_t max, const char *limit, const struct create_options *o, struct err *err);

/* A warning when the disk was made for sectors that the image can't state: its GPT won't be found. */
void writer_warn_sectors(const char *format, const char *name, const struct create_options *o);

/* Writers that give each block of the disk a place in the file when it is first written to: VHD, VHDX. The block of a
 * writer that begins with this structure is b. */
struct placing_writer {
	struct block b;
	int fd;			/* owned */
	uint64_t block, blocks; /* bytes of one; how many */
	uint64_t align;		/* where data may begin in the file: a multiple of this */
	uint64_t lead;		/* bytes before the data of a block, all 0xff, that belong to it */
	uint32_t *table;	/* where each block begins with its lead, in entry_unit; 0: it has no place */
	uint64_t entry_unit;	/* bytes; the file stays below 2^32 of them */
	pthread_mutex_t lock;	/* of table and tail */
	uint64_t tail;		/* everything from here on is free */
};

/* Empties the file and sets up the rest; b, block, align, lead, entry_unit and tail are set by the caller before. Takes
 * the fd on success. */
int placing_start(struct placing_writer *w, int fd, struct err *err);
/* Frees all, but w itself. */
void placing_done(struct placing_writer *w);

/* block_ops.pwrite, .take, .zero and .flush: any range, from any thread. */
int placing_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err);
int placing_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		 struct err *err);
int placing_zero(struct block *b, uint64_t off, uint64_t len, struct err *err);
int placing_flush(struct block *b, struct err *err);

#endif
