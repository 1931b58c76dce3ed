/* The metadata region of a VHDX: sizes, sectors, and the parent of a differencing disk. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/utf16.h"
#include "core/base/uuid.h"
#include "formats/vhdx_header.h"

enum item { ITEM_UNKNOWN = 0, ITEM_PARAMETERS, ITEM_SIZE, ITEM_ID, ITEM_LOGICAL, ITEM_PHYSICAL, ITEM_PARENT, ITEMS };

/* 2.6.2: GUID as in the file, and the bytes an item must have. */
static const struct {
	unsigned char guid[VHDX_GUID];
	uint32_t min, max;
	const char *name;
} items[ITEMS] = {
    [ITEM_PARAMETERS] = {{0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7,
			  0x6b},
			 8,
			 8,
			 "file parameters"},
    [ITEM_SIZE] = {{0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8},
		   8,
		   8,
		   "virtual disk size"},
    [ITEM_ID] = {{0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46},
		 16,
		 16,
		 "virtual disk id"},
    [ITEM_LOGICAL] = {{0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f},
		      4,
		      4,
		      "logical sector size"},
    [ITEM_PHYSICAL] = {{0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56},
		       4,
		       4,
		       "physical sector size"},
    [ITEM_PARENT] = {{0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c},
		     VHDX_LOCATOR_FIRST,
		     VHDX_ITEM_MAX,
		     "parent locator"},
};

static const unsigned char vhdx_locator[VHDX_GUID] = {0xb7, 0xef, 0x4a, 0xb0, 0x9e, 0xd1, 0x81, 0x4a,
						      0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13};

struct found {
	struct vhdx_range at[ITEMS]; /* in the file; len 0: not there */
};

static enum item item_of(const unsigned char *entry)
{
	if (get_le32(entry + VHDX_METADATA_AT_FLAGS) & VHDX_METADATA_USER)
		return ITEM_UNKNOWN;
	for (int i = ITEM_UNKNOWN + 1; i < ITEMS; i++)
		if (!memcmp(entry, items[i].guid, VHDX_GUID))
			return (enum item)i;
	return ITEM_UNKNOWN;
}

static int note_item(const unsigned char *entry, const struct vhdx_range *region, struct found *f, struct err *err)
{
	uint32_t off = get_le32(entry + VHDX_METADATA_AT_OFFSET), len = get_le32(entry + VHDX_METADATA_AT_LENGTH);
	enum item item = item_of(entry);
	char guid[UUID_TEXT];

	if (item == ITEM_UNKNOWN) {
		uuid_guid_text(entry, guid);
		if (get_le32(entry + VHDX_METADATA_AT_FLAGS) & VHDX_METADATA_REQUIRED)
			return err_set(err, ERR_UNSUPPORTED, "it needs metadata item %s, which is not known", guid);
		return 0;
	}
	if (f->at[item].len)
		return err_set(err, ERR_CORRUPT, "metadata: %s is there twice", items[item].name);
	if (len < items[item].min || len > items[item].max)
		return err_set(err, ERR_CORRUPT,
			       "metadata: %s with %" PRIu32 " bytes, expected %" PRIu32 " to %" PRIu32,
			       items[item].name, len, items[item].min, items[item].max);
	if (off < VHDX_METADATA_TABLE || !range_inside(off, len, region->len))
		return err_set(err, ERR_CORRUPT,
			       "metadata: %s at 0x%" PRIx32 " with %" PRIu32
			       " bytes: expected behind the table in a region of 0x%" PRIx64,
			       items[item].name, off, len, region->len);
	f->at[item] = (struct vhdx_range){.off = region->off + off, .len = len};
	return 0;
}

static int find_items(struct block *file, const struct vhdx_range *region, struct found *f, struct err *err)
{
	AUTO_FREE unsigned char *table = malloc(VHDX_METADATA_TABLE);
	unsigned count;

	if (!table)
		return err_nomem(err);
	if (block_pread(file, table, VHDX_METADATA_TABLE, region->off, err) < 0)
		return -1;
	count = get_le16(table + VHDX_METADATA_AT_COUNT);
	if (memcmp(table, VHDX_METADATA_SIGNATURE, 8) != 0 || count > VHDX_METADATA_MAX)
		return err_set(err, ERR_CORRUPT,
			       "metadata at 0x%" PRIx64
			       ": expected the signature \"metadata\" and at most %d items, found %u",
			       region->off, VHDX_METADATA_MAX, count);
	for (unsigned i = 0; i < count; i++)
		if (note_item(table + VHDX_METADATA_FIRST + (size_t)i * VHDX_METADATA_ENTRY, region, f, err) < 0)
			return -1;
	return 0;
}

