/* How the appliance's block devices lie on the disks. */
#include "guest/blockmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"

enum {
	DEVICES_MAX = 8192,   /* twice the volumes that are looked at */
	STRETCHES_MAX = 4096, /* of one device: LVM makes one a segment */
	DEPTH_MAX = 16,	      /* a partition, in a group, in an encrypted volume …; a loop ends here */
	STEPS_MAX = 1 << 20,  /* of one search: more than any tree of that size has */
};

void blockmap_done(struct blockmap *m)
{
	arena_done(&m->arena);
	*m = (struct blockmap){0};
}

static struct blockmap_device *by_number(const struct blockmap *m, unsigned major, unsigned minor)
{
	VEC_FOR (d, &m->devices)
		if (d->major == major && d->minor == minor)
			return d;
	return NULL;
}

/* ---- reading ---- */

static int add_device(struct blockmap *m, const char *line)
{
	struct blockmap_device d = {0};
	char name[64];

	if (sscanf(line, "B %63s %u:%u %" SCNu64 " %d", name, &d.major, &d.minor, &d.size, &d.disk) != 5 ||
	    m->devices.n == DEVICES_MAX)
		return -1;
	d.name = arena_strdup(&m->arena, name);
	*vec_push(&m->arena, &m->devices) = d;
	return 0;
}

static int add_stretch(struct blockmap *m, unsigned major, unsigned minor, const struct blockmap_stretch *s)
{
	struct blockmap_device *d = by_number(m, major, minor);
	uint64_t end;

	if (!d || d->stretches.n == STRETCHES_MAX || !add_fits(s->at, s->len, &end) ||
	    !add_fits(s->under, s->len, &end))
		return -1;
	*vec_push(&m->arena, &d->stretches) = *s;
	return 0;
}

static int add_partition(struct blockmap *m, const char *line)
{
	struct blockmap_stretch s = {0};
	unsigned major, minor;
	const struct blockmap_device *d;

	if (sscanf(line, "P %u:%u %" SCNu64 " %u:%u", &major, &minor, &s.under, &s.major, &s.minor) != 5)
		return -1;
	d = by_number(m, major, minor);
	s.len = d ? d->size : 0;
	return add_stretch(m, major, minor, &s);
}

/* dm-linear: DEVICE OFFSET; dm-crypt: CIPHER KEY IV-OFFSET DEVICE OFFSET (kernel's device-mapper documentation). */
static int add_mapping(struct blockmap *m, const char *line)
{
	struct blockmap_stretch s = {0};
	unsigned major, minor;
	char target[32];
	int used = 0, got;

	if (sscanf(line, "T %u:%u %" SCNu64 " %" SCNu64 " %31s %n", &major, &minor, &s.at, &s.len, target, &used) !=
		5 ||
	    !used)
		return -1;
	if (!strcmp(target, "linear"))
		got = sscanf(line + used, "%u:%u %" SCNu64, &s.major, &s.minor, &s.under);
	else if (!strcmp(target, "crypt"))
		got = sscanf(line + used, "%*s %*s %*s %u:%u %" SCNu64, &s.major, &s.minor, &s.under);
	else
		return 0;
	return got == 3 ? add_stretch(m, major, minor, &s) : -1;
}

static int add_line(struct blockmap *m, const char *line)
{
	switch (*line) {
	case 'B':
		return add_device(m, line);
	case 'P':
		return add_partition(m, line);
	case 'T':
		return add_mapping(m, line);
	default:
		return -1;
	}
}

int blockmap_parse(const char *text, struct blockmap *ret, struct err *err)
{
	char *copy = arena_strdup(&ret->arena, text), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (add_line(ret, line) < 0)
			return err_set(err, ERR_CORRUPT, "the appliance's block devices: '%.200s' is not understood",
				       line);
	return 0;
}

/* ---- finding ---- */

const char *blockmap_name(struct blockmap *m, unsigned disk, unsigned partition)
{
	VEC_FOR (d, &m->devices)
		if (d->disk == (int)disk)
			return partition ? arena_printf(&m->arena, "%s%u", d->name, partition) : d->name;
	return NULL;
}

struct finding_pieces {
	const struct blockmap *m;
	unsigned disk;
	uint64_t off, end; /* on the disk */
	struct blockmap_piece *ret;
	size_t n;
	unsigned steps;
};

static void add_overlap(struct finding_pieces *f, uint64_t at, uint64_t len, uint64_t top)
{
	uint64_t from = max_u64(at, f->off), to = min_u64(at + len, f->end);

	if (from < to && f->n < BLOCKMAP_PIECES_MAX)
		f->ret[f->n++] = (struct blockmap_piece){.at = top + (from - at), .len = to - from};
}

/* Sectors at … at+len-1 of d are sectors top … of the volume asked for. */
static void descend(struct finding_pieces *f, const struct blockmap_device *d, uint64_t at, uint64_t len, uint64_t top,
		    unsigned depth)
{
	if (d && d->disk == (int)f->disk)
		add_overlap(f, at, len, top);
	if (!d || depth == DEPTH_MAX || f->steps++ >= STEPS_MAX)
		return;
	VEC_FOR (s, &d->stretches) {
		uint64_t from = max_u64(at, s->at), to = min_u64(at + len, s->at + s->len);

		if (from < to)
			descend(f, by_number(f->m, s->major, s->minor), s->under + (from - s->at), to - from,
				top + (from - at), depth + 1);
	}
}

size_t blockmap_find(const struct blockmap *m, const char *name, unsigned disk, uint64_t off, uint64_t len,
		     struct blockmap_piece ret[BLOCKMAP_PIECES_MAX])
{
	struct finding_pieces f = {.m = m, .disk = disk, .off = off, .ret = ret};

	if (!add_fits(off, len, &f.end))
		return 0;
	VEC_FOR (d, &m->devices)
		if (!strcmp(d->name, name))
			descend(&f, d, 0, d->size, 0, 0);
	return f.n;
}
