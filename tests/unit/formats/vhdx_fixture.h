/* VHDXs made by hand: any block states, sector bitmaps, parents, log entries and damage. */
#ifndef REHOST_TESTS_FORMATS_VHDX_FIXTURE_H
#define REHOST_TESTS_FORMATS_VHDX_FIXTURE_H

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/crc32c.h"
#include "core/base/uuid.h"
#include "formats/vhdx_header.h"
#include "tests/unit/formats/image_folder.h"

enum {
	FIX_LOG = 1 << 20, /* one MiB each */
	FIX_META = 2 << 20,
	FIX_BAT = 3 << 20,
	FIX_DATA = 4 << 20, /* blocks begin here */
	FIX_BLOCK = 1 << 20,
	FIX_MAX = 16 << 20,
	FIX_ITEMS = 64 << 10,  /* in the metadata region: 256 bytes an item */
	FIX_LOCATOR_AT = 4096, /* behind the first */
};

struct vhdx_fixture {
	unsigned char *data;
	size_t len;
	unsigned seed; /* of content and DataWriteGuid */
	unsigned keys; /* of the parent locator */
	unsigned text; /* bytes of the locator in use */
};

static inline unsigned char fixture_byte(unsigned seed, uint64_t off)
{
	return (unsigned char)(seed * 37 + off / 512 * 11 + off % 512) | 1;
}

static inline void fixture_sum(unsigned char *p, size_t len)
{
	put_le32(p + VHDX_AT_CHECKSUM, 0);
	put_le32(p + VHDX_AT_CHECKSUM, crc32c(0, p, len));
}

