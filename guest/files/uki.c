/* Unified kernel images: where their sections lie. */
#include "guest/files/uki.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"

enum {
	DOS_HEADER = 0x40,
	PE_OFFSET_AT = 0x3c,
	COFF_SIZE = 24, /* with the signature "PE\0\0" */
	SECTIONS_AT = 6,
	OPTIONAL_SIZE_AT = 20,
	SECTION_SIZE = 40,
	SECTION_NAME = 8,
	VIRTUAL_SIZE_AT = 8,
	RAW_SIZE_AT = 16,
	RAW_OFFSET_AT = 20,
};

/* The section table; false when the file has none. */
static int find_table(const uint8_t *data, size_t len, size_t *ret_at, unsigned *ret_n, struct err *err)
{
	size_t pe;

	if (len < DOS_HEADER || memcmp(data, "MZ", 2) != 0)
		return err_set(err, ERR_CORRUPT, "is no PE image: begins without 'MZ'");
	pe = get_le32(data + PE_OFFSET_AT);
	if (pe > len || len - pe < COFF_SIZE || memcmp(data + pe, "PE\0", 4) != 0)
		return err_set(err, ERR_CORRUPT, "PE header at 0x%zx: missing or outside of %zu bytes", pe, len);
	*ret_n = get_le16(data + pe + SECTIONS_AT);
	*ret_at = pe + COFF_SIZE + get_le16(data + pe + OPTIONAL_SIZE_AT);
	if (*ret_at > len || (len - *ret_at) / SECTION_SIZE < *ret_n)
		return err_set(err, ERR_CORRUPT, "section table at 0x%zx: %u sections don't fit %zu bytes", *ret_at,
			       *ret_n, len);
	return 0;
}

/* The size in memory is the content's; in the file it is rounded up. */
static int take(const uint8_t *row, size_t len, struct uki_section *ret, struct err *err)
{
	size_t offset = get_le32(row + RAW_OFFSET_AT), raw = get_le32(row + RAW_SIZE_AT),
	       size = get_le32(row + VIRTUAL_SIZE_AT);

	if (offset > len || raw > len - offset)
		return err_set(err, ERR_CORRUPT, "section '%.8s' at 0x%zx: %zu bytes, but the file ends at 0x%zx",
			       (const char *)row, offset, raw, len);
	*ret = (struct uki_section){offset, size && size < raw ? size : raw};
	return 0;
}

int uki_section(const void *data, size_t len, const char *name, struct uki_section *ret, struct err *err)
{
	const uint8_t *bytes = data;
	char padded[SECTION_NAME + 1] = "";
	unsigned n;
	size_t at;

	*ret = (struct uki_section){0};
	if (find_table(bytes, len, &at, &n, err) < 0)
		return -1;
	strncpy(padded, name, SECTION_NAME);
	for (unsigned k = 0; k < n; k++, at += SECTION_SIZE)
		if (memcmp(bytes + at, padded, SECTION_NAME) == 0)
			return take(bytes + at, len, ret, err);
	return 0;
}
