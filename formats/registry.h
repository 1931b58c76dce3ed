/* The formats there are; each is defined in the file of its name and listed once in registry.c. */
#ifndef REHOST_FORMATS_REGISTRY_H
#define REHOST_FORMATS_REGISTRY_H

#include "formats/open.h"

extern const struct format format_parallels;
extern const struct format format_qcow;
extern const struct format format_qcow2;
extern const struct format format_qed;
extern const struct format format_raw;
extern const struct format format_vdi;
extern const struct format format_vhd;
extern const struct format format_vhdx;
extern const struct format format_vmdk;

#endif
