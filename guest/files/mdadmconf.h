/* mdadm's configuration (mdadm.conf(5)): lists of devices that name disks. */
#ifndef REHOST_GUEST_FILES_MDADMCONF_H
#define REHOST_GUEST_FILES_MDADMCONF_H

#include "guest/files/lines.h"

/* Members are searched on all partitions, whatever the disks are called: DEVICE lines that name devices say
 * "partitions", arrays that have a UUID lose their "devices=". */
void mdadmconf_open(struct lines *l);

#endif