static int check_values(const struct vhdx_metadata *m, struct err *err)
{
	if (!is_pow2(m->block_size) || m->block_size < VHDX_BLOCK_MIN || m->block_size > VHDX_BLOCK_MAX)
		return err_set(err, ERR_CORRUPT,
			       "metadata: blocks of %" PRIu32 " bytes, expected a power of two from 1 to 256 MiB",
			       m->block_size);
	if (m->logical_sector != 512 && m->logical_sector != 4096)
		return err_set(err, ERR_CORRUPT, "metadata: logical sectors of %" PRIu32 " bytes, expected 512 or 4096",
			       m->logical_sector);
	if (m->physical_sector != 512 && m->physical_sector != 4096)
		return err_set(err, ERR_CORRUPT,
			       "metadata: physical sectors of %" PRIu32 " bytes, expected 512 or 4096",
			       m->physical_sector);
	if (!m->size || m->size > VHDX_DISK_MAX || m->size % m->logical_sector)
		return err_set(err, ERR_CORRUPT,
			       "metadata: a disk of %" PRIu64 " bytes, expected whole sectors of %" PRIu32
			       " bytes, at least one, at most 64 TiB",
			       m->size, m->logical_sector);
	return 0;
}

static int read_values(struct block *file, const struct found *f, struct vhdx_metadata *m, struct err *err)
{
	static const enum item needed[] = {ITEM_PARAMETERS, ITEM_SIZE, ITEM_LOGICAL, ITEM_PHYSICAL};
	unsigned char value[ITEM_PHYSICAL + 1][8] = {0};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		enum item item = needed[i];

		if (!f->at[item].len)
			return err_set(err, ERR_CORRUPT, "metadata: there is no %s", items[item].name);
		if (block_pread(file, value[item], f->at[item].len, f->at[item].off, err) < 0)
			return -1;
	}
	m->block_size = get_le32(value[ITEM_PARAMETERS]);
	m->has_parent = get_le32(value[ITEM_PARAMETERS] + 4) & VHDX_HAS_PARENT;
	m->size = get_le64(value[ITEM_SIZE]);
	m->logical_sector = get_le32(value[ITEM_LOGICAL]);
	m->physical_sector = get_le32(value[ITEM_PHYSICAL]);
	return check_values(m, err);
}

/* A text of a locator whose place its entry names. */
static int locator_text(const unsigned char *item, uint64_t len, uint32_t at, uint16_t bytes, char *ret, size_t size,
			struct err *err)
{
	if (!range_inside(at, bytes, len))
		return err_set(err, ERR_CORRUPT,
			       "parent locator: a text of %u bytes at 0x%" PRIx32 ": the item has 0x%" PRIx64 " bytes",
			       bytes, at, len);
	if (utf16_to_utf8(item + at, bytes, false, ret, size) < 0)
		return err_set(err, ERR_CORRUPT,
			       "parent locator: %u bytes at 0x%" PRIx32 " are no UTF-16 text of less than %zu bytes",
			       bytes, at, size);
	return 0;
}

/* Where a key's value goes; NULL: of no use to us. */
static char *place_of(struct vhdx_metadata *m, const char *key, size_t *ret_size)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} known[] = {
	    {"relative_path", m->parent.path[0], PARENT_NAME_MAX},
	    {"absolute_win32_path", m->parent.path[1], PARENT_NAME_MAX},
	    {"volume_path", m->parent.path[2], PARENT_NAME_MAX},
	    {"parent_linkage", m->linkage[0], sizeof m->linkage[0]},
	    {"parent_linkage2", m->linkage[1], sizeof m->linkage[1]},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i].key, key) != 0)
			continue;
		*ret_size = known[i].size;
		return known[i].to;
	}
	return NULL;
}

