/* The structure check of VHD: both footers, and every block with its sector bitmap ("Block Allocation Table and Data
 * Blocks"). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/vhd_header.h"

enum { PIECE_BYTES = 64 << 10, TABLE_ENTRY = 4 };

struct walk {
	struct block *file;
	const struct vhd_footer *footer;
	struct vhd_header h;
	uint64_t size, end; /* bytes: of the disk; of the file in front of the footer */
	unsigned char *piece;
};

static void check_entry(struct check *c, const struct walk *w, uint64_t i, uint32_t sector, uint64_t at)
{
	uint64_t off = (uint64_t)sector * VHD_SECTOR;
	uint64_t len = w->h.bitmap + min_u64(w->h.block_size, w->size - i * w->h.block_size);

	if (!range_inside(off, len, w->end))
		check_report(c, PROBLEM_OUTSIDE, at,
			     "block %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64
			     " bytes: the file's data ends at 0x%" PRIx64,
			     i, off, len, w->end);
	else
		check_claim(c, off, w->h.bitmap + w->h.block_size, at, "block %" PRIu64, i);
}

static int walk_table(struct check *c, void *opaque, struct err *err)
{
	const struct walk *w = opaque;
	uint64_t blocks = min_u64(div_round_up(w->size, w->h.block_size), w->h.entries);

	check_claim(c, 0, VHD_FOOTER, 0, "copy of the footer");
	check_claim(c, w->end, w->file->size - w->end, w->end, "footer");
	check_claim(c, w->footer->data_offset, VHD_HEADER, w->footer->data_offset, "dynamic header");
	check_claim(c, w->h.table, (uint64_t)w->h.entries * TABLE_ENTRY, w->h.table, "block table");
	for (uint64_t done = 0, n; done < blocks; done += n) {
		n = min_u64(blocks - done, PIECE_BYTES / TABLE_ENTRY);
		if (check_spend(c, n, err) < 0)
			return -1;
		if (block_pread(w->file, w->piece, n * TABLE_ENTRY, w->h.table + done * TABLE_ENTRY, err) < 0)
			return err_wrap(err, "block table");
		for (uint64_t i = 0; i < n; i++) {
			uint32_t sector = get_be32(w->piece + i * TABLE_ENTRY);

			if (sector != VHD_UNUSED)
				check_entry(c, w, done + i, sector, w->h.table + (done + i) * TABLE_ENTRY);
		}
	}
	return 0;
}

/* The copy at the start of a dynamic disk is the footer, byte for byte. */
static int compare_footers(struct check *c, const struct walk *w, struct err *err)
{
	unsigned char first[VHD_FOOTER], last[VHD_FOOTER];
	size_t len = (size_t)min_u64(VHD_FOOTER, w->file->size - w->end);

	if (!w->footer->at) {
		check_report(c, PROBLEM_ENTRY, w->end,
			     "footer at the end: damaged or cut off, only its copy at the start is there");
		return 0;
	}
	if (block_pread(w->file, first, sizeof first, 0, err) < 0 || block_pread(w->file, last, len, w->end, err) < 0)
		return -1;
	if (memcmp(first, last, len) != 0)
		check_report(c, PROBLEM_ENTRY, 0, "copy of the footer at 0x0: differs from the footer at 0x%" PRIx64,
			     w->end);
	return 0;
}

static int check_sparse(struct walk *w, struct check *c, struct err *err)
{
	unsigned char *piece;
	uint64_t room;
	const char *rule;
	int ret;

	if (vhd_header_read(w->file, w->footer, false, &w->h, err) < 0)
		return -1;
	room = (uint64_t)w->h.entries * w->h.block_size;
	w->size = vhd_size(w->footer, room, &rule);
	if (w->size > room)
		check_report(c, PROBLEM_ENTRY, w->h.table,
			     "block table: %" PRIu32 " blocks of %" PRIu32 " bytes for a disk of %" PRIu64 " bytes",
			     w->h.entries, w->h.block_size, w->size);
	if (compare_footers(c, w, err) < 0)
		return -1;
	w->piece = piece = malloc(PIECE_BYTES);
	if (!piece)
		return err_nomem(err);
	ret = check_walk(c, w->file, 0, VHD_SECTOR, false, walk_table, w, err);
	w->piece = NULL;
	free(piece);
	return ret;
}

int vhd_check(const struct open_args *args, struct check *c, struct err *err)
{
	struct walk w = {.file = args->file};
	struct vhd_footer footer;
	const char *rule;

	if (vhd_footer_read(args->file, false, &footer, err) < 0)
		return -1;
	w.footer = &footer;
	w.end = footer.at ? footer.at : args->file->size;
	if (footer.type != VHD_FIXED)
		return check_sparse(&w, c, err);
	if (vhd_size(&footer, w.end, &rule) > w.end)
		check_report(c, PROBLEM_OUTSIDE, footer.at,
			     "footer: a fixed disk of %" PRIu64 " bytes, the footer begins at 0x%" PRIx64,
			     vhd_size(&footer, w.end, &rule), w.end);
	return 0;
}
