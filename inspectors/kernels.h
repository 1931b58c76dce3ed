/* Installed kernels: what other inspectors ask about them. */
#ifndef REHOST_INSPECTORS_KERNELS_H
#define REHOST_INSPECTORS_KERNELS_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* The kernel whose image a guest path names, also by a symlink ("/vmlinuz"); NULL when it is none of them. */
struct kernel *kernel_of_path(struct guest *g, struct inspection *i, const char *path);

#endif
