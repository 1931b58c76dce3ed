/* The structure check of VHDX: headers, log and regions as for reading, and the whole block table ([MS-VHDX] 2.5). */
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/vhdx_log.h"

enum { PIECE_BYTES = 64 << 10 };

struct walk {
	struct block *source; /* the file as it is after its log */
	struct vhdx_regions *regions;
	struct vhdx_metadata *m;
	uint64_t blocks, ratio; /* how many; in a chunk, which has one sector bitmap */
	unsigned char *piece;
};

static bool is_bitmap(const struct walk *w, uint64_t index)
{
	return index % (w->ratio + 1) == w->ratio;
}

static void place(struct check *c, const struct walk *w, uint64_t entry, uint64_t len, uint64_t needed, uint64_t at,
		  const char *what, uint64_t n)
{
	uint64_t off = entry & ~UINT64_C(0xfffff);

	if (!range_inside(off, needed, w->source->size))
		check_report(c, PROBLEM_OUTSIDE, at,
			     "%s %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64,
			     what, n, off, needed, w->source->size);
	else
		check_claim(c, off, len, at, "%s %" PRIu64, what, n);
}

/* Without a parent a bitmap's entry means nothing. */
static void check_bitmap(struct check *c, const struct walk *w, uint64_t index, uint64_t entry, uint64_t at)
{
	unsigned state = entry & VHDX_BAT_STATE;

	if (!w->m->has_parent || state == VHDX_NOT_PRESENT)
		return;
	if (state != VHDX_FULL)
		check_report(c, PROBLEM_ENTRY, at,
			     "sector bitmap %" PRIu64 ": state %u, expected 0 (not there) or 6 (there)",
			     index / (w->ratio + 1), state);
	else
		place(c, w, entry, VHDX_BITMAP_BLOCK, VHDX_BITMAP_BLOCK, at, "sector bitmap", index / (w->ratio + 1));
}

static void check_block(struct check *c, const struct walk *w, uint64_t index, uint64_t entry, uint64_t at)
{
	uint64_t n = index - index / (w->ratio + 1), size = w->m->block_size;
	unsigned state = entry & VHDX_BAT_STATE;

	if (n >= w->blocks)
		return;
	switch ((enum vhdx_state)state) {
	case VHDX_NOT_PRESENT:
	case VHDX_UNDEFINED:
	case VHDX_ZERO:
	case VHDX_UNMAPPED:
		return;
	case VHDX_PARTIAL:
		if (!w->m->has_parent)
			check_report(c, PROBLEM_ENTRY, at,
				     "block %" PRIu64 ": partially present, but the disk has no parent", n);
		/* fall through */
	case VHDX_FULL:
		place(c, w, entry, size, min_u64(size, w->m->size - n * size), at, "block", n);
		return;
	}
	check_report(c, PROBLEM_ENTRY, at, "block %" PRIu64 ": state %u, expected 0 to 3, 6 or 7", n, state);
}

/* A partial block needs its chunk's bitmap; both are in the table, up to a chunk apart, so it is looked up. */
static int check_partial(struct check *c, const struct walk *w, uint64_t index, uint64_t entry, uint64_t at,
			 struct err *err)
{
	uint64_t bitmap = (index / (w->ratio + 1) + 1) * (w->ratio + 1) - 1;
	unsigned char raw[VHDX_BAT_ENTRY];

	if ((entry & VHDX_BAT_STATE) != VHDX_PARTIAL || !w->m->has_parent ||
	    (bitmap + 1) * VHDX_BAT_ENTRY > w->regions->bat.len)
		return 0;
	if (check_spend(c, 1, err) < 0 ||
	    block_pread(w->source, raw, sizeof raw, w->regions->bat.off + bitmap * VHDX_BAT_ENTRY, err) < 0)
		return -1;
	if ((get_le64(raw) & VHDX_BAT_STATE) != VHDX_FULL)
		check_report(c, PROBLEM_ENTRY, at,
			     "block %" PRIu64 ": partially present, but its sector bitmap is not there",
			     index - index / (w->ratio + 1));
	return 0;
}

