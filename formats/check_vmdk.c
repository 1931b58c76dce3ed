/* The structure check of VMDK: every extent by its kind. Hosted sparse extents: grain directory, tables and grains, the
 * redundant tables, and the markers in front of compressed grains ("Virtual Disk Format 5.0").
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/vmdk_descriptor.h"
#include "formats/vmdk_esx.h"
#include "formats/vmdk_names.h"
#include "formats/vmdk_stream.h"

enum {
	ENTRY = 4,
	PIECE_ENTRIES = 16384,
};

struct walk {
	struct block *file;
	const struct vmdk_header *h; /* the footer's directory place, where that counts */
	uint64_t gd, rgd;	     /* bytes; rgd 0: there is none */
	uint64_t footer;	     /* bytes; 0: none */
	uint64_t grains, tables;
	unsigned char *table, *redundant; /* one table each */
};

/* ------------------------------------------------------------------------------------------------------- grains */

/* A compressed grain says itself which one it is, and how long. */
static int check_packed(struct check *c, const struct walk *w, uint64_t grain, uint64_t off, uint64_t at,
			struct err *err)
{
	unsigned char marker[VMDK_M_DATA];
	uint64_t sector, len;

	if (!range_inside(off, sizeof marker, w->file->size)) {
		check_report(c, PROBLEM_OUTSIDE, at, "grain %" PRIu64 " at 0x%" PRIx64 ": the file ends at 0x%" PRIx64,
			     grain, off, w->file->size);
		return 0;
	}
	if (check_spend(c, 0, err) < 0 || block_pread(w->file, marker, sizeof marker, off, err) < 0)
		return -1;
	sector = get_le64(marker);
	len = (uint64_t)get_le32(marker + VMDK_M_SIZE) + VMDK_M_DATA;
	if (sector != grain * w->h->grain)
		check_report(c, PROBLEM_ENTRY, off,
			     "marker of grain %" PRIu64 ": sector %" PRIu64 ", expected %" PRIu64, grain, sector,
			     grain * w->h->grain);
	if (len == VMDK_M_DATA || len > vmdk_stored_max(vmdk_grain_bytes(w->h)))
		check_report(c, PROBLEM_ENTRY, off,
			     "marker of grain %" PRIu64 ": %" PRIu64 " compressed bytes for a grain of %" PRIu64, grain,
			     len - VMDK_M_DATA, vmdk_grain_bytes(w->h));
	if (!range_inside(off, len, w->file->size))
		check_report(c, PROBLEM_OUTSIDE, off,
			     "grain %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64,
			     grain, off, len, w->file->size);
	else
		check_claim(c, off, len, at, "grain %" PRIu64, grain);
	return 0;
}

static int check_grain(struct check *c, const struct walk *w, uint64_t grain, uint32_t entry, uint64_t at,
		       struct err *err)
{
	uint64_t off = (uint64_t)entry * VMDK_SECTOR, size = vmdk_grain_bytes(w->h);
	uint64_t needed = min_u64(size, vmdk_capacity_bytes(w->h) - grain * size);

	if (!entry || (entry == VMDK_GTE_ZEROED && w->h->flags & VMDK_F_ZEROED))
		return 0;
	if (w->h->flags & VMDK_F_COMPRESSED)
		return check_packed(c, w, grain, off, at, err);
	if (!range_inside(off, needed, w->file->size))
		check_report(c, PROBLEM_OUTSIDE, at,
			     "grain %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64,
			     grain, off, needed, w->file->size);
	else
		check_claim(c, off, min_u64(size, w->file->size - off), at, "grain %" PRIu64, grain);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- tables */

/* Loads the table that the directory entry names; false when it isn't there or leads out of the file. As many entries
 * will be looked at. */
static int load_table(struct check *c, const struct walk *w, uint64_t index, uint32_t sector, uint64_t at,
		      const char *what, uint64_t entries, unsigned char *to, bool *ret, struct err *err)
{
	uint64_t off = (uint64_t)sector * VMDK_SECTOR, len = (uint64_t)w->h->gtes * ENTRY;

	*ret = false;
	if (!sector)
		return 0;
	if (!range_inside(off, len, w->file->size)) {
		check_report(c, PROBLEM_OUTSIDE, at,
			     "%s %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64,
			     what, index, off, len, w->file->size);
		return 0;
	}
	if (check_spend(c, entries, err) < 0)
		return -1;
	check_claim(c, off, len, at, "%s %" PRIu64, what, index);
	*ret = true;
	return block_pread(w->file, to, len, off, err) < 0 ? err_wrap(err, "%s %" PRIu64, what, index) : 0;
}

static int check_table(struct check *c, const struct walk *w, uint64_t index, uint32_t sector, uint64_t at, bool *ret,
		       struct err *err)
{
	uint64_t first = index * w->h->gtes, n = min_u64(w->h->gtes, w->grains - first);