static int decode_locator(const unsigned char *item, uint64_t len, struct vhdx_metadata *m, struct err *err)
{
	unsigned count = get_le16(item + VHDX_LOCATOR_AT_COUNT);
	char guid[UUID_TEXT];

	if (memcmp(item, vhdx_locator, VHDX_GUID) != 0) {
		uuid_guid_text(item, guid);
		return err_set(err, ERR_UNSUPPORTED, "parent locator: type %s is not known", guid);
	}
	if (!range_inside(VHDX_LOCATOR_FIRST, (uint64_t)count * VHDX_LOCATOR_ENTRY, len))
		return err_set(err, ERR_CORRUPT, "parent locator: %u entries in an item of 0x%" PRIx64 " bytes", count,
			       len);
	for (unsigned i = 0; i < count; i++) {
		const unsigned char *e = item + VHDX_LOCATOR_FIRST + (size_t)i * VHDX_LOCATOR_ENTRY;
		char key[64], *to;
		size_t size;

		if (locator_text(item, len, get_le32(e), get_le16(e + 8), key, sizeof key, err) < 0)
			return -1;
		to = place_of(m, key, &size);
		if (to && locator_text(item, len, get_le32(e + 4), get_le16(e + 10), to, size, err) < 0)
			return err_wrap(err, "'%s'", key);
	}
	return 0;
}

static int read_locator(struct block *file, const struct vhdx_range *at, struct vhdx_metadata *m, struct err *err)
{
	AUTO_FREE unsigned char *item = NULL;

	if (!at->len)
		return err_set(err, ERR_CORRUPT, "metadata: the disk has a parent, but no parent locator");
	item = malloc(at->len);
	if (!item)
		return err_nomem(err);
	if (block_pread(file, item, at->len, at->off, err) < 0)
		return -1;
	return decode_locator(item, at->len, m, err);
}

int vhdx_metadata_read(struct block *file, const struct vhdx_range *region, struct vhdx_metadata *ret, struct err *err)
{
	struct found f = {0};

	memset(ret, 0, sizeof *ret);
	if (region->len < VHDX_METADATA_TABLE)
		return err_set(err, ERR_CORRUPT, "metadata: a region of 0x%" PRIx64 " bytes", region->len);
	if (find_items(file, region, &f, err) < 0 || read_values(file, &f, ret, err) < 0)
		return -1;
	return ret->has_parent ? read_locator(file, &f.at[ITEM_PARENT], ret, err) : 0;
}

/* Adds an item behind those that are there and its entry; returns where its value goes. */
static unsigned char *add_item(unsigned char *region, enum item item, uint32_t flags)
{
	unsigned n = get_le16(region + VHDX_METADATA_AT_COUNT);
	unsigned char *entry = region + VHDX_METADATA_FIRST + (size_t)n * VHDX_METADATA_ENTRY;
	/* A place of 16 bytes each: enough for all of them. */
	uint32_t at = VHDX_METADATA_TABLE + n * VHDX_GUID;

	memcpy(entry, items[item].guid, VHDX_GUID);
	put_le32(entry + VHDX_METADATA_AT_OFFSET, at);
	put_le32(entry + VHDX_METADATA_AT_LENGTH, items[item].min);
	put_le32(entry + VHDX_METADATA_AT_FLAGS, flags | VHDX_METADATA_REQUIRED);
	put_le16(region + VHDX_METADATA_AT_COUNT, (uint16_t)(n + 1));
	return region + at;
}

void vhdx_metadata_make(const struct vhdx_metadata *m, bool fixed, const unsigned char id[VHDX_GUID],
			unsigned char *region)
{
	unsigned char *parameters;

	put_le64(region, get_le64(VHDX_METADATA_SIGNATURE));
	parameters = add_item(region, ITEM_PARAMETERS, 0);
	put_le32(parameters, m->block_size);
	put_le32(parameters + 4, fixed ? VHDX_LEAVE_ALLOCATED : 0);
	put_le64(add_item(region, ITEM_SIZE, VHDX_METADATA_OF_DISK), m->size);
	memcpy(add_item(region, ITEM_ID, VHDX_METADATA_OF_DISK), id, VHDX_GUID);
	put_le32(add_item(region, ITEM_LOGICAL, VHDX_METADATA_OF_DISK), m->logical_sector);
	put_le32(add_item(region, ITEM_PHYSICAL, VHDX_METADATA_OF_DISK), m->physical_sector);
}
