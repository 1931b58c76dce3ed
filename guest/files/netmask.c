/* Netmasks as prefix lengths. */
#include "guest/files/netmask.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>

unsigned netmask_prefix(const char *netmask)
{
	struct in_addr a;

	if (inet_pton(AF_INET, netmask, &a) == 1)
		return (unsigned)__builtin_popcount(a.s_addr);
	return (unsigned)strtoul(netmask, NULL, 10);
}

const char *netmask_text(unsigned prefix, char text[NETMASK_TEXT])
{
	struct in_addr a = {htonl(prefix ? UINT32_MAX << (prefix < 32 ? 32 - prefix : 0) : 0)};

	return inet_ntop(AF_INET, &a, text, NETMASK_TEXT);
}
