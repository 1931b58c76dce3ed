/* The structure check of images whose units are found through tables: every table and every unit inside the file, no
 * two of them in one place. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/mapped.h"

enum {
	PIECE_BYTES = 64 << 10,
	ENTRY_COST = 4, /* in work: each is asked of its format */
};

struct walk {
	struct mapped *m;
	const struct mapped_check *how;
	unsigned char *piece; /* of a table */
	struct err *why;      /* what is wrong with an entry; here, as making one for each takes longer than all else */
};

/* Compressed units stand side by side, byte by byte: only sectors that are all theirs can be claimed. */
static void claim_unit(struct check *c, const struct walk *w, const struct unit_place *p, uint64_t index, uint64_t at)
{
	uint64_t len = p->kind == UNIT_PACKED ? p->len : w->m->unit + w->how->in_front;
	uint64_t off = p->host - (p->kind == UNIT_PACKED ? 0 : w->how->in_front), end = off + len;

	if (p->kind == UNIT_PACKED) {
		off = div_round_up(off, w->how->unit) * w->how->unit;
		end = end / w->how->unit * w->how->unit;
	}
	if (off < end)
		check_claim(c, off, end - off, at, "%s %" PRIu64, w->m->unit_name, index);
}

static void check_entry(struct check *c, const struct walk *w, uint64_t index, const unsigned char *entry, uint64_t at)
{
	const struct mapped *m = w->m;
	uint64_t needed = min_u64(m->unit, m->b.size - index * m->unit);
	struct unit_place p = {0};

	if (m->place(m, index, entry, &p, w->why) < 0) {
		check_report(c, PROBLEM_ENTRY, at, "%s %" PRIu64 ": %s", m->unit_name, index, w->why->text);
		err_clear(w->why);
		return;
	}
	if (p.kind != UNIT_PLAIN && p.kind != UNIT_PACKED)
		return;
	if (!range_inside(p.host, p.kind == UNIT_PACKED ? p.len : needed, m->file->size))
		check_report(c, PROBLEM_OUTSIDE, at,
			     "%s %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: the file ends at 0x%" PRIx64,
			     m->unit_name, index, p.host, p.kind == UNIT_PACKED ? p.len : needed, m->file->size);
	else
		claim_unit(c, w, &p, index, at);
}

/* n entries from `first` on, which stand at `at`. */
static int check_table(struct check *c, const struct walk *w, uint64_t first, uint64_t n, uint64_t at, struct err *err)
{
	const uint32_t size = w->m->entry_size;

	for (uint64_t done = 0, here; done < n; done += here) {
		here = min_u64(n - done, PIECE_BYTES / size);
		if (check_spend(c, here * ENTRY_COST, err) < 0)
			return -1;
		if (block_pread(w->m->file, w->piece, here * size, at + done * size, err) < 0)
			return err_wrap(err, "%s", w->m->table);
		for (uint64_t i = 0; i < here; i++)
			check_entry(c, w, first + done + i, w->piece + i * size, at + (done + i) * size);
	}
	return 0;
}

static int walk_tables(struct check *c, void *opaque, struct err *err)
{
	const struct walk *w = opaque;
	const struct mapped *m = w->m;
	uint64_t units = mapped_units(m), per_table = m->directory ? m->per_table : units;

	for (size_t i = 0; i < sizeof w->how->own / sizeof *w->how->own; i++)
		check_claim(c, w->how->own[i].off, w->how->own[i].len, w->how->own[i].off, "%s", w->how->own[i].what);
	for (uint64_t t = 0; t * per_table < units; t++) {
		uint64_t at = m->directory ? m->directory[t] : m->table_at, len = per_table * m->entry_size;

		if (m->directory && !at)
			continue;
		if (!range_inside(at, len, m->file->size)) {
			check_report(c, PROBLEM_OUTSIDE, at,
				     "%s %" PRIu64 " at 0x%" PRIx64 " with 0x%" PRIx64
				     " bytes: the file ends at 0x%" PRIx64,
				     m->table, t, at, len, m->file->size);
			continue;
		}
		if (m->directory)
			check_claim(c, at, len, at, "%s %" PRIu64, m->table, t);
		if (check_table(c, w, t * per_table, min_u64(per_table, units - t * per_table), at, err) < 0)
			return -1;
	}
	return 0;
}

int mapped_check(struct mapped *m, const struct mapped_check *how, struct check *c, struct err *err)
{
	AUTO_FREE unsigned char *piece = malloc(PIECE_BYTES);
	struct err why = ERR_INIT;
	struct walk w = {.m = m, .how = how, .piece = piece, .why = &why};

	if (!piece)
		return err_nomem(err);
	return check_walk(c, m->file, how->base, how->unit, how->leaks, walk_tables, &w, err);
}
