/* Reading of images whose units are found through tables. */
#include "formats/mapped.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "formats/facts.h"
#include "formats/resolve.h"
#include "formats/tables_once.h"

enum {
	TABLE_CACHE_BYTES = 4 << 20,
	INFLATED_BYTES = 2 << 20,
	PAGE_BYTES = 64 << 10,
	SKIPPED = 64, /* entries */
	TABLES_A_LOOK = 64,
};

/* Units of one kind in a row, cut by the caller's range. */
struct run {
	struct unit_place first;
	uint64_t len; /* bytes of the disk from the offset asked for */
};

static struct mapped *mapped(struct block *b)
{
	return (struct mapped *)b;
}

uint64_t mapped_units(const struct mapped *m)
{
	return div_round_up(m->b.size, m->unit);
}

uint64_t mapped_tables(const struct mapped *m)
{
	return div_round_up(mapped_units(m), m->per_table);
}

static uint64_t table_bytes(const struct mapped *m)
{
	return m->per_table * m->entry_size;
}

/* Pages are numbered through all tables, those that aren't there too. */
static uint64_t pages_per_table(const struct mapped *m)
{
	return div_round_up(m->per_table, m->per_page);
}

static int load_page(void *opaque, uint64_t page, unsigned char *data, struct err *err)
{
	struct mapped *m = opaque;
	uint64_t table = page / pages_per_table(m), first = page % pages_per_table(m) * m->per_page;
	uint64_t at = m->directory ? m->directory[table] : m->table_at;
	uint64_t n = min_u64(m->per_page, m->per_table - first);

	if (block_pread(m->file, data, n * m->entry_size, at + first * m->entry_size, err) < 0)
		return err_wrap(err, "%s", m->table);
	return 0;
}

static int check_directory(const struct mapped *m, struct err *err)
{
	for (uint64_t i = 0; i < mapped_tables(m); i++)
		if (m->directory[i] && !range_inside(m->directory[i], table_bytes(m), m->file->size))
			return err_set(err, ERR_CORRUPT,
				       "%s %" PRIu64 " of %" PRIu64 ": %" PRIu64 " bytes at 0x%" PRIx64
				       ": the file ends at 0x%" PRIx64,
				       m->table, i, mapped_tables(m), table_bytes(m), m->directory[i], m->file->size);
	return 0;
}

static int check_flat_table(const struct mapped *m, struct err *err)
{
	uint64_t bytes;

	if (mul_fits(mapped_units(m), m->entry_size, &bytes) && range_inside(m->table_at, bytes, m->file->size))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "%s: %" PRIu64 " entries of %u bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64, m->table,
		       mapped_units(m), m->entry_size, m->table_at, m->file->size);
}

int mapped_start(struct mapped *m, struct err *err)
{
	file_allow_length(m->file, FILE_LENGTH_MAX);
	if (!m->directory)
		m->per_table = mapped_units(m);
	m->per_page = min_u64(m->per_table, PAGE_BYTES / m->entry_size);
	if (m->directory ? check_directory(m, err) < 0 || tables_once(m->directory, mapped_tables(m), m->table, err) < 0
			 : check_flat_table(m, err) < 0)
		return -1;
	m->b.unit = (uint32_t)min_u64(m->unit, UINT32_MAX);
	if (m->codec) {
		m->inflated = unit_cache_new(m->unit, INFLATED_BYTES);
		if (!m->inflated)
			return err_nomem(err);
	}
	return page_cache_init(&m->pages, m->per_page * m->entry_size, TABLE_CACHE_BYTES, err);
}

void mapped_close(struct block *b)
{
	struct mapped *m = mapped(b);

	page_cache_done(&m->pages);
	unit_cache_free(m->inflated);
	block_close(m->parent);
	block_close(m->file);
	free(m->directory);
	free(m);
}

int mapped_give_up(struct mapped *m)
{
	m->file = NULL;
	mapped_close(&m->b);
	return -1;
}

enum { NAME_MAX_BYTES = 1023 /* of a backing file's name: QEMU's limit */ };

static bool is_name_inside(const struct block *file, uint64_t off, uint32_t len)
{
	return len <= NAME_MAX_BYTES && range_inside(off, len, file->size);
}

static int read_backing_name(const struct mapped *m, uint64_t off, uint32_t len, char ret[NAME_MAX_BYTES + 1],
			     struct err *err)
{
	memset(ret, 0, NAME_MAX_BYTES + 1);
	if (!is_name_inside(m->file, off, len))
		return err_set(err, ERR_CORRUPT,
			       "header: backing file name of %u bytes at 0x%" PRIx64
			       ": up to %d bytes in the file are possible",
			       len, off, NAME_MAX_BYTES);
	if (block_pread(m->file, ret, len, off, err) < 0)
		return err_wrap(err, "backing file name");
	if (strlen(ret) != len)
		return err_set(err, ERR_CORRUPT, "header: the backing file's name has a NUL in it");
	return 0;
}

