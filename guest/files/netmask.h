/* Netmasks as prefix lengths. */
#ifndef REHOST_GUEST_FILES_NETMASK_H
#define REHOST_GUEST_FILES_NETMASK_H

/* "255.255.255.0" is 24; a number stays; anything else is 0. */
unsigned netmask_prefix(const char *netmask);

#endif
