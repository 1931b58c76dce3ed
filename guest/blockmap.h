/* How the appliance's block devices lie on the disks: partitions, linear volumes and encrypted mappings. */
#ifndef REHOST_GUEST_BLOCKMAP_H
#define REHOST_GUEST_BLOCKMAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"

enum { BLOCKMAP_PIECES_MAX = 64 /* of one range on one volume; more are passed over */ };

/* A linear stretch of a device on another one; all in sectors of 512 bytes. */
struct blockmap_stretch {
	uint64_t at, len; /* on the device */
	uint64_t under;	  /* where that is on the one beneath */
	unsigned major, minor;
};

struct blockmap_device {
	char *name; /* "sda1", "dm-0" */
	unsigned major, minor;
	uint64_t size;
	int disk; /* of the machine, from 0; -1: not a disk */
	VEC(struct blockmap_stretch) stretches;
};

struct blockmap {
	struct arena arena;
	VEC(struct blockmap_device) devices;
};

/* Reads lines of words: "B NAME MAJOR:MINOR SECTORS DISK", DISK being the machine's (from 0) or -1, "P MAJOR:MINOR
 * START PARENT" for a partition, "T MAJOR:MINOR" and a line of `dmsetup table` for a mapping. Targets other than linear
 * and crypt are passed over: what lies there isn't found. Malformed lines are ERR_CORRUPT. */
int blockmap_parse(const char *text, struct blockmap *ret, struct err *err);
void blockmap_done(struct blockmap *m);

/* The appliance's kernel's name of a disk of the machine or a partition of it ("sdb1"), NULL: there is no such disk.
 * Lives as long as the map. */
const char *blockmap_name(struct blockmap *m, unsigned disk, unsigned partition);

struct blockmap_piece {
	uint64_t at, len; /* sectors of the volume */
};

/* Where sectors off … off+len-1 of the machine's disk appear in the device called name; how many pieces. */
size_t blockmap_find(const struct blockmap *m, const char *name, unsigned disk, uint64_t off, uint64_t len,
		     struct blockmap_piece ret[BLOCKMAP_PIECES_MAX]);

#endif
