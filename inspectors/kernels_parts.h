/* The survey of kernels in its parts. Only inspectors/kernels*.c include it. */
#ifndef REHOST_INSPECTORS_KERNELS_PARTS_H
#define REHOST_INSPECTORS_KERNELS_PARTS_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* What k->initrd holds; one that can't be read is a finding. Strings are in the inspection's arena. */
int kernel_read_initrd(struct guest *g, struct inspection *i, struct kernel *k, struct err *err);

/* Looks into the unified images and add-ons on the EFI system partition; k->unified of kernels that one boots. One that
 * can't be read is a finding; only the guest's being out of reach is an error. */
int kernels_survey_unified(struct guest *g, struct inspection *i, struct arena *scratch, struct err *err);

#endif
