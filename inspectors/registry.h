/* What each inspector's file gives to the table. */
#ifndef REHOST_INSPECTORS_REGISTRY_H
#define REHOST_INSPECTORS_REGISTRY_H

#include "inspectors/inspector.h"

extern const struct inspector inspector_kernels;
extern const struct inspector inspector_boot_entries;
extern const struct inspector inspector_storage;
extern const struct inspector inspector_network;
extern const struct inspector inspector_agents;
extern const struct inspector inspector_firmware;
extern const struct inspector inspector_clock;
extern const struct inspector inspector_windows;

/* For `applies`: guests that run Linux. */
static inline bool is_linux(const struct inspection *i)
{
	return i->os.family == OS_LINUX;
}

#endif
