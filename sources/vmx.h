/* VMX files of ESXi, Workstation, Fusion and GSX as a source. */
#ifndef REHOST_SOURCES_VMX_H
#define REHOST_SOURCES_VMX_H

#include <stddef.h>

#include "sources/source.h"

extern const struct source source_vmx;

enum { VMX_SIZE_MAX = 1 << 20 /* the largest VMX seen is 8 KB */ };

/* Fills m from the text; no file is opened: disk->file is the name as written. A suspended machine is ERR_BLOCKED
 * unless options->force, an encrypted one always. */
int vmx_parse(const char *text, size_t len, const struct source_options *options, struct machine *m, struct err *err);

#endif
