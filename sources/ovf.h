/* OVF descriptors (DMTF DSP0243 1.x and 2.x, VMware's 0.9) as a machine. Text only: no file is opened here. */
#ifndef REHOST_SOURCES_OVF_H
#define REHOST_SOURCES_OVF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/machine.h"
#include "sources/source.h"

/* A file that a disk of the machine comes from. */
struct ovf_file {
	char *href;    /* as written; a path relative to the descriptor */
	uint64_t size; /* bytes as ovf:size says */
	bool has_size;
};

struct ovf {
	VEC(struct ovf_file) files; /* one a disk, in the machine's order; in the machine's arena */
};

/* Fills m from the text of a descriptor. disk->file is left NULL for the caller, who finds ret->files[i].href in the
 * package. name is for messages. More than one virtual system: options->vm names one, else ERR_BLOCKED lists them. */
int ovf_parse(const char *text, size_t len, const char *name, const struct source_options *options, struct machine *m,
	      struct ovf *ret, struct err *err);

#endif
