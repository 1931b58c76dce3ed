/* Gzip streams of any length, from one file into another; the only includer of zlib. */
#ifndef REHOST_CORE_BASE_GUNZIP_H
#define REHOST_CORE_BASE_GUNZIP_H

#include <stdint.h>

#include "core/base/err.h"

struct gunzip_job {
	int in_fd;
	uint64_t off, len;			   /* where the gzip data is in it, bytes */
	int out_fd;				   /* empty; written sparse, its length is that of the data */
	uint64_t max;				   /* more output is ERR_CORRUPT */
	void (*tick)(uint64_t done, void *opaque); /* input bytes read so far; may be NULL */
	void *opaque;
};

/* Several members in a row are one stream, zeros behind the last are ignored (tar padding). Every member's CRC is
 * checked; damage or a cut stream is ERR_CORRUPT. */
int gunzip_run(const struct gunzip_job *job, uint64_t *ret_len, struct err *err);

#endif
