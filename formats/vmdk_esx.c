/* Extents of ESXi snapshots. COWD is in VMware's "Virtual Disk Format 5.0", section "ESX Server Sparse Extents";
 * seSparse is not documented: the layout is what QEMU reads. Little endian, places in sectors of 512 bytes.
 */
#include "formats/vmdk_esx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/mapped.h"
#include "formats/vmdk_layout.h"

/* COWD: fields of the header, 32 bits each, and its tables. */
enum {
	COWD_VERSION = 4,
	COWD_CAPACITY = 12,
	COWD_GRAIN = 16,
	COWD_GD = 20,
	COWD_GD_ENTRIES = 24,
	COWD_HEADER_SECTORS = 4,
	COWD_GTES = 4096,
	COWD_GRAIN_MAX = 2048, /* sectors; ESXi writes 1 */
};

/* seSparse: fields of the constant header, 64 bits each. */
enum {
	SE_VERSION = 8,
	SE_CAPACITY = 16,
	SE_GRAIN = 24,
	SE_TABLE = 32,
	SE_FLAGS = 40,
	SE_VOLATILE = 80,
	SE_GD = 128,
	SE_GD_SIZE = 136,
	SE_TABLES = 144,
	SE_TABLES_SIZE = 152,
	SE_GRAINS = 192,

	/* The volatile header. */
	SE_V_REPLAY = 24,

	SE_GRAIN_SECTORS = 8,
	SE_TABLE_SECTORS = 64,
	SE_GTES = 4096,
};

#define SE_VERSION_2_1	  UINT64_C(0x200000001)
#define SE_VOLATILE_MAGIC UINT64_C(0xcafecafe)
#define SE_GD_ALLOCATED	  UINT64_C(0x10000000) /* upper half of a directory entry; the lower one is an index */

enum se_grain { SE_ABSENT = 0, SE_UNMAPPED, SE_ZERO, SE_ALLOCATED };

struct sesparse {
	struct mapped m;
	uint64_t grains_at; /* bytes */
};

