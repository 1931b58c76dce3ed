/* newc cpio archives: a push reader that accepts what the kernel accepts, and a writer.
 *
 * An archive is a run of entries of 110 bytes of header in hexadecimal ASCII, name, padding to 4, content, padding to
 * 4, ended by an entry named TRAILER!!! (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#ifndef REHOST_CORE_BASE_CPIO_H
#define REHOST_CORE_BASE_CPIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"

struct cpio_entry {
	const char *name; /* as stored */
	const char *link; /* target of a symlink, else NULL */
	mode_t mode;	  /* type and permissions */
	uint32_t uid, gid, nlink, ino, dev_major, dev_minor, rdev_major, rdev_minor;
	uint32_t mtime; /* seconds */
	uint32_t size;	/* bytes of content; a symlink's is its target */
};

struct cpio_handler {
	/* True when the content of this regular file is wanted; NULL: none is. */
	bool (*wants)(void *opaque, const struct cpio_entry *e);
	/* Each entry but the trailer, complete; content is NULL unless it was wanted. -1 stops. */
	int (*entry)(void *opaque, const struct cpio_entry *e, const void *content, struct err *err);
	void *opaque;
};

enum {
	CPIO_NAME_MAX = 4096,	     /* PATH_MAX with its NUL: the kernel refuses more */
	CPIO_CONTENT_MAX = 16 << 20, /* of one wanted file: the largest module index seen is under 2 MiB */
};

struct cpio_reader;

/* start: the offset of the first byte, to which archives are aligned; NULL only when memory is out. */
struct cpio_reader *cpio_reader_new(const struct cpio_handler *handler, uint64_t start);
/* Feeds the next piece. Zeros before an archive are skipped; the end of an archive is noted by cpio_reader_idle().
 * *ret_used (may be NULL): bytes taken; fewer than len only when stop_at_trailer was asked for and the trailer was met.
 */
int cpio_reader_feed(struct cpio_reader *r, const void *data, size_t len, bool stop_at_trailer, size_t *ret_used,
		     struct err *err);
/* Nothing is half read: only zeros came since the last trailer. */
bool cpio_reader_idle(const struct cpio_reader *r);
void cpio_reader_free(struct cpio_reader *r);
DEFINE_CLEANUP(struct cpio_reader *, cpio_reader_free)

/* Appends one entry with its content (e->size bytes; a symlink's target is taken from e->link) to an archive that began
 * at a 4-byte aligned out->len; then the trailer. -1: out->max would be passed. */
int cpio_add(struct buf *out, const struct cpio_entry *e, const void *content);
int cpio_end(struct buf *out);

#endif
