/* Kernel images: which processor one is for, and which version it is, by its header. */
#ifndef REHOST_GUEST_FILES_KERNELIMAGE_H
#define REHOST_GUEST_FILES_KERNELIMAGE_H

#include <stddef.h>

#include "core/base/arena.h"

/* So much of an image's beginning tells. */
enum { KERNELIMAGE_HEAD = 64 << 10 };

/* The architecture in libguestfs' words ("x86_64", "i386", "aarch64", "arm", "riscv64", "ppc64le", "ppc64", "s390x",
 * "loongarch64"), a literal; NULL when the header doesn't tell. data is the beginning of the file, which may be packed
 * with gzip. Formats: Linux' Documentation/arch/arm64/booting.rst and x86/boot.rst, PE/COFF, ELF. */
const char *kernelimage_arch(const void *data, size_t len);

/* "6.1.0-50-amd64", as uname -r says, of an x86 image; NULL when it doesn't tell, as those for other processors. data
 * is the beginning of the file. Linux' Documentation/arch/x86/boot.rst, kernel_version. */
char *kernelimage_version(const void *data, size_t len, struct arena *a);

#endif
