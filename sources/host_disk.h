/* The files of the disks that a machine's description names. */
#ifndef REHOST_SOURCES_HOST_DISK_H
#define REHOST_SOURCES_HOST_DISK_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/model/machine.h"
#include "sources/source.h"

struct host_disk_rules {
	const char *folder; /* real path of where the description lies */
	const char *what;   /* the description, for messages: "VMX" */
	bool beside; /* a path that leads elsewhere stands for the file of its last name in that folder, too, and a note
			says so: for descriptions which state absolute paths only */
};

/* For each disk of m that isn't live: makes of d->file, which is as the description has it, a name beneath d->folder:
 * the description's folder, or one of --allow-parent for a path that leads elsewhere. The file must be there, a regular
 * one, not in use (host_path_in_use()), and not that of a disk before it. Absolute paths of Windows and names of
 * VMware's datastores lead nowhere. ERR_POLICY: it leads outside. */
int host_disks_find(const struct host_disk_rules *rules, const struct source_options *options, struct machine *m,
		    struct err *err);

#endif
