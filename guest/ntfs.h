/* The state in which Windows left an NTFS volume, read from its raw bytes before anybody mounts it (on-disk format as
 * the ntfs-3g and linux-ntfs projects document it). */
#ifndef REHOST_GUEST_NTFS_H
#define REHOST_GUEST_NTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct ntfs_state {
	bool dirty;	       /* $Volume's flag: Windows will check it at its next start */
	bool unfinished;       /* $LogFile: it was not unmounted */
	unsigned major, minor; /* of NTFS: 3.1 from XP on */
};

/* Reads len bytes at off of the volume. */
typedef int ntfs_reader(void *opaque, uint64_t off, size_t len, void *to, struct err *err);

/* At most 32 KiB are read, in five pieces. ERR_CORRUPT: it is no NTFS, or its first records aren't understood. */
int ntfs_state_read(ntfs_reader *read, void *opaque, struct ntfs_state *ret, struct err *err);

/* Do the first bytes of hiberfil.sys (4 at least) say that a suspended system is in it? */
bool hibernation_is_held(const uint8_t *head, size_t len);

#endif
