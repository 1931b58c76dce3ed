/* VirtualBox's settings of a machine (.vbox) as a source. */
#ifndef REHOST_SOURCES_VBOX_H
#define REHOST_SOURCES_VBOX_H

#include "sources/source.h"

/* Adds the machine that the text of a .vbox file describes to m; disks have the files that its media registry states,
 * and no folder yet. A machine in a saved state is ERR_BLOCKED unless options->force, an encrypted machine or disk
 * ERR_UNSUPPORTED, what is no such file ERR_CORRUPT. */
int vbox_parse(const void *text, size_t len, const struct source_options *options, struct machine *m, struct err *err);

extern const struct source source_vbox;

#endif
