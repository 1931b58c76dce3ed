/* -o local: NAME.xml beside the disks. */
#ifndef REHOST_OUTPUTS_LOCAL_H
#define REHOST_OUTPUTS_LOCAL_H

#include "outputs/output.h"

extern const struct output output_local;

#endif
