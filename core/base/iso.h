/* Files in an ISO 9660 image (Rock Ridge, Joliet or plain), read in place by libarchive, one after the other. */
#ifndef REHOST_CORE_BASE_ISO_H
#define REHOST_CORE_BASE_ISO_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct iso;

struct iso_file {
	const char *path; /* "NetKVM/w10/amd64/netkvm.inf", without a leading '/' */
	uint64_t size;	  /* bytes */
	/* Another file of the image, visited before, whose content this one has, too: it can be read there only. NULL:
	 * none */
	const char *same_as;
};

enum {
	ISO_FILES_MAX = 1 << 18, /* virtio-win has 4,000 */
	ISO_PATH_MAX = 4096,
};

/* Looks at one regular file; iso_read() gives its content as long as the visit lasts. 0: go on, 1: that was all that
 * was wanted, -1: fail. */
typedef int iso_visit(struct iso *iso, const struct iso_file *file, void *opaque, struct err *err);

/* Visits the regular files in the order of their places in the image, so that one pass suffices. A file that is no ISO
 * image, or a damaged one, is ERR_CORRUPT. path is the user's own word: symlinks are followed. */
int iso_each(const char *path, iso_visit *visit, void *opaque, struct err *err);
/* Adds the content of the visited file to b, which bounds it (ERR_CORRUPT when it is longer). */
int iso_read(struct iso *iso, struct buf *b, struct err *err);

#endif
