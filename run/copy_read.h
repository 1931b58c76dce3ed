/* The reading side of a copy: with patience, since disks fail, and with a list of what can't be read. */
#ifndef REHOST_RUN_COPY_READ_H
#define REHOST_RUN_COPY_READ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "run/copy.h"

struct copy_reader {
	struct block *source; /* borrowed */
	enum read_error_policy on_error;
	_Atomic uint64_t read; /* data bytes */

	pthread_mutex_t lock;	/* of all below */
	struct copy_range *bad; /* in the order in which threads came upon them */
	size_t nbad, cap;
	unsigned char *bad_chunks; /* a bit for each COPY_CHUNK of the disk with a bad range in it */
};

/* -1 when memory is out: nothing is to be freed then. */
int copy_reader_init(struct copy_reader *r, struct block *source, enum read_error_policy on_error);

/* Fills buf with [off, off+len), which lies in one COPY_CHUNK: data is read, the rest is zeros. *ret_data counts data
 * bytes. What the medium doesn't give after two retries is narrowed down to sectors, which become zeros and bad ranges,
 * or ERR_UNREADABLE with READ_ERROR_STOP. For many threads. */
int copy_reader_chunk(struct copy_reader *r, char *buf, uint64_t off, uint64_t len, uint64_t *ret_data,
		      struct err *err);

/* Is there a bad range in the chunk that off lies in? */
bool copy_reader_has_bad(struct copy_reader *r, uint64_t off);

/* Hands over what was read and what could not be, sorted and joined, and frees the rest. */
void copy_reader_done(struct copy_reader *r, struct copy_result *result);

#endif
