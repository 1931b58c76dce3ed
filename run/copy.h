/* The copy engine: any block to any target, once, data only, in order of offset, on all cores.
 *
 *     struct copy_job job = {.source = graft, .target = qcow2, .journal = j, .disk = 0};
 *     AUTO(copy_result_done) struct copy_result result = {0};
 *     if (copy_run(&job, &result, err) < 0 || block_finish(qcow2, err) < 0) …
 *
 * With a journal, what is durable in the target is journalled every 256 MiB or 2 s, and what the journal vouches for
 * already is adopted by the target (block_ops.adopt) instead of being copied. Memory: 2 MiB a thread, and what the
 * target needs.
 */
#ifndef REHOST_RUN_COPY_H
#define REHOST_RUN_COPY_H

#include <stdint.h>

#include "formats/block.h"
#include "run/journal.h"
#include "run/ledger.h"

enum { COPY_CHUNK = 2 << 20 /* bytes; guest offsets of chunks are multiples: the largest cluster of any format */ };

/* What becomes of a range that can't be read after two retries. Bad ranges are narrowed down to sectors. */
enum read_error_policy { READ_ERROR_STOP = 0, READ_ERROR_ZERO };

struct copy_job {
	struct block *source;
	struct block *target;	    /* fresh, or holding what the journal says; NULL: all is read, nothing written */
	struct journal *journal;    /* NULL: none */
	unsigned disk;		    /* its number in the journal */
	struct copy_ledger *ledger; /* of a machine's disk: the copy is compared with it; NULL: none */
	unsigned threads;	    /* 0: one a core */
	int writeback_fd;	    /* of the target, where writing back begins early; -1: none */
	enum read_error_policy on_read_error;
	/* Data bytes settled so far (copied or reused); may be NULL. Called from any thread, one at a time, at most
	 * every 100 ms and once at the end. */
	void (*progress)(uint64_t done, void *opaque);
	void *opaque;
};

struct copy_range {
	uint64_t off, len; /* bytes */
};

struct copy_result {
	uint64_t read;		/* data bytes read from the source */
	uint64_t moved;		/* data bytes that the kernel shared or copied unseen */
	uint64_t reused;	/* data bytes that the journal vouched for */
	uint64_t compared;	/* bytes that the machine's ledger confirmed */
	struct copy_range *bad; /* with READ_ERROR_ZERO: what could not be read and is zeros now; sorted, merged */
	size_t nbad;
};

/* On failure what is complete is journalled all the same, and result is filled as far as it goes. The target is flushed
 * but not finished: that is the caller's. */
int copy_run(const struct copy_job *job, struct copy_result *result, struct err *err);
void copy_result_done(struct copy_result *r);

#endif