int mapped_open_backing(struct mapped *m, const struct open_args *args, uint64_t off, uint32_t len,
			const struct format *format, struct err *err)
{
	char ref[NAME_MAX_BYTES + 1];

	if (read_backing_name(m, off, len, ref, err) < 0)
		return -1;
	if (image_open_parent(args, ref, format, &m->parent, err) < 0)
		return err_wrap(err, "backing file '%s'", ref);
	return 0;
}

int mapped_name_backing(struct block *file, uint64_t off, uint32_t len, struct image_facts *ret, struct err *err)
{
	char name[NAME_MAX_BYTES];

	if (!is_name_inside(file, off, len))
		return 0;
	if (block_pread(file, name, len, off, err) < 0)
		return -1;
	fact_text(ret->parent, sizeof ret->parent, name, len);
	return 0;
}

/* The bytes of a unit that the disk has. */
static uint64_t needed(const struct mapped *m, uint64_t index)
{
	return min_u64(m->unit, m->b.size - index * m->unit);
}

static int place_unit(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
		      struct err *err)
{
	uint64_t len;

	*ret = (struct unit_place){.kind = UNIT_UNKNOWN};
	if (m->place(m, index, entry, ret, err) < 0)
		return err_wrap(err, "%s: entry %" PRIu64, m->table, index);
	if (ret->kind != UNIT_PLAIN && ret->kind != UNIT_PACKED)
		return 0;
	len = ret->kind == UNIT_PACKED ? ret->len : needed(m, index);
	if (range_inside(ret->host, len, m->file->size))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "%s: entry %" PRIu64 ": %s of %" PRIu64 " bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64,
		       m->table, index, m->unit_name, len, ret->host, m->file->size);
}

static bool goes_on(const struct mapped *m, const struct unit_place *first, uint64_t n, const struct unit_place *next)
{
	if (next->kind != first->kind || next->kind == UNIT_PACKED)
		return false;
	return next->kind != UNIT_PLAIN || next->host == first->host + n * m->unit;
}

/* How many of up to `max` entries behind this one are the same as it, by dozens: sparse disks have millions that say
 * that nothing is there. */
static uint64_t skip_same(const struct mapped *m, const unsigned char *entry, uint64_t max)
{
	uint64_t n = 0;

	while (n + SKIPPED <= max && !memcmp(entry, entry + (n + 1) * m->entry_size, SKIPPED * m->entry_size))
		n += SKIPPED;
	return n;
}

/* The run that begins at off, as far as one page of a table tells. */
static int run_in_page(const struct mapped *m, const unsigned char *page, uint64_t off, uint64_t max, struct run *run,
		       struct err *err)
{
	uint64_t at = off / m->unit, inside = off % m->unit, n = 1, in_table = at % m->per_table;
	uint64_t left = min_u64(m->per_page - in_table % m->per_page, m->per_table - in_table);
	uint64_t end = min_u64(at + left, div_round_up(off + max, m->unit));
	const unsigned char *entry = page + in_table % m->per_page * m->entry_size;
	struct unit_place next;

	if (place_unit(m, at, entry, &run->first, err) < 0)
		return -1;
	if (run->first.kind == UNIT_ABSENT || run->first.kind == UNIT_ZERO)
		n += skip_same(m, entry, end - at - n);
	for (; at + n < end; n++) {
		if (place_unit(m, at + n, entry + n * m->entry_size, &next, err) < 0)
			return -1;
		if (!goes_on(m, &run->first, n, &next))
			break;
	}
	run->len = min_u64(max, n * m->unit - inside);
	if (run->first.kind == UNIT_PLAIN)
		run->first.host += inside;
	return 0;
}

/* What stands at [off, off+max), as far as it is of one kind; max > 0 inside the disk. */
static int next_run(struct mapped *m, uint64_t off, uint64_t max, struct run *run, struct err *err)
{
	uint64_t at = off / m->unit, table = at / m->per_table, absent = table;
	uint64_t last = (off + max - 1) / m->unit / m->per_table;
	AUTO(page_putp) struct page *page = NULL;

	/* The parent's runs may be short, and each asks again. */
	if (m->parent)
		last = min_u64(last, table + TABLES_A_LOOK);
	while (m->directory && absent <= last && !m->directory[absent])
		absent++;
	if (absent > table) {
		*run = (struct run){{.kind = UNIT_ABSENT}, min_u64(max, absent * m->per_table * m->unit - off)};
		return 0;
	}
	page =
	    page_cache_get(&m->pages, table * pages_per_table(m) + at % m->per_table / m->per_page, load_page, m, err);
	return page ? run_in_page(m, page->data, off, max, run, err) : -1;
}

