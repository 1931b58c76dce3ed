/* MBR partition tables, and which kind of table a disk has. */
#include "formats/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/partition_gpt.h"

enum {
	MBR_BYTES = 512,
	MBR_ID = 440,
	MBR_TABLE = 446,
	MBR_SIGNATURE = 510,
	ENTRY = 16,
	ENTRIES = 4,
	TYPE_GPT = 0xee,
	/* Linux stops at 256 minors; sfdisk and Windows make no more than about 60. */
	LOGICAL_MAX = 256,
};

struct entry {
	uint8_t flag, type;
	uint32_t first, sectors;
};

static bool has_type(const struct partition_table *t, const char *type)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].type, type))
			return true;
	return false;
}

bool partition_table_has_esp(const struct partition_table *t)
{
	return has_type(t, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b") || has_type(t, "0xef");
}

bool partition_table_is_uefi(const struct partition_table *t)
{
	return partition_table_has_esp(t) && !has_type(t, "21686148-6449-6e6f-744e-656564454649");
}

bool partition_boot_code(struct block *b)
{
	static const uint8_t none[MBR_ID];
	struct err err = ERR_INIT;
	uint8_t sector[MBR_BYTES];

	return b->size >= sizeof sector && block_pread(b, sector, sizeof sector, 0, &err) == 0 &&
	       get_le16(sector + MBR_SIGNATURE) == 0xaa55 && memcmp(sector, none, sizeof none) != 0;
}

const char *partition_scheme_name(enum partition_scheme scheme)
{
	static const char *const names[] = {[PARTITION_UNKNOWN] = "unknown",
					    [PARTITION_NONE] = "none",
					    [PARTITION_MBR] = "mbr",
					    [PARTITION_GPT] = "gpt"};

	return names[scheme];
}

struct partition *partition_add(struct partition_table *t)
{
	struct partition *v = reallocarray(t->v, t->n + 1, sizeof *v);

	if (!v)
		return NULL;
	t->v = v;
	v[t->n] = (struct partition){0};
	return &v[t->n++];
}

int partition_place(struct block *b, const struct partition_table *t, struct partition *p, uint64_t first,
		    uint64_t sectors, struct err *err)
{
	if (!mul_fits(first, t->sector, &p->start) || p->start >= b->size)
		return err_set(err, ERR_CORRUPT,
			       "partition %u begins at sector %" PRIu64 " of %u bytes, the disk has %" PRIu64 " bytes",
			       p->index, first, t->sector, b->size);
	if (!mul_fits(sectors, t->sector, &p->len) || p->len > b->size - p->start) {
		p->len = b->size - p->start;
		p->cut = true;
	}
	return 0;
}

static struct entry entry_at(const unsigned char *mbr, int i)
{
	const unsigned char *e = mbr + MBR_TABLE + i * ENTRY;

	return (struct entry){e[0], e[4], get_le32(e + 8), get_le32(e + 12)};
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static bool in_use(const struct entry *e)
{
	return e->type && e->sectors;
}

static bool signed_sector(const unsigned char *mbr)
{
	return get_le16(mbr + MBR_SIGNATURE) == 0xaa55;
}

/* The boot sector of a FAT or NTFS file system ends with the same signature; code stands where the table would be. */
static bool has_table(const unsigned char *mbr)
{
	if (!signed_sector(mbr) || !memcmp(mbr + 3, "NTFS    ", 8) || !memcmp(mbr + 3, "EXFAT   ", 8) ||
	    !memcmp(mbr + 54, "FAT", 3) || !memcmp(mbr + 82, "FAT32", 5))
		return false;
	for (int i = 0; i < ENTRIES; i++)
		if (entry_at(mbr, i).flag & 0x7f)
			return false;
	return true;
}

static int add_entry(struct block *b, struct partition_table *t, const struct entry *e, unsigned index, uint64_t offset,
		     struct err *err)
{
	struct partition *p = partition_add(t);

	if (!p)
		return err_nomem(err);
	p->index = index;
	p->container = is_extended(e->type);
	p->bootable = e->flag & 0x80;
	snprintf(p->type, sizeof p->type, "0x%02x", e->type);
	snprintf(p->partuuid, sizeof p->partuuid, "%.8s-%02x", t->id, index);
	return partition_place(b, t, p, offset + e->first, e->sectors, err);
}

/* Adds the logical partitions of one extended boot record; *next is where the following one is, 0 at the end. Links
 * count from the start of the extended partition, partitions from their own record. */
static int read_record(struct block *b, struct partition_table *t, uint64_t start, uint64_t at, unsigned *index,
		       uint64_t *next, struct err *err)
{
	unsigned char sector[MBR_BYTES];

	*next = 0;
	if (!range_inside(at * t->sector, sizeof sector, b->size))
		return err_set(err, ERR_CORRUPT,
			       "logical partition %u: its record at sector %" PRIu64
			       " is behind the end of the disk (%" PRIu64 " bytes)",
			       *index, at, b->size);
	if (block_pread(b, sector, sizeof sector, at * t->sector, err) < 0)
		return -1;
	for (int i = 0; i < ENTRIES && signed_sector(sector); i++) {
		struct entry e = entry_at(sector, i);

		if (!in_use(&e))
			continue;
		if (is_extended(e.type))
			*next = *next ? *next : start + e.first;
		else if (add_entry(b, t, &e, (*index)++, at, err) < 0)
			return -1;
	}
	return 0;
}

static int read_logical(struct block *b, struct partition_table *t, uint64_t start, unsigned *index, struct err *err)
{
	uint64_t at = start;

	for (int records = 0; at; records++) {
		if (records == LOGICAL_MAX)
			return err_set(err, ERR_CORRUPT, "more than %d logical partitions: their chain loops",
				       LOGICAL_MAX);
		if (read_record(b, t, start, at, index, &at, err) < 0)
			return -1;
	}
	return 0;
}

static int read_mbr(struct block *b, struct partition_table *t, const unsigned char *mbr, struct err *err)
{
	unsigned logical = ENTRIES + 1;

	t->scheme = PARTITION_MBR;
	snprintf(t->id, sizeof t->id, "%08" PRIx32, get_le32(mbr + MBR_ID));
	for (int i = 0; i < ENTRIES; i++) {
		struct entry e = entry_at(mbr, i);

		if (in_use(&e) && add_entry(b, t, &e, (unsigned)i + 1, 0, err) < 0)
			return -1;
	}
	for (int i = 0; i < ENTRIES; i++) {
		struct entry e = entry_at(mbr, i);

		if (in_use(&e) && is_extended(e.type) && read_logical(b, t, e.first, &logical, err) < 0)
			return -1;
	}
	return 0;
}

/* What is trimmed in one must not be data of the other. */
static int check_overlap(const struct partition_table *t, struct err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct partition *a = &t->v[k], *z = &t->v[i];

			if (a->container || z->container || a->start >= z->start + z->len ||
			    z->start >= a->start + a->len)
				continue;
			return err_set(err, ERR_CORRUPT, "partitions %u and %u overlap at 0x%" PRIx64, a->index,
				       z->index, max_u64(a->start, z->start));
		}
	}
	return 0;
}

static int read_table(struct block *b, struct partition_table *t, struct err *err)
{
	unsigned char mbr[MBR_BYTES];
	bool gpt = false;

	if (b->size < sizeof mbr)
		return 0;
	if (block_pread(b, mbr, sizeof mbr, 0, err) < 0)
		return -1;
	if (!has_table(mbr))
		return 0;
	for (int i = 0; i < ENTRIES; i++)
		gpt = gpt || entry_at(mbr, i).type == TYPE_GPT;
	if (gpt ? gpt_read(b, t, err) < 0 : read_mbr(b, t, mbr, err) < 0)
		return -1;
	return check_overlap(t, err);
}

int partition_table_read(struct block *b, struct partition_table *ret, struct err *err)
{
	*ret = (struct partition_table){.scheme = PARTITION_NONE, .sector = b->logical_sector};
	return read_table(b, ret, err) < 0 ? err_wrap(err, "partition table of '%s'", b->name) : 0;
}

void partition_table_done(struct partition_table *t)
{
	free(t->v);
	*t = (struct partition_table){0};
}
