/* What the writers of addresses share. */
#include "guest/files/netaddress.h"

#include <string.h>

const char *net_servers(struct arena *a, const struct static_ip *ip, const char *quote, const char *separator)
{
	const char *ret = "";

	VEC_FOR (server, &ip->dns)
		ret = arena_printf(a, "%s%s%s%s%s", ret, *ret ? separator : "", quote, *server, quote);
	return ret;
}

bool net_of_family(const char *address, size_t len, bool v6)
{
	return (memchr(address, ':', len) != NULL) == v6;
}