static int inflate(const struct mapped *m, const struct unit_place *p, void *out, struct err *err)
{
	AUTO(decoder_freep) struct decoder *decoder = decoder_new();
	AUTO_FREE void *in = malloc(p->len);

	if (!decoder || !in)
		return err_nomem(err);
	if (block_pread(m->file, in, p->len, p->host, err) < 0)
		return -1;
	if (decoder_run(decoder, m->codec, in, p->len, out, m->unit, err) < 0)
		return err_wrap(err, "compressed %s of up to %" PRIu64 " bytes at 0x%" PRIx64, m->unit_name, p->len,
				p->host);
	return 0;
}

/* A whole unit goes straight into the caller's buffer, a part through the cache. */
static int read_packed(struct mapped *m, const struct unit_place *p, void *buf, size_t len, uint64_t off,
		       struct err *err)
{
	uint64_t index = off / m->unit, inside = off % m->unit;
	AUTO_FREE void *whole = NULL;

	if (len == m->unit)
		return inflate(m, p, buf, err);
	if (unit_cache_read(m->inflated, index, inside, len, buf))
		return 0;
	whole = malloc(m->unit);
	if (!whole)
		return err_nomem(err);
	if (inflate(m, p, whole, err) < 0)
		return -1;
	memcpy(buf, (unsigned char *)whole + inside, len);
	unit_cache_put(m->inflated, index, &whole);
	return 0;
}

static int read_absent(struct mapped *m, unsigned char *buf, uint64_t len, uint64_t off, struct err *err)
{
	uint64_t size = m->parent ? m->parent->size : 0, have = off < size ? min_u64(len, size - off) : 0;

	memset(buf + have, 0, len - have);
	return have ? block_pread(m->parent, buf, have, off, err) : 0;
}

static int read_run(struct mapped *m, const struct run *run, unsigned char *buf, uint64_t off, struct err *err)
{
	switch (run->first.kind) {
	case UNIT_ABSENT:
		return read_absent(m, buf, run->len, off, err);
	case UNIT_ZERO:
		memset(buf, 0, run->len);
		return 0;
	case UNIT_PLAIN:
		return block_pread(m->file, buf, run->len, run->first.host, err);
	case UNIT_PACKED:
		return read_packed(m, &run->first, buf, run->len, off, err);
	case UNIT_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "%s of no kind at 0x%" PRIx64, m->unit_name, off);
}

int mapped_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct mapped *m = mapped(b);
	unsigned char *to = buf;
	struct run run;

	for (; len; to += run.len, off += run.len, len -= run.len)
		if (next_run(m, off, len, &run, err) < 0 || read_run(m, &run, to, off, err) < 0)
			return -1;
	return 0;
}

int mapped_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct mapped *m = mapped(b);
	struct run run;

	if (next_run(m, off, max, &run, err) < 0)
		return -1;
	if (run.first.kind == UNIT_PLAIN)
		return block_place(m->file, run.first.host, run.len, ret, err);
	if (run.first.kind == UNIT_ABSENT && m->parent && off < m->parent->size)
		return block_place(m->parent, off, min_u64(run.len, m->parent->size - off), ret, err);
	return 0;
}

static int absent_extent(struct mapped *m, struct extent *ret, struct err *err)
{
	ret->kind = EXTENT_HOLE;
	if (!m->parent || ret->off >= m->parent->size)
		return 0;
	return block_extent(m->parent, ret->off, min_u64(ret->len, m->parent->size - ret->off), ret, err);
}

/* Units of a preallocated image are often holes of the file. */
static int plain_extent(struct mapped *m, uint64_t host, struct extent *ret, struct err *err)
{
	struct extent e;

	if (block_extent(m->file, host, ret->len, &e, err) < 0)
		return -1;
	ret->len = e.len;
	ret->kind = e.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
	return 0;
}

int mapped_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct mapped *m = mapped(b);
	struct run run;

	if (next_run(m, off, max, &run, err) < 0)
		return -1;
	*ret = (struct extent){.off = off, .len = run.len, .kind = EXTENT_DATA};
	switch (run.first.kind) {
	case UNIT_ABSENT:
		return absent_extent(m, ret, err);
	case UNIT_ZERO:
		ret->kind = EXTENT_ZERO;
		return 0;
	case UNIT_PLAIN:
		return plain_extent(m, run.first.host, ret, err);
	case UNIT_PACKED:
	case UNIT_UNKNOWN:
		break;
	}
	return 0;
}