static const struct block_ops cowd_ops = {
    .name = "vmdk COWD extent",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

static const struct block_ops sesparse_ops = {
    .name = "vmdk seSparse extent",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

static int read_sector(struct block *file, uint64_t sector, unsigned char *ret, const char *what, struct err *err)
{
	uint64_t off;

	if (!mul_fits(sector, VMDK_SECTOR, &off) || !range_inside(off, VMDK_SECTOR, file->size))
		return err_set(err, ERR_CORRUPT, "%s at sector 0x%" PRIx64 ": the file ends at 0x%" PRIx64, what,
			       sector, file->size);
	return block_pread(file, ret, VMDK_SECTOR, off, err) < 0 ? err_wrap(err, "%s", what) : 0;
}

static int check_capacity(uint64_t sectors, struct err *err)
{
	if (sectors && sectors <= VMDK_DISK_MAX / VMDK_SECTOR)
		return 0;
	return err_set(err, ERR_CORRUPT, "header: a capacity of %" PRIu64 " sectors, expected 1 sector to 64 TiB",
		       sectors);
}

/* Reads a directory of as many entries as the disk needs, of size bytes each; *ret is malloc'ed. Entries are counted by
 * the caller: at most 64 TiB in tables of 2 MiB (COWD) or 16 MiB (seSparse). */
static int read_directory(const struct mapped *m, uint64_t sector, uint64_t stated, uint32_t size, unsigned char **ret,
			  struct err *err)
{
	uint64_t n = mapped_tables(m), off;

	if (stated < n)
		return err_set(err, ERR_CORRUPT,
			       "header: a grain directory of %" PRIu64 " entries, %" PRIu64 " are needed", stated, n);
	if (!mul_fits(sector, VMDK_SECTOR, &off) || !range_inside(off, n * size, m->file->size))
		return err_set(err, ERR_CORRUPT,
			       "grain directory: %" PRIu64 " bytes at sector 0x%" PRIx64
			       ": the file ends at 0x%" PRIx64,
			       n * size, sector, m->file->size);
	*ret = malloc(n * size);
	if (!*ret)
		return err_nomem(err);
	return block_pread(m->file, *ret, n * size, off, err) < 0 ? err_wrap(err, "grain directory") : 0;
}

static int cowd_place(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
		      struct err *err)
{
	uint32_t sector = get_le32(entry);

	if (!sector) {
		ret->kind = UNIT_ABSENT;
		return 0;
	}
	if (sector < COWD_HEADER_SECTORS)
		return err_set(err, ERR_CORRUPT, "sector %u: that is inside the header", sector);
	ret->kind = UNIT_PLAIN;
	ret->host = (uint64_t)sector * VMDK_SECTOR;
	return 0;
}

static int cowd_check(const unsigned char *h, struct err *err)
{
	uint32_t grain = get_le32(h + COWD_GRAIN);

	if (memcmp(h, VMDK_COWD_MAGIC, 4) != 0)
		return err_set(err, ERR_CORRUPT, "header: begins with %02x %02x %02x %02x, not with COWD", h[0], h[1],
			       h[2], h[3]);
	if (get_le32(h + COWD_VERSION) != 1)
		return err_set(err, ERR_UNSUPPORTED, "header: version %u, only 1 is known", get_le32(h + COWD_VERSION));
	if (check_capacity(get_le32(h + COWD_CAPACITY), err) < 0)
		return -1;
	if (!is_pow2(grain) || grain > COWD_GRAIN_MAX)
		return err_set(err, ERR_CORRUPT, "header: a grain of %u sectors, expected a power of two up to %d",
			       grain, COWD_GRAIN_MAX);
	return 0;
}

static int cowd_directory(struct mapped *m, const unsigned char *h, struct err *err)
{
	uint64_t n = mapped_tables(m);
	AUTO_FREE unsigned char *raw = NULL;

	if (read_directory(m, get_le32(h + COWD_GD), get_le32(h + COWD_GD_ENTRIES), 4, &raw, err) < 0)
		return -1;
	m->directory = malloc(n * sizeof *m->directory);
	if (!m->directory)
		return err_nomem(err);
	for (uint64_t i = 0; i < n; i++)
		m->directory[i] = (uint64_t)get_le32(raw + 4 * i) * VMDK_SECTOR;
	return 0;
}

/* Everything but mapped_start(); NULL after an error. */
static struct mapped *cowd_new(struct block *file, unsigned char h[VMDK_SECTOR], struct err *err)
{
	struct mapped *m;

	if (read_sector(file, 0, h, "header", err) < 0 || cowd_check(h, err) < 0)
		return NULL;
	m = calloc(1, sizeof *m);
	if (!m)
		return err_null(err, ERR_INTERNAL, "out of memory");
	*m = (struct mapped){
	    .file = file,
	    .unit = (uint64_t)get_le32(h + COWD_GRAIN) * VMDK_SECTOR,
	    .entry_size = 4,
	    .per_table = COWD_GTES,
	    .place = cowd_place,
	    .table = "grain table",
	    .unit_name = "grain",
	};
	block_init(&m->b, &cowd_ops, file->name, (uint64_t)get_le32(h + COWD_CAPACITY) * VMDK_SECTOR);
	if (cowd_directory(m, h, err) == 0)
		return m;
	mapped_give_up(m);
	return NULL;
}

int vmdk_cowd_open(struct block *file, struct block **ret, struct err *err)
{
	unsigned char h[VMDK_SECTOR];
	struct mapped *m = cowd_new(file, h, err);

	if (!m)
		return -1;
	if (mapped_start(m, err) < 0)
		return mapped_give_up(m);
	*ret = &m->b;
	return 0;
}

int vmdk_cowd_check(struct block *file, struct check *c, struct err *err)
{
	unsigned char h[VMDK_SECTOR];
	struct mapped *m = cowd_new(file, h, err);
	struct mapped_check how;
	int ret;

	if (!m)
		return -1;
	how = (struct mapped_check){
	    .unit = VMDK_SECTOR,
	    .own = {{0, COWD_HEADER_SECTORS * VMDK_SECTOR, "header"},
		    {(uint64_t)get_le32(h + COWD_GD) * VMDK_SECTOR, mapped_tables(m) * 4, "grain directory"}},
	};
	ret = mapped_check(m, &how, c, err);
	mapped_give_up(m);
	return ret;
}

/* The number of an allocated grain has its lowest 12 bits on top. */
static uint64_t se_grain_number(uint64_t entry)
{
	return (entry & UINT64_C(0x0fff000000000000)) >> 48 | (entry & UINT64_C(0x0000ffffffffffff)) << 12;
}

static int sesparse_place(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
			  struct err *err)
{
	uint64_t e = get_le64(entry);

	switch ((enum se_grain)(e >> 60)) {
	case SE_ABSENT:
		if (e)
			break;
		ret->kind = UNIT_ABSENT;
		return 0;
	case SE_UNMAPPED: /* discarded by the guest */
	case SE_ZERO:
		ret->kind = UNIT_ZERO;
		return 0;
	case SE_ALLOCATED:
		ret->kind = UNIT_PLAIN;
		if (!mul_fits(se_grain_number(e), m->unit, &ret->host) ||
		    !add_fits(ret->host, ((const struct sesparse *)m)->grains_at, &ret->host))
			ret->host = UINT64_MAX;
		return 0;
	}
	return err_set(err, ERR_CORRUPT, "0x%016" PRIx64 " is no grain", e);
}

/* What a crashed host left to be replayed is in a journal of unknown form. */
static int sesparse_check_journal(struct block *file, const unsigned char *h, struct err *err)
{
	unsigned char v[VMDK_SECTOR];

	if (read_sector(file, get_le64(h + SE_VOLATILE), v, "volatile header", err) < 0)
		return -1;
	if (get_le64(v) != SE_VOLATILE_MAGIC)
		return err_set(err, ERR_CORRUPT, "volatile header: begins with 0x%" PRIx64 ", not with 0xcafecafe",
			       get_le64(v));
	if (get_le64(v + SE_V_REPLAY))
		return err_set(err, ERR_UNSUPPORTED,
			       "its journal was not replayed: the host crashed; start and stop the machine in VMware, "
			       "or consolidate its snapshots");
	return 0;
}

static int sesparse_check(struct block *file, const unsigned char *h, struct err *err)
{
	if (get_le64(h) != VMDK_SESPARSE)
		return err_set(err, ERR_CORRUPT, "header: begins with 0x%" PRIx64 ", not with 0xcafebabe", get_le64(h));
	if (get_le64(h + SE_VERSION) != SE_VERSION_2_1)
		return err_set(err, ERR_UNSUPPORTED, "header: version 0x%" PRIx64 ", only 0x200000001 (2.1) is known",
			       get_le64(h + SE_VERSION));
	if (get_le64(h + SE_GRAIN) != SE_GRAIN_SECTORS || get_le64(h + SE_TABLE) != SE_TABLE_SECTORS)
		return err_set(err, ERR_UNSUPPORTED,
			       "header: grains of %" PRIu64 " and tables of %" PRIu64
			       " sectors, only 8 and 64 are known",
			       get_le64(h + SE_GRAIN), get_le64(h + SE_TABLE));
	if (get_le64(h + SE_FLAGS))
		return err_set(err, ERR_UNSUPPORTED, "header: flags 0x%" PRIx64 ", none is known",
			       get_le64(h + SE_FLAGS));
	if (check_capacity(get_le64(h + SE_CAPACITY), err) < 0)
		return -1;
	return sesparse_check_journal(file, h, err);
}

/* The place of a table from its entry in the directory; tables of a bad one lie beyond any file. */
static int sesparse_table(const unsigned char *h, uint64_t i, uint64_t entry, uint64_t *ret, struct err *err)
{
	uint64_t sector;

	*ret = 0;
	if (!entry)
		return 0;
	if (entry >> 32 != SE_GD_ALLOCATED)
		return err_set(err, ERR_CORRUPT, "grain directory: entry %" PRIu64 ": 0x%016" PRIx64 " is no table", i,
			       entry);
	if ((uint32_t)entry >= get_le64(h + SE_TABLES_SIZE) / SE_TABLE_SECTORS)
		return err_set(err, ERR_CORRUPT, "grain directory: entry %" PRIu64 ": table %u of %" PRIu64, i,
			       (uint32_t)entry, get_le64(h + SE_TABLES_SIZE) / SE_TABLE_SECTORS);
	if (!add_fits((uint64_t)(uint32_t)entry * SE_TABLE_SECTORS, get_le64(h + SE_TABLES), &sector) ||
	    !mul_fits(sector, VMDK_SECTOR, ret) || !*ret)
		return err_set(err, ERR_CORRUPT, "header: grain tables at sector 0x%" PRIx64, get_le64(h + SE_TABLES));
	return 0;
}

static int sesparse_directory(struct mapped *m, const unsigned char *h, struct err *err)
{
	uint64_t n = mapped_tables(m);
	uint64_t stated = min_u64(get_le64(h + SE_GD_SIZE), n) * (VMDK_SECTOR / 8);
	AUTO_FREE unsigned char *raw = NULL;

	if (read_directory(m, get_le64(h + SE_GD), stated, 8, &raw, err) < 0)
		return -1;
	m->directory = malloc(n * sizeof *m->directory);
	if (!m->directory)
		return err_nomem(err);
	for (uint64_t i = 0; i < n; i++)
		if (sesparse_table(h, i, get_le64(raw + 8 * i), &m->directory[i], err) < 0)
			return -1;
	return 0;
}

/* Everything but mapped_start(); NULL after an error. */
static struct sesparse *sesparse_new(struct block *file, unsigned char h[VMDK_SECTOR], struct err *err)
{
	struct sesparse *s;

	if (read_sector(file, 0, h, "header", err) < 0 || sesparse_check(file, h, err) < 0)
		return NULL;
	s = calloc(1, sizeof *s);
	if (!s)
		return err_null(err, ERR_INTERNAL, "out of memory");
	s->m = (struct mapped){
	    .file = file,
	    .unit = SE_GRAIN_SECTORS * VMDK_SECTOR,
	    .entry_size = 8,
	    .per_table = SE_GTES,
	    .place = sesparse_place,
	    .table = "grain table",
	    .unit_name = "grain",
	};
	block_init(&s->m.b, &sesparse_ops, file->name, get_le64(h + SE_CAPACITY) * VMDK_SECTOR);
	if (!mul_fits(get_le64(h + SE_GRAINS), VMDK_SECTOR, &s->grains_at))
		err_record(err, ERR_CORRUPT, "header: grains at sector 0x%" PRIx64, get_le64(h + SE_GRAINS));
	else if (sesparse_directory(&s->m, h, err) == 0)
		return s;
	mapped_give_up(&s->m);
	return NULL;
}

int vmdk_sesparse_open(struct block *file, struct block **ret, struct err *err)
{
	unsigned char h[VMDK_SECTOR];
	struct sesparse *s = sesparse_new(file, h, err);

	if (!s)
		return -1;
	if (mapped_start(&s->m, err) < 0)
		return mapped_give_up(&s->m);
	*ret = &s->m.b;
	return 0;
}

/* Grains are told apart in 4 KiB when tables and grains are aligned alike, as ESXi makes them. */
int vmdk_sesparse_check(struct block *file, struct check *c, struct err *err)
{
	unsigned char h[VMDK_SECTOR];
	struct sesparse *s = sesparse_new(file, h, err);
	struct mapped_check how;
	uint64_t gd, tables;
	int ret;

	if (!s)
		return -1;
	gd = get_le64(h + SE_GD) * VMDK_SECTOR;
	tables = get_le64(h + SE_TABLES) * VMDK_SECTOR;
	how = (struct mapped_check){
	    .unit = (gd | tables | s->grains_at) % s->m.unit ? VMDK_SECTOR : s->m.unit,
	    .own = {{0, VMDK_SECTOR, "header"}, {gd, mapped_tables(&s->m) * 8, "grain directory"}},
	};
	ret = mapped_check(&s->m, &how, c, err);
	mapped_give_up(&s->m);
	return ret;
}
