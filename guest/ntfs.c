/* The state in which Windows left an NTFS volume: the flags of $Volume and the restart page of $LogFile. */
#include "guest/ntfs.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"

/* Boot sector */
enum { BOOT_SIZE = 512, BOOT_NAME = 3, BOOT_SECTOR = 0x0b, BOOT_CLUSTER = 0x0d, BOOT_MFT = 0x30, BOOT_RECORD = 0x40 };

/* File records and their attributes */
enum {
	RECORD_MAX = 4096,
	RECORD_FIXUPS = 4,
	RECORD_NFIXUPS = 6,
	RECORD_FIRST = 0x14,
	RECORD_LOGFILE = 2,
	RECORD_VOLUME = 3,
	ATTR_LENGTH = 4,
	ATTR_NONRESIDENT = 8,
	ATTR_VALUE_LENGTH = 0x10,
	ATTR_VALUE = 0x14,
	ATTR_RUNS = 0x20,
	ATTR_HEAD = 0x18,
	ATTR_DATA = 0x80,
	ATTR_VOLUME_INFORMATION = 0x70,
	VOLUME_IS_DIRTY = 1,
	SECTOR = 512,
};

/* $LogFile's restart page and area */
enum {
	PAGE_SIZE_AT = 16,
	PAGE_AREA_AT = 24,
	PAGE_HEAD = 30,
	PAGE_MAX = 4096, /* as much of it is looked at: the area stands at its beginning */
	AREA_IN_USE = 12,
	AREA_FLAGS = 14,
	AREA_HEAD = 16,
	NO_CLIENT = 0xffff,
	IS_CLEAN = 2,
};

struct ntfs {
	ntfs_reader *read;
	void *opaque;
	uint64_t cluster, mft; /* bytes */
	uint32_t record;
	uint8_t bytes[RECORD_MAX]; /* a file record */
};

/* A size as a count of units, or as the power of two that a negative number names. */
static uint64_t size_of(uint8_t v, uint64_t unit)
{
	if (v < 0x80)
		return v * unit;
	return v > 0xe0 ? UINT64_C(1) << (0x100 - v) : 0;
}

static int read_boot(struct ntfs *n, struct err *err)
{
	uint8_t b[BOOT_SIZE];
	uint64_t sector;

	if (n->read(n->opaque, 0, sizeof b, b, err) < 0)
		return -1;
	if (memcmp(b + BOOT_NAME, "NTFS    ", 8) != 0)
		return err_set(err, ERR_CORRUPT, "no NTFS: its boot sector says '%.8s'", (const char *)b + BOOT_NAME);
	sector = get_le16(b + BOOT_SECTOR);
	n->cluster = size_of(b[BOOT_CLUSTER], sector);
	n->record = (uint32_t)size_of(b[BOOT_RECORD], n->cluster);
	if (!is_pow2(sector) || sector < SECTOR || sector > RECORD_MAX || !is_pow2(n->cluster) || !is_pow2(n->record) ||
	    n->record < SECTOR || n->record > RECORD_MAX || get_le64(b + BOOT_MFT) > INT64_MAX / n->cluster)
		return err_set(err, ERR_CORRUPT,
			       "NTFS: sectors of %" PRIu64 ", clusters of %" PRIu64 " and records of %" PRIu32
			       " bytes aren't possible",
			       sector, n->cluster, n->record);
	n->mft = get_le64(b + BOOT_MFT) * n->cluster;
	return 0;
}

/* The last two bytes of every sector are kept in the head of the record; a number stands in their place. */
static bool undo_fixups(struct ntfs *n)
{
	uint32_t at = get_le16(n->bytes + RECORD_FIXUPS), count = get_le16(n->bytes + RECORD_NFIXUPS);

	if (count != n->record / SECTOR + 1 || !range_inside(at, 2 * (uint64_t)count, n->record))
		return false;
	for (uint32_t i = 1; i < count; i++) {
		uint8_t *end = n->bytes + (size_t)i * SECTOR - 2;

		if (memcmp(end, n->bytes + at, 2) != 0)
			return false;
		memcpy(end, n->bytes + at + (size_t)2 * i, 2);
	}
	return true;
}

static int read_record(struct ntfs *n, unsigned number, struct err *err)
{
	if (n->read(n->opaque, n->mft + (uint64_t)number * n->record, n->record, n->bytes, err) < 0)
		return err_wrap(err, "NTFS: file record %u", number);
	if (memcmp(n->bytes, "FILE", 4) != 0 || !undo_fixups(n))
		return err_set(err, ERR_CORRUPT, "NTFS: file record %u at 0x%" PRIx64 " is damaged", number,
			       n->mft + (uint64_t)number * n->record);
	return 0;
}

