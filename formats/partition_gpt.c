/* GUID partition tables; UEFI specification 2.10, section 5.3. */
#include "formats/partition_gpt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/uuid.h"
#include "core/base/zeros.h"

enum {
	H_SIZE = 12,
	H_CRC = 16,
	H_SELF = 24,
	H_GUID = 56,
	H_ENTRIES = 72,
	H_COUNT = 80,
	H_ENTRY_SIZE = 84,
	H_ENTRIES_CRC = 88,
	H_MIN = 92,

	E_GUID = 16,
	E_FIRST = 32,
	E_LAST = 40,
	E_ATTRIBUTES = 48,
	E_NAME = 56,
	E_NAME_UNITS = 36,
	E_MIN = 128,
	E_MAX = 4096,

	SECTOR_MAX = 4096,
	/* 128 entries of 128 bytes are usual and the least; this is 64 times as much. */
	ENTRIES_BYTES_MAX = 1 << 20,
	ATTRIBUTE_BIOS_BOOT = 1 << 2,
};

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* UTF-16 up to its first NUL; half a surrogate pair becomes U+FFFD. A unit gives at most three bytes, a pair four. */
static void name_text(const unsigned char *units, char out[PARTITION_NAME_MAX])
{
	size_t n = 0;

	for (int i = 0; i < E_NAME_UNITS; i++) {
		uint32_t c = get_le16(units + 2 * i);
		uint32_t low = i + 1 < E_NAME_UNITS ? get_le16(units + 2 * i + 2) : 0;

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i++;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		n += put_utf8(out + n, c);
	}
	out[n] = '\0';
}

/* Reads and checks the header at byte off; false when it is none or damaged. */
static int header_read(struct block *b, uint32_t sector, uint64_t off, unsigned char *header, bool *valid,
		       struct err *err)
{
	uint32_t size, crc;

	*valid = false;
	if (!range_inside(off, sector, b->size))
		return 0;
	if (block_pread(b, header, sector, off, err) < 0)
		return -1;
	if (memcmp(header, "EFI PART", 8) != 0)
		return 0;
	size = get_le32(header + H_SIZE);
	if (size < H_MIN || size > sector)
		return 0;
	crc = get_le32(header + H_CRC);
	memset(header + H_CRC, 0, 4);
	*valid = crc32_ieee(header, size) == crc && get_le64(header + H_SELF) == off / sector;
	return 0;
}

static int add_entry(struct block *b, struct partition_table *t, const unsigned char *e, unsigned index,
		     struct err *err)
{
	uint64_t first = get_le64(e + E_FIRST), last = get_le64(e + E_LAST);
	struct partition *p;

	if (all_zeros(e, 16))
		return 0;
	if (last < first || last == UINT64_MAX)
		return err_set(err, ERR_CORRUPT, "partition %u: sectors %" PRIu64 " to %" PRIu64, index, first, last);
	p = partition_add(t);
	if (!p)
		return err_nomem(err);
	p->index = index;
	p->bootable = get_le64(e + E_ATTRIBUTES) & ATTRIBUTE_BIOS_BOOT;
	uuid_guid_text(e, p->type);
	uuid_guid_text(e + E_GUID, p->partuuid);
	name_text(e + E_NAME, p->name);
	return partition_place(b, t, p, first, last - first + 1, err);
}

/* Reads the array of entries into *ret; NULL when it is damaged. */
static int entries_read(struct block *b, uint32_t sector, const unsigned char *header, unsigned char **ret,
			struct err *err)
{
	uint32_t count = get_le32(header + H_COUNT), size = get_le32(header + H_ENTRY_SIZE);
	uint64_t bytes = (uint64_t)count * size, off;
	AUTO_FREE unsigned char *entries = NULL;

	*ret = NULL;
	if (size < E_MIN || size > E_MAX || !is_pow2(size) || !count || bytes > ENTRIES_BYTES_MAX ||
	    !mul_fits(get_le64(header + H_ENTRIES), sector, &off) || !range_inside(off, bytes, b->size))
		return 0;
	entries = malloc(bytes);
	if (!entries)
		return err_nomem(err);
	if (block_pread(b, entries, bytes, off, err) < 0)
		return -1;
	if (crc32_ieee(entries, bytes) == get_le32(header + H_ENTRIES_CRC))
		*ret = take_ptr(&entries);
	return 0;
}

/* Takes the table whose header is at byte off; *found is false when header or entries are damaged. */
static int table_at(struct block *b, struct partition_table *t, uint32_t sector, uint64_t off, bool *found,
		    struct err *err)
{
	unsigned char header[SECTOR_MAX];
	AUTO_FREE unsigned char *entries = NULL;

	if (header_read(b, sector, off, header, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	*found = false;
	if (entries_read(b, sector, header, &entries, err) < 0)
		return -1;
	if (!entries)
		return 0;
	*found = true;
	t->scheme = PARTITION_GPT;
	t->sector = sector;
	uuid_guid_text(header + H_GUID, t->id);
	for (uint32_t i = 0; i < get_le32(header + H_COUNT); i++)
		if (add_entry(b, t, entries + (size_t)i * get_le32(header + H_ENTRY_SIZE), i + 1, err) < 0)
			return -1;
	return 0;
}

/* The primary in sector 1, else the copy in the last one. */
static int try_sector_size(struct block *b, struct partition_table *t, uint32_t sector, bool *found, struct err *err)
{
	*found = false;
	if (sector > SECTOR_MAX || b->size < 2 * (uint64_t)sector)
		return 0;
	if (table_at(b, t, sector, sector, found, err) < 0)
		return -1;
	if (*found)
		return 0;
	if (table_at(b, t, sector, align_down(b->size, sector) - sector, found, err) < 0)
		return -1;
	t->backup = *found;
	return 0;
}

int gpt_read(struct block *b, struct partition_table *t, struct err *err)
{
	const uint32_t sizes[] = {t->sector, 512, 4096};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		bool found;

		if (try_sector_size(b, t, sizes[i], &found, err) < 0)
			return -1;
		if (found)
			return 0;
	}
	return err_set(err, ERR_CORRUPT,
		       "the MBR announces a GPT, but neither at the start nor at the end is there a whole one");
}
