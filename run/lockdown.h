/* Fewer rights for the process that parses images: limits, and no files but those beneath given folders. */
#ifndef REHOST_RUN_LOCKDOWN_H
#define REHOST_RUN_LOCKDOWN_H

#include <stddef.h>

struct lockdown_folder {
	int fd;	      /* O_PATH is enough */
	int writable; /* files may be made and removed in it, too */
};

/* No core dumps (they would hold guest data), a bound on memory, as many descriptors as we may have. */
void lockdown_limits(void);

/* From now on this process (call it before there are threads) opens files only beneath these folders, by Landlock;
 * descriptors that are open stay usable. A kernel without Landlock changes nothing and is logged. */
void lockdown_files(const struct lockdown_folder *folders, size_t n);

#endif
