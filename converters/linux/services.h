/* Switching SysV init scripts off. */
#ifndef REHOST_CONVERTERS_LINUX_SERVICES_H
#define REHOST_CONVERTERS_LINUX_SERVICES_H

#include "converters/step.h"

bool service_is_link(struct guest *g, const char *path);

/* As `update-rc.d NAME disable` and `chkconfig NAME off` do: start links of a script become stop links. Scratch memory
 * from the arena. */
int service_stop(const struct step_context *c, struct arena *a, const char *service, const char *reason,
		 struct err *err);

#endif
