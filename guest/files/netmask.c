/* Netmasks as prefix lengths. */
#include "guest/files/netmask.h"

#include <arpa/inet.h>
#include <stdlib.h>

unsigned netmask_prefix(const char *netmask)
{
	struct in_addr a;

	if (inet_pton(AF_INET, netmask, &a) == 1)
		return (unsigned)__builtin_popcount(a.s_addr);
	return (unsigned)strtoul(netmask, NULL, 10);
}