static int check_piece(struct check *c, const struct walk *w, uint64_t first, uint64_t n, struct err *err)
{
	for (uint64_t i = first; i < first + n; i++) {
		uint64_t entry = get_le64(w->piece + (i - first) * VHDX_BAT_ENTRY);
		uint64_t at = w->regions->bat.off + i * VHDX_BAT_ENTRY;

		if (!entry)
			continue;
		if (is_bitmap(w, i))
			check_bitmap(c, w, i, entry, at);
		else
			check_block(c, w, i, entry, at);
		if (!is_bitmap(w, i) && check_partial(c, w, i, entry, at, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_table(struct check *c, void *opaque, struct err *err)
{
	const struct walk *w = opaque;
	uint64_t chunks = div_round_up(w->blocks, w->ratio);
	uint64_t entries = w->m->has_parent ? chunks * (w->ratio + 1) : w->blocks + (w->blocks - 1) / w->ratio;

	for (size_t i = 0; i < w->regions->n; i++)
		check_claim(c, w->regions->all[i].off, w->regions->all[i].len, w->regions->all[i].off, "region");
	if (entries > w->regions->bat.len / VHDX_BAT_ENTRY) {
		check_report(c, PROBLEM_ENTRY, w->regions->bat.off,
			     "block table of 0x%" PRIx64 " bytes: %" PRIu64 " entries are needed", w->regions->bat.len,
			     entries);
		entries = w->regions->bat.len / VHDX_BAT_ENTRY;
	}
	for (uint64_t done = 0, n; done < entries; done += n) {
		n = min_u64(entries - done, PIECE_BYTES / VHDX_BAT_ENTRY);
		if (check_spend(c, n, err) < 0)
			return -1;
		if (block_pread(w->source, w->piece, n * VHDX_BAT_ENTRY, w->regions->bat.off + done * VHDX_BAT_ENTRY,
				err) < 0)
			return err_wrap(err, "block table");
		if (check_piece(c, w, done, n, err) < 0)
			return -1;
	}
	return 0;
}

static int check_tables(const struct vhdx_header *header, struct walk *w, struct check *c, struct err *err)
{
	AUTO_FREE struct vhdx_regions *regions = calloc(1, sizeof *regions);
	AUTO_FREE struct vhdx_metadata *metadata = calloc(1, sizeof *metadata);
	AUTO_FREE unsigned char *piece = malloc(PIECE_BYTES);

	if (!regions || !metadata || !piece)
		return err_nomem(err);
	w->regions = regions;
	w->m = metadata;
	w->piece = piece;
	if (vhdx_regions_read(w->source, header, regions, err) < 0 ||
	    vhdx_metadata_read(w->source, &regions->metadata, metadata, err) < 0)
		return -1;
	if (w->source->size > VHDX_FILE_MAX)
		return err_set(err, ERR_UNSUPPORTED, "a file of %" PRIu64 " bytes, the limit is 128 TiB",
			       w->source->size);
	w->blocks = div_round_up(metadata->size, metadata->block_size);
	w->ratio = (uint64_t)VHDX_CHUNK_SECTORS * metadata->logical_sector / metadata->block_size;
	return check_walk(c, w->source, 0, VHDX_MIB, false, walk_table, w, err);
}

int vhdx_check(const struct open_args *args, struct check *c, struct err *err)
{
	AUTO(block_closep) struct block *overlay = NULL;
	struct walk w = {.source = args->file};
	struct vhdx_header header;

	if (vhdx_header_read(args->file, &header, err) < 0)
		return -1;
	if (header.has_log && vhdx_log_replay(args->file, &header, &overlay, err) < 0)
		return err_wrap(err, "log");
	if (overlay)
		w.source = overlay;
	return check_tables(&header, &w, c, err);
}
