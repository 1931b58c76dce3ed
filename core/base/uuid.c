/* Identities, over libuuid. */
#include "core/base/uuid.h"

#include <inttypes.h>
#include <stdio.h>

#include <uuid/uuid.h>

#include "core/base/bytes.h"

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

void uuid_guid_text(const unsigned char guid[UUID_BYTES], char ret[UUID_TEXT])
{
	snprintf(ret, UUID_TEXT, "%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", get_le32(guid),
		 get_le16(guid + 4), get_le16(guid + 6), guid[8], guid[9], guid[10], guid[11], guid[12], guid[13],
		 guid[14], guid[15]);
}
