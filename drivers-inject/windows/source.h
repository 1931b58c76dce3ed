/* A driver source: a folder with all that is below it, or an ISO image, walked in the same way. */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_SOURCE_H
#define REHOST_DRIVERS_INJECT_WINDOWS_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

enum {
	SOURCE_FILES_MAX = 1 << 18,
	SOURCE_DEPTH_MAX = 16, /* folders in each other: virtio-win has 4 */
	SOURCE_FILE_MAX =
	    64 << 20, /* bytes of a file that is read: the largest of virtio-win, an installer, has 30 MB */
};

/* What a walk does with the regular files; paths are relative to the source, with '/'. */
struct source_visitor {
	/* Is the content wanted? same_as: see core/base/iso.h; the content of such a file can't be read. */
	bool (*wants)(const char *path, uint64_t size, const char *same_as, void *opaque);
	/* The content of a file that was wanted. */
	int (*take)(const char *path, const struct buf *content, void *opaque, struct err *err);
	void *opaque;
};

/* A wanted file of more than SOURCE_FILE_MAX bytes is ERR_CORRUPT. Symlinks are followed inside the folder, not out
 * of it. */
int source_each(const char *path, bool is_iso, const struct source_visitor *v, struct err *err);

#endif
