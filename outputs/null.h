/* -o null: nothing is kept. */
#ifndef REHOST_OUTPUTS_NULL_H
#define REHOST_OUTPUTS_NULL_H

#include "outputs/output.h"

extern const struct output output_null;

#endif
