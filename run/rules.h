/* What the user allows images that are opened, and wants of them: --allow-parent, --allow-truncated, --ignore-checksum,
 * --snapshot, --bwlimit. */
#ifndef REHOST_RUN_RULES_H
#define REHOST_RUN_RULES_H

#include <stdbool.h>

#include "formats/open.h"

enum { RULES_FOLDERS_MAX = 64 /* as many as a chain has images */ };

/* What an image may need that can't be had once its parser is locked away from the rest of the system. */
struct image_ready {
	int unpack_fd;		 /* an empty file for a packed image, taken when it is opened; -1: none */
	struct charset *charset; /* of the names in a VMDK descriptor; NULL: none is needed */
};

/* Looks at the first bytes of folder/name. Nothing fails: what is missing is told where it is needed. */
void image_ready_charset(struct image_ready *ready, int dirfd, const char *name);
void image_ready_done(struct image_ready *ready);

/* As the user gave them; borrowed texts. */
struct image_rules {
	const char *const *allow_parent; /* NULL-terminated list of folders; NULL: none */
	bool allow_truncated, ignore_checksum;
	uint64_t bwlimit;	   /* bytes a second that are read of all files of an image together; 0: no limit */
	struct throttle *limit;	   /* borrowed; instead of bwlimit: shared with other images; NULL none */
	const struct keys *keys;   /* borrowed; NULL: none */
	bool tables_only;	   /* data won't be read */
	const char *snapshot;	   /* inside the top image of each disk, ID or name; NULL: as it is now */
	struct image_ready *ready; /* borrowed; NULL: a packed image is unpacked in $TMPDIR, names are bytes */
};

/* For rules.limit: bwlimit bytes a second of all images that are opened with it; with 0 *ret is NULL. */
int rules_limit(uint64_t bwlimit, struct throttle **ret, struct err *err);
void rules_limit_drop(struct throttle *limit);

/* The same with the folders open, for the readers. */
struct open_rules {
	struct open_options options;
	struct allowed_folder folders[RULES_FOLDERS_MAX];
};

/* rules NULL: nothing is allowed. ERR_USAGE for too many folders, ERR_UNREADABLE for one that can't be opened; ret must
 * be given to rules_done() in every case. */
int rules_open(const struct image_rules *rules, struct open_rules *ret, struct err *err);
void rules_done(struct open_rules *rules);

#endif