/* "2dc27766-f623-4200-9d64-115e9bfd4a08" as in the file. */
static inline void fixture_guid(unsigned char *to, const char *text)
{
	static const unsigned char place[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	unsigned byte;

	for (int i = 0; i < VHDX_GUID; i++, text += 2) {
		text += *text == '-';
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		to[place[i]] = (unsigned char)byte;
	}
}

static inline unsigned char *fixture_region(struct vhdx_fixture *f, unsigned i)
{
	return f->data + VHDX_REGIONS_1 + VHDX_REGION_FIRST + i * VHDX_REGION_ENTRY;
}

static inline void fixture_add_region(struct vhdx_fixture *f, unsigned i, const char *guid, uint64_t off, uint32_t len,
				      uint32_t flags)
{
	unsigned char *e = fixture_region(f, i);

	fixture_guid(e, guid);
	put_le64(e + VHDX_REGION_AT_OFFSET, off);
	put_le32(e + VHDX_REGION_AT_LENGTH, len);
	put_le32(e + VHDX_REGION_AT_FLAGS, flags);
	put_le32(f->data + VHDX_REGIONS_1 + VHDX_REGIONS_AT_COUNT, i + 1);
}

static inline unsigned char *fixture_item_entry(struct vhdx_fixture *f, unsigned i)
{
	return f->data + FIX_META + VHDX_METADATA_FIRST + i * VHDX_METADATA_ENTRY;
}

static inline unsigned char *fixture_item(struct vhdx_fixture *f, unsigned i)
{
	return f->data + FIX_META + FIX_ITEMS + i * 256;
}

static inline void fixture_add_item(struct vhdx_fixture *f, unsigned i, const char *guid, uint32_t len, uint32_t flags)
{
	unsigned char *e = fixture_item_entry(f, i);

	fixture_guid(e, guid);
	put_le32(e + VHDX_METADATA_AT_OFFSET, FIX_ITEMS + i * 256);
	put_le32(e + VHDX_METADATA_AT_LENGTH, len);
	put_le32(e + VHDX_METADATA_AT_FLAGS, flags);
	put_le16(f->data + FIX_META + VHDX_METADATA_AT_COUNT, (uint16_t)(i + 1));
}

static inline void fixture_headers(struct vhdx_fixture *f)
{
	unsigned char *h = f->data + VHDX_HEADER_1;

	memcpy(h, "head", 4);
	put_le64(h + VHDX_HEADER_AT_SEQUENCE, 7);
	memset(h + VHDX_HEADER_AT_DATA_WRITE, (int)f->seed, VHDX_GUID);
	put_le16(h + VHDX_HEADER_AT_VERSION, 1);
	put_le32(h + VHDX_HEADER_AT_LOG_LENGTH, 1 << 20);
	put_le64(h + VHDX_HEADER_AT_LOG_OFFSET, FIX_LOG);
}

/* An empty disk; blocks of 1 MiB. */
static inline void fixture_new(struct vhdx_fixture *f, uint64_t size, uint32_t sector, unsigned seed)
{
	*f = (struct vhdx_fixture){.data = calloc(1, FIX_MAX), .len = FIX_DATA, .seed = seed};
	memcpy(f->data, "vhdxfile", 8);
	fixture_headers(f);
	memcpy(f->data + VHDX_REGIONS_1, "regi", 4);
	fixture_add_region(f, 0, "2dc27766-f623-4200-9d64-115e9bfd4a08", FIX_BAT, 1 << 20, 1);
	fixture_add_region(f, 1, "8b7ca206-4790-4b9a-b8fe-575f050f886e", FIX_META, 1 << 20, 1);
	memcpy(f->data + FIX_META, "metadata", 8);
	fixture_add_item(f, 0, "caa16737-fa36-4d43-b3b6-33f0aa44e76b", 8, 4);
	fixture_add_item(f, 1, "2fa54224-cd1b-4876-b211-5dbed83bf4b8", 8, 6);
	fixture_add_item(f, 2, "8141bf1d-a96f-4709-ba47-f233a8faab5f", 4, 6);
	fixture_add_item(f, 3, "cda348c7-445d-4471-9cc9-e9885251c556", 4, 6);
	fixture_add_item(f, 4, "beca12ab-b2e6-4523-93ef-c309e000c746", 16, 6);
	put_le32(fixture_item(f, 0), FIX_BLOCK);
	put_le64(fixture_item(f, 1), size);
	put_le32(fixture_item(f, 2), sector);
	put_le32(fixture_item(f, 3), 4096);
}

/* The block table's entry with that index, without interleaving. */
static inline void fixture_entry(struct vhdx_fixture *f, uint64_t index, uint64_t value)
{
	put_le64(f->data + FIX_BAT + 8 * index, value);
}

/* Appends 1 MiB of the disk of f's seed for the block, in that state. */
static inline void fixture_block(struct vhdx_fixture *f, uint64_t block, uint64_t index, unsigned state)
{
	fixture_entry(f, index, f->len | state);
	for (uint64_t i = 0; i < FIX_BLOCK; i++)
		f->data[f->len + i] = fixture_byte(f->seed, block * FIX_BLOCK + i);
	f->len += FIX_BLOCK;
}

/* Appends a sector bitmap and returns it. */
static inline unsigned char *fixture_bitmap(struct vhdx_fixture *f, uint64_t index)
{
	fixture_entry(f, index, f->len | VHDX_FULL);
	f->len += VHDX_BITMAP_BLOCK;
	return f->data + f->len - VHDX_BITMAP_BLOCK;
}

static inline void fixture_parent_key(struct vhdx_fixture *f, const char *key, const char *value)
{
	unsigned char *item = fixture_item(f, 5) + FIX_LOCATOR_AT, *e;

	if (!f->keys) {
		fixture_add_item(f, 5, "a8d35f2d-b30b-454d-abf7-d3d84834ab0c", 4096, 4);
		put_le32(fixture_item_entry(f, 5) + VHDX_METADATA_AT_OFFSET, FIX_ITEMS + 5 * 256 + FIX_LOCATOR_AT);
		put_le32(fixture_item(f, 0) + 4, VHDX_HAS_PARENT);
		fixture_guid(item, "b04aefb7-d19e-4a81-b789-25b8e9445913");
		f->text = 1024;
	}
	e = item + VHDX_LOCATOR_FIRST + f->keys * VHDX_LOCATOR_ENTRY;
	put_le16(item + VHDX_LOCATOR_AT_COUNT, (uint16_t)++f->keys);
	put_le32(e, f->text);
	put_le16(e + 8, (uint16_t)(2 * strlen(key)));
	for (; *key; key++, f->text += 2)
		put_le16(item + f->text, (unsigned char)*key);
	put_le32(e + 4, f->text);
	put_le16(e + 10, (uint16_t)(2 * strlen(value)));
	for (; *value; value++, f->text += 2)
		put_le16(item + f->text, (unsigned char)*value);
}

/* The DataWriteGuid of a seed, as parent_linkage has it. */
static inline const char *fixture_linkage(unsigned seed)
{
	static char text[40];
	unsigned char guid[VHDX_GUID];

	memset(guid, (int)seed, sizeof guid);
	text[0] = '{';
	uuid_guid_text(guid, text + 1);
	strcat(text, "}");
	return text;
}

struct fixture_descriptor {
	uint64_t off, len; /* len 0: a page of data, else zeros */
	unsigned fill;	   /* byte of the page */
};

/* One entry at a sector of the log; returns the sector behind it. */
static inline unsigned fixture_log(struct vhdx_fixture *f, unsigned sector, uint64_t number, unsigned tail_sector,
				   const struct fixture_descriptor *d, unsigned n)
{
	unsigned char entry[64 << 10] = {0}, *ring = f->data + FIX_LOG;
	size_t len = align_up(VHDX_ENTRY + n * VHDX_DESCRIPTOR, VHDX_PAGE);

	memset(f->data + VHDX_HEADER_1 + VHDX_HEADER_AT_LOG_GUID, 0x77, VHDX_GUID);
	memcpy(entry, "loge", 4);
	put_le32(entry + VHDX_ENTRY_AT_TAIL, tail_sector * VHDX_PAGE);
	put_le64(entry + VHDX_ENTRY_AT_SEQUENCE, number);
	put_le32(entry + VHDX_ENTRY_AT_COUNT, n);
	memset(entry + VHDX_ENTRY_AT_GUID, 0x77, VHDX_GUID);
	put_le64(entry + VHDX_ENTRY_AT_FLUSHED, f->len);
	put_le64(entry + VHDX_ENTRY_AT_LAST, f->len);
	for (unsigned i = 0; i < n; i++) {
		unsigned char *e = entry + VHDX_ENTRY + i * VHDX_DESCRIPTOR;

		put_le64(e + VHDX_DESCRIPTOR_AT_OFFSET, d[i].off);
		put_le64(e + VHDX_DESCRIPTOR_AT_SEQUENCE, number);
		memcpy(e, d[i].len ? "zero" : "desc", 4);
		if (d[i].len) {
			put_le64(e + VHDX_ZERO_AT_LENGTH, d[i].len);
			continue;
		}
		memset(e + VHDX_DATA_AT_TRAILING, (int)d[i].fill, VHDX_TRAILING);
		memset(e + VHDX_DATA_AT_LEADING, (int)d[i].fill, VHDX_LEADING);
		memset(entry + len, (int)d[i].fill, VHDX_PAGE);
		memcpy(entry + len, "data", 4);
		put_le32(entry + len + VHDX_SECTOR_AT_HIGH, (uint32_t)(number >> 32));
		put_le32(entry + len + VHDX_SECTOR_AT_LOW, (uint32_t)number);
		len += VHDX_PAGE;
	}
	put_le32(entry + VHDX_ENTRY_AT_LENGTH, (uint32_t)len);
	fixture_sum(entry, len);
	for (size_t i = 0; i < len; i++)
		ring[(sector * VHDX_PAGE + i) % (1 << 20)] = entry[i];
	return (unsigned)((sector + len / VHDX_PAGE) % 256);
}

/* Sums everything, except what a test already made wrong on purpose: call it before that. */
static inline void fixture_seal(struct vhdx_fixture *f)
{
	fixture_sum(f->data + VHDX_HEADER_1, VHDX_HEADER);
	memcpy(f->data + VHDX_HEADER_2, f->data + VHDX_HEADER_1, VHDX_HEADER);
	put_le64(f->data + VHDX_HEADER_2 + VHDX_HEADER_AT_SEQUENCE, 6);
	fixture_sum(f->data + VHDX_HEADER_2, VHDX_HEADER);
	fixture_sum(f->data + VHDX_REGIONS_1, VHDX_REGIONS);
	memcpy(f->data + VHDX_REGIONS_2, f->data + VHDX_REGIONS_1, VHDX_REGIONS);
}

/* Writes the file, zeros as holes; frees. */
static inline void fixture_store(struct vhdx_fixture *f, struct image_folder *folder, const char *name)
{
	static const unsigned char zeros[65536];
	AUTO_FD int fd = openat(folder->folder.dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(ftruncate(fd, (off_t)f->len), 0);
	for (size_t at = 0; at < f->len; at += sizeof zeros) {
		size_t n = (size_t)min_u64(sizeof zeros, f->len - at);

		if (memcmp(f->data + at, zeros, n) != 0)
			assert_int_equal(file_pwrite(fd, f->data + at, n, at, NULL), 0);
	}
	free(f->data);
}

static inline void fixture_put(struct vhdx_fixture *f, struct image_folder *folder, const char *name)
{
	fixture_seal(f);
	fixture_store(f, folder, name);
}

#endif
