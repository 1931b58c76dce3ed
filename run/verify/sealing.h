/* Making the seal of a result, before it is published: run/verify/seal.h.
 *
 *     AUTO(sealing_freep) struct sealing *s = sealing_new(dirfd, "web01", threads);
 *     sealing_hash(s, is_unfinished, …)      // what is complete
 *     …                                      // the report, which may name those hashes
 *     sealing_hash(s, is_scaffold, …)        // the rest
 *     sealing_write(s, disks, n, err)
 */
#ifndef REHOST_RUN_VERIFY_SEALING_H
#define REHOST_RUN_VERIFY_SEALING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/journal.h"

struct sealing;

/* result: its name. threads: 0 one a core. NULL: out of memory. */
struct sealing *sealing_new(int dirfd, const char *result, unsigned threads);
void sealing_free(struct sealing *s); /* NULL is fine */
DEFINE_CLEANUP(struct sealing *, sealing_free)

/* Hashes every file of the folder that isn't hashed yet, but a seal and those that skip() names. What is no regular
 * file is ERR_INTERNAL: we publish none. */
int sealing_hash(struct sealing *s, bool (*skip)(const char *name, void *opaque), void *opaque, struct err *err);

/* {name, size, tree} of those that are hashed. */
struct json *sealing_json(const struct sealing *s);

struct sealing_range {
	uint64_t off, len; /* bytes */
};

/* What was done to a disk. Borrowed. */
struct sealing_disk {
	const char *file, *format; /* name in the folder, "qcow2" or "raw" */
	const char *identity;	   /* of the source */
	uint64_t size;		   /* bytes, as the guest sees it */
	int map_fd;		   /* the graft's map, and how many bytes the delta file has that it belongs to */
	uint64_t delta_size;
	unsigned journal_disk;		      /* its number in extents */
	const struct journal_extent *extents; /* of all disks, in any order */
	size_t nextents;
	const struct sealing_range *unread; /* sorted: zeros that stand for what could not be read */
	size_t nunread;
};

/* Writes seal.ndjson; not synced. */
int sealing_write(struct sealing *s, const struct sealing_disk *disks, size_t ndisks, struct err *err);

#endif
