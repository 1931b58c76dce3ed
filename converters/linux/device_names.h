/* Device names become UUIDs: shared by the steps that do it in what mounts and in what boots. */
#ifndef REHOST_CONVERTERS_LINUX_DEVICE_NAMES_H
#define REHOST_CONVERTERS_LINUX_DEVICE_NAMES_H

#include "converters/linux/linux.h"
#include "guest/files/devicefiles.h"

/* Edits every file of the group, as inspection->device_names says. */
int device_names_replace(const struct step_context *c, enum device_files group, struct err *err);

#endif
