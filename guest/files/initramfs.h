/* An initramfs image as the kernel unpacks it: archives behind each other, compressed or not, of which later files win.
 *
 * What is accepted and where an archive may begin follows the kernel's init/initramfs.c, because an image that only a
 * more tolerant program unpacks doesn't boot (docs/initramfs.md).
 */
#ifndef REHOST_GUEST_FILES_INITRAMFS_H
#define REHOST_GUEST_FILES_INITRAMFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "guest/guest.h"

/* The first member of a part that was appended by us. */
#define INITRAMFS_GRAFT_MARKER ".rehost-graft"

/* The largest initramfs files seen are live systems of about 200 MiB; a desktop's has up to 120 MiB. */
#define INITRAMFS_FILE_MAX (512 * MIB)

struct initramfs_segment {
	uint64_t offset, length; /* of the stream or archive in the file, bytes */
	uint64_t inflated;	 /* bytes of archive in it */
	uint64_t end;		 /* where the kernel's count of archive bytes stands behind it: alignment goes by it */
	const char *compression; /* as archive_probe() names it: a literal */
	size_t members;
	bool early; /* only what the kernel itself looks for before it unpacks: microcode, ACPI tables */
	bool graft; /* begins with INITRAMFS_GRAFT_MARKER */
};

struct initramfs_member {
	const char *path; /* relative, without "./" */
	mode_t mode;
	uint32_t size;
	const char *link;    /* target of a symlink */
	const char *content; /* of files about modules and boot settings, else NULL; size bytes and a NUL */
	unsigned segment;
	bool shared;	      /* has more names: rewriting it in place would change those too */
	uint64_t file, order; /* identity of a shared file; place in the image */
};

struct initramfs {
	struct arena arena;
	VEC(struct initramfs_segment) segments;
	VEC(struct initramfs_member) members; /* sorted by path, each once */
	uint64_t base;			      /* where a graft begins or may be appended: end of what isn't ours */
	bool has_graft;			      /* the last segment is ours: [graft_offset, file's end) */
	uint64_t graft_offset;
	VEC(struct initramfs_member) grafted; /* what is in it, sorted by path */
	const char *compression;	      /* of the main archive, the first that isn't early */
	const char *generator;		      /* "initramfs-tools", "dracut", "mkinitcpio" …, "unknown": a literal */
};

/* Parses an image of len bytes; nothing refers to data afterwards. A graft at its end is noticed, and its members are
 * left out: members is what the generator made. ERR_CORRUPT with the offset where the kernel would stop. */
int initramfs_parse(const void *data, size_t len, struct initramfs **ret, struct err *err);
/* Reads and parses a guest's file; raw (may be NULL) gets the file. */
int initramfs_read(struct guest *g, const char *path, struct buf *raw, struct initramfs **ret, struct err *err);
void initramfs_free(struct initramfs *im);
DEFINE_CLEANUP(struct initramfs *, initramfs_free)

/* The member at a path, with symlinks followed; NULL when there is none. */
const struct initramfs_member *initramfs_find(const struct initramfs *im, const char *path);
/* The path that a new file of this path gets: what exists of it with symlinks resolved, the rest as it is. NULL when
 * symlinks go round. */
char *initramfs_place(const struct initramfs *im, const char *path, struct arena *a);
/* The member at exactly this place, symlinks not followed; NULL when there is none. */
const struct initramfs_member *initramfs_at(const struct initramfs *im, const char *place);
/* The text of a member as it is with the graft, which may hold it anew; NULL when none was kept. */
const char *initramfs_text(const struct initramfs *im, const struct initramfs_member *m);
/* The folder of a kernel's modules, symlinks not followed; without the version where an image is for one kernel only.
 * In the arena or a literal. */
const char *initramfs_modules_folder(const struct initramfs *im, const char *version, struct arena *a);
/* The module's file for a kernel ("virtio_blk", "6.1.0-18-amd64"), NULL when it isn't inside. */
const struct initramfs_member *initramfs_module(const struct initramfs *im, const char *version, const char *name);
/* The module is in the image or in the graft behind it. */
bool initramfs_has(const struct initramfs *im, const char *version, const char *name);
/* It holds modules of kernels, but none of this version; what a graft added doesn't count. */
bool initramfs_is_foreign(const struct initramfs *im, const char *version);
/* Something in it loads modules by the aliases of the devices that are found (udev, Alpine's nlplug-findfs). */
bool initramfs_loads_by_alias(const struct initramfs *im);

#endif
