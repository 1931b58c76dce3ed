/* Where images of this machine's disks go without a network: a folder, or a disk that is made ready for them. */
#ifndef REHOST_BOOT_ISO_AGENT_TARGET_H
#define REHOST_BOOT_ISO_AGENT_TARGET_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"

#define TARGET_LABEL "REHOST" /* of a file system that is made */

struct target {
	struct arena arena;
	const char *folder; /* where the machine's folder appears */
	char *device;	    /* what is mounted there; NULL: nothing is */
	char *disk;	    /* the whole disk that it is on */
};

/* What rehost.to= names: a disk, or one of its partitions ("sdb1", "SERIAL-part1"). Both NULL: a folder, which a word
 * with a slash is unless it is in /dev. ERR_USAGE: there is no such disk. */
struct target_place {
	struct hw_disk *disk;
	struct hw_part *part; /* NULL: all of the disk */
	bool by_name;	      /* "sdb1", which may be another disk's the next time; else by serial number or WWN */
};
int target_find(const struct hardware *h, const char *to, struct target_place *ret, struct err *err);

/* Whether the place can take images, or a file system can be made there (*ret_make). ERR_BLOCKED: it is to be imaged,
 * it is the live medium, it is on no USB disk and told by its name alone, or it holds something, which only `force`
 * gives up. */
int target_check(const struct target_place *p, bool force, bool *ret_make, struct err *err);

/* ours: the machine is the live system's, so that a disk may be mounted. */
int target_open(struct target *t, const struct hardware *h, const struct settings *s, bool ours, struct err *err);
/* What was written lasts; the disk may be pulled. */
int target_close(struct target *t, struct err *err);
void target_done(struct target *t);

#endif
