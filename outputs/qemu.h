/* -o qemu: a start script beside the disks. */
#ifndef REHOST_OUTPUTS_QEMU_H
#define REHOST_OUTPUTS_QEMU_H

#include "outputs/output.h"

extern const struct output output_qemu;

#endif
