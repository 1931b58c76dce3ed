/* Packed files (gzip, xz, zstd) of any length, from one file into another, bounded in memory, length and ratio. */
#ifndef REHOST_CORE_BASE_UNPACK_H
#define REHOST_CORE_BASE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum {
	UNPACK_HEAD = 6, /* bytes that unpack_sniff() wants */
	/* The most that is written for each byte of input: what deflate reaches with its best. Zeros don't count, as
	 * they are left out; xz and zstd make a petabyte of them from a few megabytes. */
	UNPACK_RATIO_MAX = 1032,
};

/* "gzip", "xz" or "zstd" by the first bytes; NULL: none of them. */
const char *unpack_sniff(const void *head, size_t len);

/* Whether a name says that the file is packed (.gz, .xz, .zst). Where a format is stated this must be true, too: the
 * bytes of a raw disk are the guest's, who may write there what looks packed. */
bool unpack_named(const char *name);

struct unpack_job {
	int in_fd;
	uint64_t off, len; /* where the packed data is in it, bytes */
	int out_fd;	   /* empty; written sparse, its length is that of the data */
	uint64_t max;	   /* more output is ERR_CORRUPT */
	/* NULL, or called once with the first output (1 MiB, or all of it): the most that may follow from it, if that
	 * is less than max. */
	uint64_t (*look)(const void *head, size_t len, void *opaque);
	void (*tick)(uint64_t done, void *opaque); /* input bytes read so far; may be NULL */
	void *opaque;
};

/* Several members, streams or frames in a row are one, zeros behind the last are ignored (tar padding). Behind zeros in
 * multiples of 4 more xz streams may follow (the .xz format, 2.2); anything else there is ERR_CORRUPT. Checksums are
 * checked; damage, a cut stream and one that needs more than 96 MiB of memory (xz) or a window of more than 8 MiB
 * (zstd) are ERR_CORRUPT. */
int unpack_run(const struct unpack_job *job, uint64_t *ret_len, struct err *err);

/* What an image inside packed data of this length may have at most, when nothing tells: 64 TiB with its tables. */
uint64_t unpack_bound(uint64_t packed);

#endif
