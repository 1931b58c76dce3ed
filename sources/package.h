/* The files that belong to a descriptor: members of a tar file or files of a folder, found by name and read in place.
 */
#ifndef REHOST_SOURCES_PACKAGE_H
#define REHOST_SOURCES_PACKAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/model/machine.h"
#include "sources/tar.h"

struct package {
	struct arena arena;
	char *folder;	   /* absolute host path; bounds every name */
	char *tar;	   /* the tar file's name in folder; NULL: the members are files of the folder */
	int dirfd, tar_fd; /* tar_fd -1 without tar */
	struct tar_index index;
	char *descriptor; /* name of the .ovf */
	char *base;	  /* "" or the folder of the .ovf inside the tar, with '/' */
};

/* Where a member's bytes are: size bytes at off of folder/file. */
struct package_member {
	char *file; /* in the package's arena */
	uint64_t off, size;
	dev_t dev; /* of a folder's file, which may go by several names */
	ino_t ino;
};

/* path is an OVA file, a folder with one .ovf, or an .ovf. Exactly one descriptor: two are ERR_CORRUPT. */
int package_open(const char *path, struct package *ret, struct err *err);
void package_close(struct package *p);

/* A file named by the descriptor; percent-encoded names are tried decoded too. Not there: ERR_UNREADABLE. The errors
 * leave the name to the caller. */
int package_find(struct package *p, const char *href, struct package_member *ret, struct err *err);
/* The whole of it into out (its max bounds it). */
int package_read(struct package *p, const struct package_member *m, struct buf *out, struct err *err);
/* Opens the file that holds m for reading. */
int package_open_member(struct package *p, const struct package_member *m, struct err *err);
/* The name of the manifest (.mf) that belongs to the descriptor, NULL none; ERR_CORRUPT (-1) when it isn't clear which.
 */
int package_manifest(struct package *p, const char **ret, struct err *err);
/* The first file beside the descriptor whose name ends so; NULL none. */
const char *package_any(struct package *p, const char *end);

#endif
