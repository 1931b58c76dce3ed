/* What tells one source from another without reading it all: sizes, times and sampled bytes of the files of a disk. */
#ifndef REHOST_RUN_IDENTITY_H
#define REHOST_RUN_IDENTITY_H

#include <stdint.h>

#include "core/base/err.h"

enum { IDENTITY_TEXT = 96 };

/* Zeroed at first. */
struct identity {
	unsigned files;
	uint64_t size;	/* bytes of all files */
	uint64_t mtime; /* ns since 1970, of the youngest */
	uint64_t hash;	/* XXH3-64 over what was so far and each file's samples */
};

/* Adds a file or block device: size, modification time and 32 blocks of 64 KiB, the first, the last and the rest evenly
 * between. A block that can't be read counts as such: the copy will say where. */
int identity_add(struct identity *id, int fd, const char *name, struct err *err);

/* The same for what is no file of this host: it has no time. */
struct block;
int identity_add_block(struct identity *id, struct block *b, struct err *err);

/* What tells whether the block device folder/file was written between two runs, as its node has no time: this start of
 * the host and the sectors written since, by sysfs (Documentation/ABI/stable/sysfs-block, "stat"). "" for what is no
 * block device; where it can't be known, a text that is never the same again. */
enum { IDENTITY_DEVICE_TEXT = 96 };
void identity_device(const char *folder, const char *file, char text[IDENTITY_DEVICE_TEXT]);

/* "2 files 1073741824 bytes 1700000000.123456789 0123456789abcdef" */
void identity_text(const struct identity *id, char text[IDENTITY_TEXT]);

#endif
