/* Fresh identities for disks, over libuuid. */
#include "core/base/uuid.h"

#include <uuid/uuid.h>

void uuid_make(unsigned char ret[UUID_BYTES])
{
	uuid_generate_random(ret);
}

void uuid_make_guid(unsigned char ret[UUID_BYTES])
{
	unsigned char version;

	uuid_generate_random(ret);
	/* All else is random: the version is in the upper half of the third group's upper byte. */
	version = ret[6];
	ret[6] = ret[7];
	ret[7] = version;
}
