/* lzop files, inflated: the one compression of initramfs images that no library here reads. */
#ifndef REHOST_CORE_BASE_LZO_H
#define REHOST_CORE_BASE_LZO_H

#include <stddef.h>

#include "core/base/err.h"

/* Takes the next piece of what was inflated; -1 stops. */
typedef int lzo_sink(void *opaque, const void *data, size_t len, struct err *err);

/* Inflates one lzop file of LZO1X blocks of up to 256 KiB, the kind the kernel's unpacker takes (checksums are skipped
 * as it does); *ret_used: its bytes. The stream's format: kernel, Documentation/staging/lzo.rst. */
int lzop_each(const void *in, size_t in_len, lzo_sink *sink, void *opaque, size_t *ret_used, struct err *err);

#endif
