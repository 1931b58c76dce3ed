/* Gzip streams of any length, from one file into another, and single members in memory; the only includer of zlib. */
#ifndef REHOST_CORE_BASE_GUNZIP_H
#define REHOST_CORE_BASE_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
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

/* Takes the next piece of what was inflated; -1 stops. */
typedef int gunzip_sink(void *opaque, const void *data, size_t len, struct err *err);

/* Inflates the one member that in begins with, piece by piece; *ret_used: its bytes, what follows is left alone. Damage
 * and a cut member are ERR_CORRUPT. */
int gunzip_member(const void *in, size_t in_len, gunzip_sink *sink, void *opaque, size_t *ret_used, struct err *err);

/* Appends data as one member, without name and time; over 4 GiB is ERR_UNSUPPORTED. */
int gzip_member(const void *data, size_t len, struct buf *out, struct err *err);

#endif
