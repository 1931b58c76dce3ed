/* Kernel images: which processor one is for, by its header. */
#ifndef REHOST_GUEST_FILES_KERNELIMAGE_H
#define REHOST_GUEST_FILES_KERNELIMAGE_H

#include <stddef.h>

/* So much of an image's beginning tells. */
enum { KERNELIMAGE_HEAD = 64 << 10 };

/* The architecture in libguestfs' words ("x86_64", "i386", "aarch64", "arm", "riscv64", "ppc64le", "ppc64", "s390x",
 * "loongarch64"), a literal; NULL when the header doesn't tell. data is the beginning of the file, which may be packed
 * with gzip. Formats: Linux' Documentation/arch/arm64/booting.rst and x86/boot.rst, PE/COFF, ELF. */
const char *kernelimage_arch(const void *data, size_t len);

#endif
