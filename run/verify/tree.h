/* Tree hashes of files: a leaf (XXH3-128) for each chunk, and a root over the leaves; any changed byte is found, and
 * where.
 *
 *     AUTO(tree_done) struct tree t = {0};
 *     struct tree_job job = {.fd = fd, .name = "web01-sda.qcow2", .size = st.st_size, .chunk = tree_chunk(st.st_size)};
 *     if (tree_hash(&job, &t, err) < 0) …
 *
 * The leaf of a hole is that of zeros, so that a copy without holes has the same tree. Holes aren't read.
 */
#ifndef REHOST_RUN_VERIFY_TREE_H
#define REHOST_RUN_VERIFY_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/hash.h"

enum {
	TREE_CHUNK_MIN = 2 << 20,  /* bytes; what a damage is narrowed down to */
	TREE_LEAVES_MAX = 1 << 20, /* 16 MiB of memory; files over 2 TiB have larger chunks */
};

/* Bytes of a leaf's chunk in a file of so many bytes: 2 MiB, doubled until there are no more than TREE_LEAVES_MAX. */
uint64_t tree_chunk(uint64_t size);

struct tree_job {
	int fd;		  /* borrowed */
	const char *name; /* for messages */
	uint64_t size;	  /* bytes that are hashed: all, or the front of a file that has become larger */
	uint64_t chunk;	  /* tree_chunk() of the size that the file should have */
	unsigned threads; /* 0: one a core */
};

struct tree {
	uint64_t size;
	size_t nleaves; /* size / chunk, rounded up */
	unsigned char (*leaves)[HASH128];
	unsigned char root[HASH128];
	uint64_t read; /* bytes that were no holes */
};

/* ERR_CORRUPT when the file ends before size. ret needs tree_done() in any case. */
int tree_hash(const struct tree_job *job, struct tree *ret, struct err *err);
/* The root: XXH3-128 over the size (8 bytes, little-endian) and the leaves. */
int tree_root(uint64_t size, const unsigned char (*leaves)[HASH128], size_t nleaves, unsigned char ret[HASH128],
	      struct err *err);
/* The leaf of len zeros. */
int tree_zero_leaf(uint64_t len, unsigned char ret[HASH128], struct err *err);
void tree_done(struct tree *t);

#endif