/* The record's first attribute of a type, NULL none; *ret_len: its length. */
static const uint8_t *attribute(const struct ntfs *n, uint32_t type, uint32_t *ret_len)
{
	uint32_t at = get_le16(n->bytes + RECORD_FIRST);

	while (range_inside(at, ATTR_HEAD, n->record)) {
		const uint8_t *a = n->bytes + at;

		*ret_len = get_le32(a + ATTR_LENGTH);
		if (get_le32(a) == UINT32_MAX || *ret_len < ATTR_HEAD || !range_inside(at, *ret_len, n->record))
			return NULL;
		if (get_le32(a) == type)
			return a;
		at += *ret_len;
	}
	return NULL;
}

static int read_flags(struct ntfs *n, struct ntfs_state *ret, struct err *err)
{
	uint32_t len, value;
	const uint8_t *a;

	if (read_record(n, RECORD_VOLUME, err) < 0)
		return -1;
	a = attribute(n, ATTR_VOLUME_INFORMATION, &len);
	value = a ? get_le16(a + ATTR_VALUE) : 0;
	if (!a || a[ATTR_NONRESIDENT] || !range_inside(value, 12, len))
		return err_set(err, ERR_CORRUPT, "NTFS: the volume has no information about itself");
	ret->major = a[value + 8];
	ret->minor = a[value + 9];
	ret->dirty = get_le16(a + value + 10) & VOLUME_IS_DIRTY;
	return 0;
}

/* Where a file's first bytes lie on the volume: its data's first run. */
static bool first_run(const uint8_t *a, uint32_t len, uint64_t cluster, uint64_t *ret_off, uint64_t *ret_len)
{
	uint32_t at = get_le16(a + ATTR_RUNS);
	unsigned lengths, offsets;
	uint64_t count = 0, start = 0;

	if (len < ATTR_RUNS + 2 || !range_inside(at, 1, len))
		return false;
	lengths = a[at] & 15;
	offsets = a[at] >> 4;
	if (!lengths || lengths > 7 || !offsets || offsets > 7 || !range_inside(at + 1, lengths + offsets, len))
		return false;
	for (unsigned i = lengths; i--;)
		count = count << 8 | a[at + 1 + i];
	for (unsigned i = offsets; i--;)
		start = start << 8 | a[at + 1 + lengths + i];
	return mul_fits(start, cluster, ret_off) && mul_fits(count, cluster, ret_len);
}

/* Does a restart page tell that nobody has the volume mounted? *ret_lsn: how new it is. False: it is none. */
static bool read_restart(const uint8_t *page, uint64_t *ret_lsn, bool *ret_clean)
{
	uint32_t area = get_le16(page + PAGE_AREA_AT);

	if (memcmp(page, "RSTR", 4) != 0 || !range_inside(area, AREA_HEAD, PAGE_MAX))
		return false;
	*ret_lsn = get_le64(page + area);
	*ret_clean =
	    get_le16(page + area + AREA_IN_USE) == NO_CLIENT || (get_le16(page + area + AREA_FLAGS) & IS_CLEAN);
	return true;
}

/* Two pages are written in turn, and the newer counts. A log that was never used, or that chkdsk emptied, is clean. */
static int judge_log(struct ntfs *n, uint64_t off, uint64_t len, struct ntfs_state *ret, struct err *err)
{
	uint8_t page[PAGE_MAX];
	uint64_t lsn, lsn2;
	uint32_t second;
	bool clean, clean2;

	if (len < PAGE_MAX)
		return 0;
	if (n->read(n->opaque, off, sizeof page, page, err) < 0)
		return err_wrap(err, "NTFS: $LogFile");
	if (!read_restart(page, &lsn, &clean))
		return 0;
	second = get_le32(page + PAGE_SIZE_AT);
	ret->unfinished = !clean;
	if (!is_pow2(second) || !range_inside(second, PAGE_MAX, len))
		return 0;
	if (n->read(n->opaque, off + second, sizeof page, page, err) < 0)
		return err_wrap(err, "NTFS: $LogFile");
	if (read_restart(page, &lsn2, &clean2) && lsn2 > lsn)
		ret->unfinished = !clean2;
	return 0;
}

static int read_log(struct ntfs *n, struct ntfs_state *ret, struct err *err)
{
	uint64_t off, bytes;
	uint32_t len;
	const uint8_t *a;

	if (read_record(n, RECORD_LOGFILE, err) < 0)
		return -1;
	a = attribute(n, ATTR_DATA, &len);
	if (!a || !a[ATTR_NONRESIDENT] || !first_run(a, len, n->cluster, &off, &bytes))
		return err_set(err, ERR_CORRUPT, "NTFS: $LogFile has no data");
	return judge_log(n, off, bytes, ret, err);
}

int ntfs_state_read(ntfs_reader *read, void *opaque, struct ntfs_state *ret, struct err *err)
{
	struct ntfs n = {.read = read, .opaque = opaque};

	*ret = (struct ntfs_state){0};
	return read_boot(&n, err) < 0 || read_flags(&n, ret, err) < 0 ? -1 : read_log(&n, ret, err);
}

/* "wake" and zeros stand there once it was started again. */
bool hibernation_is_held(const uint8_t *head, size_t len)
{
	return len >= 4 && strncasecmp((const char *)head, "hibr", 4) == 0;
}
