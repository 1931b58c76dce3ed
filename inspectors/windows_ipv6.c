/* Fixed IPv6 addresses of a Windows guest, from Vista on: netsh and the dialogs keep them in the store of the network
 * stack (NSI), which Microsoft doesn't document.
 *
 * Each address is a value whose name is the connection's NET_LUID and the address, both as hexadecimal digits of their
 * bytes ("0000000900000600" "20010db8…"); the connection's driver key has the LUID's index and type. The value's data
 * are two lifetimes, two origins and, at 16, the length of the prefix. That is what people found who looked at
 * netsh's traces, and what others' programs rely on; the routes beside them are not read. */
#include "inspectors/windows.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STORE "Control\\Nsi\\{eb004a01-9b1a-11d4-9123-0050047759bc}\\10"

enum { LUID_DIGITS = 16, ADDRESS_BYTES = 16, PREFIX_AT = 16, PREFIX_MAX = 128, ADDRESSES_MAX = 256 };

int windows_ipv6_open(struct windows_look *l, struct arena *a, struct ipv6_store *ret, struct err *err)
{
	return hive_values(l->system, windows_key(l, STORE), a, &ret->values, err);
}

/* NET_LUID: 24 bits reserved, 24 of index, 16 of type, little-endian. */
static bool luid_of(struct windows_look *l, const char *driver, char ret[LUID_DIGITS + 1])
{
	uint32_t index, type;

	if (!driver || hive_dword(l->system, driver, "NetLuidIndex", UINT32_MAX, &index, NULL) < 0 ||
	    hive_dword(l->system, driver, "*IfType", UINT32_MAX, &type, NULL) < 0 || index > 0xffffff || type > 0xffff)
		return false;
	snprintf(ret, LUID_DIGITS + 1, "000000%02x%02x%02x%02x%02x", index & 0xff, index >> 8 & 0xff, index >> 16,
		 type & 0xff, type >> 8);
	return true;
}

/* Every card makes its own link-local one. */
static bool is_global(const uint8_t a[static ADDRESS_BYTES])
{
	return a[0] != 0 && a[0] != 0xff && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static void take(struct windows_look *l, const struct reg_value *v, struct windows_nic *n)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[ADDRESS_BYTES];
	unsigned prefix = v->len > PREFIX_AT ? v->data[PREFIX_AT] : 0;

	if (!windows_hex(v->name + LUID_DIGITS, address, sizeof address) || v->type != REG_BINARY || !prefix ||
	    prefix > PREFIX_MAX) {
		if (!n->odd)
			n->odd = arena_strdup(&l->i->arena, v->name);
		return;
	}
	if (!is_global(address))
		return;
	inet_ntop(AF_INET6, address, text, sizeof text);
	*vec_push(&l->i->arena, &n->ipv6) =
	    (struct windows_address){.address = arena_strdup(&l->i->arena, text), .prefix = prefix};
}

void windows_ipv6(struct windows_look *l, const struct ipv6_store *store, const char *driver, struct windows_nic *n)
{
	char luid[LUID_DIGITS + 1];

	if (!luid_of(l, driver, luid))
		return;
	VEC_FOR (v, &store->values.list)
		if (strncasecmp(v->name, luid, LUID_DIGITS) == 0 && n->ipv6.n < ADDRESSES_MAX)
			take(l, v, n);
}
