/* Fewer rights for a process that parses images: limits, no files but those beneath given folders, no system calls but
 * those that copying needs. In this order, before the first byte of an image is read. */
#ifndef REHOST_RUN_LOCKDOWN_H
#define REHOST_RUN_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>

struct lockdown_folder {
	int fd;	      /* O_PATH is enough; of a folder, or of a file or device that is allowed by itself */
	int writable; /* files may be made and removed in it, too; it may be written */
	int removes;  /* files may be removed in it */
};

/* What an image needs that is opened as `name` in a folder, for struct lockdown_folder: the folder, since it may name
 * others there; of a device, whose folder has all other devices, only itself. The caller closes it; -1 with errno. */
int lockdown_of_image(int dirfd, const char *name);

/* No core dumps (they would hold guest data), a bound on memory, as many descriptors as we may have. */
void lockdown_limits(void);

/* From now on this process (call it before there are threads: those that run are not confined) opens files only
 * beneath these folders, by Landlock; descriptors that are open stay usable. A kernel without Landlock changes nothing
 * and is logged. */
void lockdown_files(const struct lockdown_folder *folders, size_t n);

/* From now on this process, with all its threads, has only the system calls that reading, writing and serving images
 * take (seccomp): no new socket or connection, no other process or program, no executable memory, no signal to another;
 * the rest fails with EPERM. Logged where the kernel has no seccomp, and on machines other than x86_64 and aarch64,
 * whose calls the list doesn't know: nothing changes there. */
void lockdown_calls(void);

/* Built with a sanitizer, which needs a shadow memory larger than any bound, and /proc: nothing is locked down. */
bool lockdown_sanitized(void);

#endif
