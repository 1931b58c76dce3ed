/* The steps for Linux guests: one file each. */
#ifndef REHOST_CONVERTERS_LINUX_LINUX_H
#define REHOST_CONVERTERS_LINUX_LINUX_H

#include "converters/step.h"

extern const struct step step_device_names_fstab;
extern const struct step step_device_names_boot;
extern const struct step step_network_names;
extern const struct step step_cloud_init;

/* For `applies`. */
bool step_always(const struct step_context *c);

/* One text file read and given to an editor, which may change its lines; what it changed is written and recorded with
 * reason. A missing file is nothing to do. */
struct lines;
int step_edit_lines(const struct step_context *c, const char *path,
		    void (*edit)(struct lines *l, const char *path, void *opaque), void *opaque, const char *reason,
		    struct err *err);

#endif
