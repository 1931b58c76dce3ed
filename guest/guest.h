/* The guest's files: the same verbs over libguestfs or, in tests, over a plain folder.
 *
 * Paths are absolute in the guest; symlinks are resolved inside the guest and never lead out of it. Files are rewritten
 * in place, so that inode, links, owner, mode, ACL, label and capabilities stay .
 */
#ifndef REHOST_GUEST_GUEST_H
#define REHOST_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/model/changelog.h"

struct guest;

struct guest_stat {
	mode_t mode; /* type and permissions; 0 when it doesn't exist */
	uint64_t size;
	uint64_t dev, ino;
	uint32_t uid, gid;
	int64_t mtime;
};

struct names {
	VEC(char *) list; /* sorted */
};

struct guest_ops {
	/* Whole file; b->max bounds it. Missing: ERR_UNREADABLE with err->sys ENOENT. */
	int (*read)(struct guest *g, const char *path, struct buf *b, struct err *err);
	/* The first bytes of a file, at most max (up to 2 MiB), or all of it. */
	int (*head)(struct guest *g, const char *path, size_t max, struct buf *b, struct err *err);
	/* Truncates and writes through symlinks; creates with mode when new. File capabilities, which the kernel takes
	 * off whatever is written to, are put back. */
	int (*write)(struct guest *g, const char *path, const void *data, size_t len, mode_t mode, struct err *err);
	/* Follows symlinks; a missing file is not an error (ret->mode 0). */
	int (*stat)(struct guest *g, const char *path, bool follow, struct guest_stat *ret, struct err *err);
	/* Entries of a folder without "." and "..", sorted; a missing folder has none. */
	int (*list)(struct guest *g, const char *path, struct arena *a, struct names *ret, struct err *err);
	/* Shell pattern (*, ?, []) over existing paths, sorted ("/etc/netplan/ *.yaml" without the space); a leading
	 * dot is matched by a dot only. */
	int (*glob)(struct guest *g, const char *pattern, struct arena *a, struct names *ret, struct err *err);
	/* Every path under dir, relative to it, sorted; files and folders (one call in the appliance: use it for
	 * trees). Symlinks are named, not followed; a missing folder has none. */
	int (*find)(struct guest *g, const char *dir, struct arena *a, struct names *ret, struct err *err);
	int (*readlink)(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err);
	/* One folder in one that is there. An existing one is an error. */
	int (*mkdir)(struct guest *g, const char *path, mode_t mode, struct err *err);
	/* Replaces a file or symlink that is there. */
	int (*symlink)(struct guest *g, const char *target, const char *path, struct err *err);
	/* The name itself, never what a symlink points to; missing is fine. A folder needs recursive. */
	int (*remove)(struct guest *g, const char *path, bool recursive, struct err *err);
	/* follow: of what a symlink points to, else of the link itself. Missing, or a file system without them: empty.
	 */
	int (*get_xattr)(struct guest *g, const char *path, bool follow, const char *name, struct buf *b,
			 struct err *err);
	int (*set_xattr)(struct guest *g, const char *path, bool follow, const char *name, const void *v, size_t len,
			 struct err *err);
	/* Free bytes of the file system that holds path. */
	int (*space_free)(struct guest *g, const char *path, uint64_t *ret, struct err *err);
	/* Runs a program of the guest, in the appliance with the guest's root as its own and without a network; what it
	 * prints is added to out. A failure's text is what it said. NULL where nothing can be run: a plain folder. */
	int (*run)(struct guest *g, const char *const *argv, struct buf *out, struct err *err);
	void (*close)(struct guest *g);
};

struct selinux;
struct originals;

struct guest {
	const struct guest_ops *ops;
	struct originals *originals; /* borrowed: keeps what guest_edit() and the like change; NULL: nothing is kept */
	struct selinux *selinux;     /* guest.c's: the guest's labels, loaded when the first new file needs one */
};

/* At most so many names from one list, glob or find: an installed desktop with sources has a third of it. */
enum { GUEST_NAMES_MAX = 1 << 20 };
/* Adds a copy of name; over GUEST_NAMES_MAX is ERR_CORRUPT. For the implementations of the verbs. */
int names_add(struct names *n, struct arena *a, const char *name, struct err *err);
void names_sort(struct names *n);

/* A plain folder as a guest (tests): every path is resolved beneath root. */
int guest_open_folder(const char *root, struct guest **ret, struct err *err);
void guest_close(struct guest *g);
DEFINE_CLEANUP(struct guest *, guest_close)

/* Convenience over the verbs; all take guest paths. */
bool guest_exists(struct guest *g, const char *path); /* follows symlinks; an error counts as no */
bool guest_is_dir(struct guest *g, const char *path);
/* The text of a file in the arena, NULL (no error) when it is missing; bounded by GUEST_TEXT_MAX. It ends at a NUL byte
 * when the file has one (guest_edit() then refuses to rewrite it). */
int guest_text(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err);
/* The same; NULL as well for what is there but no regular file: a folder, or a link to /dev/null that masks the name.
 */
int guest_regular_text(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err);
enum { GUEST_TEXT_MAX = 4 << 20 /* the largest grub.cfg seen is under 100 KiB */ };

/* The one verb that edits: rewrites path in place when text differs and records the diff and reason; creates it (mode
 * 0644, parents made, SELinux label from file_contexts or the parent where the file system has labels) when missing.
 * Nothing is written or recorded when nothing changes. A file that holds NUL bytes is no text, and a symlink to what
 * isn't there is no place for a new file: ERR_CONVERT. */
int guest_edit(struct guest *g, struct changelog *log, const char *path, const char *text, const char *reason,
	       struct err *err);
/* The same for binary content, recorded in words. */
int guest_put(struct guest *g, struct changelog *log, const char *path, const void *data, size_t len, mode_t mode,
	      const char *reason, const char *words, struct err *err);
/* Writes a file that is there anew, in place. The caller records it. */
int guest_overwrite(struct guest *g, const char *path, const void *data, size_t len, struct err *err);
/* Makes a folder of that mode (parents 0755), all labelled, unless it is there. Not recorded: what is put there is. */
int guest_mkdir(struct guest *g, const char *path, mode_t mode, struct err *err);
/* Removes a file, a symlink or a whole folder, recorded; what is missing already isn't. */
int guest_drop(struct guest *g, struct changelog *log, const char *path, const char *reason, struct err *err);
/* Makes path a symlink to target (parents made, labelled), recorded, unless it is that already. */
int guest_link(struct guest *g, struct changelog *log, const char *target, const char *path, const char *reason,
	       struct err *err);

#endif