	if (load_table(c, w, index, sector, at, "grain table", n, w->table, ret, err) < 0)
		return -1;
	for (uint64_t i = 0; *ret && i < n; i++)
		if (check_grain(c, w, first + i, get_le32(w->table + i * ENTRY),
				(uint64_t)sector * VMDK_SECTOR + i * ENTRY, err) < 0)
			return -1;
	return 0;
}

static int check_redundant(struct check *c, const struct walk *w, uint64_t index, uint32_t sector, uint64_t at,
			   bool loaded, struct err *err)
{
	uint64_t n = min_u64(w->h->gtes, w->grains - index * w->h->gtes);
	bool second;

	/* Compared as bytes, that takes less. */
	if (load_table(c, w, index, sector, at, "redundant grain table", n / 4, w->redundant, &second, err) < 0)
		return -1;
	if (loaded != second || (loaded && memcmp(w->table, w->redundant, n * ENTRY) != 0))
		check_report(c, PROBLEM_ENTRY, at,
			     "redundant grain table %" PRIu64 " at 0x%" PRIx64 ": not the same as the grain table",
			     index, (uint64_t)sector * VMDK_SECTOR);
	return 0;
}

static int load_directory(const struct walk *w, uint64_t at, uint64_t first, uint64_t n, unsigned char *to,
			  struct err *err)
{
	if (!at)
		return 0;
	return block_pread(w->file, to, n * ENTRY, at + first * ENTRY, err) < 0 ? err_wrap(err, "grain directory") : 0;
}

static int check_directories(struct check *c, const struct walk *w, unsigned char *gd, unsigned char *rgd,
			     struct err *err)
{
	for (uint64_t done = 0, n; done < w->tables; done += n) {
		n = min_u64(w->tables - done, PIECE_ENTRIES);
		if (load_directory(w, w->gd, done, n, gd, err) < 0 || load_directory(w, w->rgd, done, n, rgd, err) < 0)
			return -1;
		for (uint64_t i = 0; i < n; i++) {
			uint64_t index = done + i;
			bool loaded;

			if (check_table(c, w, index, get_le32(gd + i * ENTRY), w->gd + index * ENTRY, &loaded, err) < 0)
				return -1;
			if (w->rgd && check_redundant(c, w, index, get_le32(rgd + i * ENTRY), w->rgd + index * ENTRY,
						      loaded, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int walk_extent(struct check *c, void *opaque, struct err *err)
{
	const struct walk *w = opaque;
	AUTO_FREE unsigned char *gd = malloc((size_t)PIECE_ENTRIES * ENTRY),
				*rgd = malloc((size_t)PIECE_ENTRIES * ENTRY);

	if (!gd || !rgd)
		return err_nomem(err);
	check_claim(c, 0, VMDK_SECTOR, 0, "header");
	if (w->h->desc_size <= VMDK_DESCRIPTOR_MAX / VMDK_SECTOR && w->h->desc_offset <= UINT32_MAX)
		check_claim(c, w->h->desc_offset * VMDK_SECTOR, w->h->desc_size * VMDK_SECTOR, VMDK_H_DESC_OFFSET,
			    "descriptor");
	check_claim(c, w->footer, w->footer ? VMDK_SECTOR : 0, w->footer, "footer");
	check_claim(c, w->gd, w->tables * ENTRY, VMDK_H_GD, "grain directory");
	check_claim(c, w->rgd, w->rgd ? w->tables * ENTRY : 0, VMDK_H_RGD, "redundant grain directory");
	return check_directories(c, w, gd, rgd, err);
}

/* ------------------------------------------------------------------------------------------------------ extents */

static int find_directory(struct walk *w, struct vmdk_header *h, struct err *err)
{
	unsigned char sector[VMDK_SECTOR];
	uint64_t rgd;

	if (h->gd == VMDK_GD_AT_END && vmdk_stream_footer(w->file, h, &w->footer, err) < 0)
		return -1;
	if (h->gd == VMDK_GD_AT_END)
		return err_set(err, ERR_CORRUPT, "no footer at the end, which has the place of the grain directory");
	if (!mul_fits(h->gd, VMDK_SECTOR, &w->gd) || !w->gd || !range_inside(w->gd, w->tables * ENTRY, w->file->size))
		return err_set(err, ERR_CORRUPT,
			       "grain directory of %" PRIu64 " entries at sector 0x%" PRIx64
			       ": the file ends at 0x%" PRIx64,
			       w->tables, h->gd, w->file->size);
	if (!(h->flags & VMDK_F_REDUNDANT) || w->footer)
		return 0;
	if (block_pread(w->file, sector, sizeof sector, 0, err) < 0)
		return -1;
	rgd = get_le64(sector + VMDK_H_RGD);
	if (!mul_fits(rgd, VMDK_SECTOR, &w->rgd) || !range_inside(w->rgd, w->tables * ENTRY, w->file->size))
		return err_set(err, ERR_CORRUPT,
			       "redundant grain directory at sector 0x%" PRIx64 ": the file ends at 0x%" PRIx64, rgd,
			       w->file->size);
	return 0;
}

/* sectors: what the line of a descriptor says of it, 0: there is none. */
static int hosted_check(struct block *file, uint64_t sectors, struct check *c, struct err *err)
{
	AUTO_FREE unsigned char *table = malloc((size_t)VMDK_GTES_MAX * ENTRY),
				*redundant = malloc((size_t)VMDK_GTES_MAX * ENTRY);
	struct walk w = {.file = file, .table = table, .redundant = redundant};
	struct vmdk_header h;

	if (!table || !redundant)
		return err_nomem(err);
	if (vmdk_header_read(file, &h, err) < 0)
		return -1;
	if (h.capacity < sectors)
		check_report(c, PROBLEM_OUTSIDE, VMDK_H_CAPACITY,
			     "%" PRIu64 " sectors are stated, its header says %" PRIu64, sectors, h.capacity);
	w.h = &h;
	w.grains = div_round_up(h.capacity, h.grain);
	w.tables = div_round_up(w.grains, h.gtes);
	if (w.tables > VMDK_GD_ENTRIES_MAX)
		return err_set(err, ERR_CORRUPT, "header: %" PRIu64 " grain tables, the limit is %d", w.tables,
			       VMDK_GD_ENTRIES_MAX);
	if (find_directory(&w, &h, err) < 0)
		return -1;
	return check_walk(c, file, 0, VMDK_SECTOR, false, walk_extent, &w, err);
}

static int check_flat(const struct vmdk_extent_line *e, const struct block *file, struct check *c)
{
	uint64_t off;

	if (mul_fits(e->offset, VMDK_SECTOR, &off) && range_inside(off, e->sectors * VMDK_SECTOR, file->size))
		return 0;
	check_report(c, PROBLEM_OUTSIDE, 0, "%" PRIu64 " sectors from sector %" PRIu64 ": the file ends at 0x%" PRIx64,
		     e->sectors, e->offset, file->size);
	return 0;
}

static int check_extent(const struct open_args *args, const struct vmdk_extent_line *e, struct check *c,
			struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;

	if (e->access == VMDK_ACCESS_NOACCESS || e->type == VMDK_EXTENT_ZERO || e->type == VMDK_EXTENT_VMFSRAW ||
	    e->type == VMDK_EXTENT_VMFSRDM)
		return 0;
	if (vmdk_open_extent(args, e->file, e->file_bytes, &file, err) < 0)
		return -1;
	switch (e->type) {
	case VMDK_EXTENT_SPARSE:
		return hosted_check(file, e->sectors, c, err);
	case VMDK_EXTENT_VMFSSPARSE:
		return vmdk_cowd_check(file, c, err);
	case VMDK_EXTENT_SESPARSE:
		return vmdk_sesparse_check(file, c, err);
	case VMDK_EXTENT_FLAT:
	case VMDK_EXTENT_VMFS:
		return check_flat(e, file, c);
	case VMDK_EXTENT_ZERO:
	case VMDK_EXTENT_VMFSRDM:
	case VMDK_EXTENT_VMFSRAW:
	case VMDK_EXTENT_UNKNOWN:
		break;
	}
	return 0;
}

static int check_extents(const struct open_args *args, struct check *c, struct err *err)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d = {0};
	AUTO_FREE char *text = NULL;
	int ret = 0;

	if (args->file->size > VMDK_DESCRIPTOR_MAX)
		return err_set(err, ERR_CORRUPT, "descriptor: %" PRIu64 " bytes, the limit is %d", args->file->size,
			       VMDK_DESCRIPTOR_MAX);
	text = malloc(args->file->size + 1);
	if (!text)
		return err_nomem(err);
	if (block_pread(args->file, text, args->file->size, 0, err) < 0 ||
	    vmdk_descriptor_parse(text, args->file->size, &d, err) < 0)
		return -1;
	vmdk_descriptor_translate(&d, open_charset(args));
	VEC_FOR (e, &d.extents) {
		c->where = e->file;
		ret = check_extent(args, e, c, err);
		c->where = NULL;
		if (ret < 0)
			return err_wrap(err, "extent '%.200s'", e->file);
	}
	return 0;
}

int vmdk_check(const struct open_args *args, struct check *c, struct err *err)
{
	unsigned char magic[8] = {0};

	if (block_pread(args->file, magic, (size_t)min_u64(sizeof magic, args->file->size), 0, err) < 0)
		return -1;
	if (!memcmp(magic, VMDK_MAGIC, 4))
		return hosted_check(args->file, 0, c, err);
	if (!memcmp(magic, VMDK_COWD_MAGIC, 4))
		return vmdk_cowd_check(args->file, c, err);
	if (get_le64(magic) == VMDK_SESPARSE)
		return vmdk_sesparse_check(args->file, c, err);
	return check_extents(args, c, err);
}
