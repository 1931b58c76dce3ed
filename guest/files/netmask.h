/* Netmasks as prefix lengths. */
#ifndef REHOST_GUEST_FILES_NETMASK_H
#define REHOST_GUEST_FILES_NETMASK_H

/* "255.255.255.0" is 24; a number stays; anything else is 0. */
unsigned netmask_prefix(const char *netmask);

/* The inverse: 24 is "255.255.255.0". Bits over 32 count as 32. Returns text. */
enum { NETMASK_TEXT = 16 };
const char *netmask_text(unsigned prefix, char text[NETMASK_TEXT]);

#endif
