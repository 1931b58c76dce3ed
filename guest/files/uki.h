/* Unified kernel images: PE files whose sections hold kernel, initramfs, command line and version (UAPI.5). */
#ifndef REHOST_GUEST_FILES_UKI_H
#define REHOST_GUEST_FILES_UKI_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/checked.h"
#include "core/base/err.h"

/* The largest seen, with an initramfs for any hardware, are under 200 MiB. */
#define UKI_MAX (512 * MIB)

struct uki_section {
	size_t offset, length; /* in the file, bytes; length 0: there is none */
};

/* The named section (".initrd", ".cmdline", ".uname") of an image of len bytes. Not there: length 0. ERR_CORRUPT when
 * the file is no PE image or a section lies outside. Microsoft PE/COFF specification, sections 2 to 4. */
int uki_section(const void *data, size_t len, const char *name, struct uki_section *ret, struct err *err);

#endif
