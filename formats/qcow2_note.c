/* Resume of a qcow2 image: what an earlier run wrote, as a text for its journal, and the taking over of it.
 *
 * A note is "q2 BITS" and then runs in the order of the guest's clusters, numbers in hex but for BITS:
 *     zN            N clusters of zeros
 *     pOFF+N        N plain clusters, one behind the other from OFF in the file
 *     cOFF:L,L,…    compressed clusters from OFF on, with the length of each
 * "q2 16 z4 p1f0000+1a c390000:5a3,61f": about 170 bytes for 2 MiB of compressed 64 KiB clusters.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/grow.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

struct text {
	char *at;
	size_t left; /* bytes with the NUL */
	bool cut;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left) {
		t->cut = true;
		return;
	}
	t->at += n;
	t->left -= (size_t)n;
}

/* How many clusters from first on are zeros, or plain and one behind the other in the file. */
static uint64_t plain_run(const struct qcow2_writer *w, uint64_t first, uint64_t end)
{
	uint64_t entry = qcow2_map_get(&w->map, first), step = entry ? w->cluster : 0, n = 1;

	while (first + n < end && qcow2_map_get(&w->map, first + n) == entry + n * step)
		n++;
	return n;
}

/* Writes a run of compressed clusters; returns how many. Where the next one begins, the one before ends; the last
 * one's length is that of its sectors. */
static uint64_t add_packed_run(const struct qcow2_writer *w, struct text *t, uint64_t first, uint64_t end)
{
	uint64_t host, len, next = 0, next_len = 0, n = 0;

	qcow2_compressed_range(w->cluster_bits, qcow2_map_get(&w->map, first), &host, &len);
	text_add(t, " c%" PRIx64, host);
	for (bool more = true; more; n++) {
		uint64_t entry = first + n + 1 < end ? qcow2_map_get(&w->map, first + n + 1) : 0;

		more = entry & QCOW2_COMPRESSED;
		if (more) {
			qcow2_compressed_range(w->cluster_bits, entry, &next, &next_len);
			more = next > host && next <= host + len && host + len - next < QCOW2_SECTOR;
		}
		text_add(t, "%c%" PRIx64, n ? ',' : ':', more ? next - host : len);
		host = next;
		len = next_len;
	}
	return n;
}

static void add_runs(const struct qcow2_writer *w, struct text *t, uint64_t at, uint64_t end)
{
	for (uint64_t n; at < end && !t->cut; at += n) {
		uint64_t entry = qcow2_map_get(&w->map, at);

		if (entry & QCOW2_COMPRESSED) {
			n = add_packed_run(w, t, at, end);
			continue;
		}
		n = plain_run(w, at, end);
		if (entry)
			text_add(t, " p%" PRIx64 "+%" PRIx64, entry & QCOW2_OFFSET_MASK, n);
		else
			text_add(t, " z%" PRIx64, n);
	}
}

int qcow2_writer_note(struct block *b, uint64_t off, uint64_t len, char *text, size_t text_size, struct err *err)
{
	struct qcow2_writer *w = (struct qcow2_writer *)b;
	uint64_t at = off >> w->cluster_bits, end = div_round_up(off + len, w->cluster);
	struct text t = {text, text_size, false};
	bool known;

	if (qcow2_check_aligned(w, "note", off, len, err) < 0 || qcow2_map_fetch(&w->map, at, end - at, err) < 0)
		return -1;
	text_add(&t, "q2 %u", w->cluster_bits);
	known = qcow2_map_hold(&w->map, at, end - at);
	if (known)
		add_runs(w, &t, at, end);
	qcow2_map_release(&w->map);
	if (!known)
		return err_set(err, ERR_UNSUPPORTED,
			       "note for %" PRIu64 " bytes at 0x%" PRIx64 ": its table was left in the file", len, off);
	if (!t.cut)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "note for %" PRIu64 " bytes at 0x%" PRIx64 " doesn't fit into %zu bytes",
		       len, off, text_size);
}

/* A note being read: next cluster to settle, and what the file has. */
struct reading {
	struct qcow2_writer *w;
	const char *note, *at;
	uint64_t cluster, end;
	struct err *err;
};

static int bad_note(const struct reading *r, const char *what)
{
	return err_set(r->err, ERR_CORRUPT, "resume note '%.200s': %s at column %zu", r->note, what,
		       (size_t)(r->at - r->note) + 1);
}

static int read_hex(struct reading *r, uint64_t *ret)
{
	size_t digits = strspn(r->at, "0123456789abcdef");

	if (!digits || digits > 15)
		return bad_note(r, "a number in hex is expected");
	*ret = strtoull(r->at, NULL, 16);
	r->at += digits;
	return 0;
}

/* Where [from, to) belongs in the sorted list, or -1 when it overlaps what is there. */
static int find_place(const struct qcow2_writer *w, uint64_t from, uint64_t to, size_t *ret)
{
	size_t i = w->nadopted;

	/* Notes come in about the order in which they were written: the end is near. */
	while (i && w->adopted[i - 1].from > from)
		i--;
	*ret = i;
	if (i && w->adopted[i - 1].to > from)
		return -1;
	return i < w->nadopted && w->adopted[i].from < to ? -1 : 0;
}

/* Takes [from, to) of the file as used. to may lie inside a sector whose rest belongs to others; used_to is where the
 * allocator may go on. */
static int take_range(const struct reading *r, uint64_t from, uint64_t to, uint64_t used_to)
{
	struct qcow2_writer *w = r->w;
	size_t place;

	if (from < w->cluster || to > w->old_size || from >= to)
		return bad_note(r, "outside the file before");
	if (find_place(w, from, to, &place) < 0)
		return bad_note(r, "overlap with an earlier note before");
	if (array_grow(&w->adopted, w->nadopted, &w->adopted_cap, sizeof *w->adopted, r->err) < 0)
		return -1;
	memmove(w->adopted + place + 1, w->adopted + place, (w->nadopted - place) * sizeof *w->adopted);
	w->adopted[place] = (struct qcow2_adopted){from, to};
	w->nadopted++;
	w->tail = max_u64(w->tail, used_to);
	return 0;
}

static int settle(struct reading *r, uint64_t entry)
{
	if (r->cluster == r->end)
		return bad_note(r, "more clusters than the range has");
	return qcow2_map_set(&r->w->map, r->cluster++, entry, r->err);
}

static int read_zeros(struct reading *r)
{
	uint64_t n;

	if (read_hex(r, &n) < 0)
		return -1;
	if (n > r->end - r->cluster)
		return bad_note(r, "more clusters than the range has");
	r->cluster += n;
	return 0;
}

static int read_plain(struct reading *r)
{
	uint64_t host, n, size = r->w->cluster;

	if (read_hex(r, &host) < 0)
		return -1;
	if (*r->at++ != '+')
		return bad_note(r, "'+' is expected");
	if (read_hex(r, &n) < 0)
		return -1;
	if (host % size || host & ~QCOW2_OFFSET_MASK || n > r->end - r->cluster ||
	    (r->w->preallocation && host != qcow2_fixed_place(r->w, r->cluster)))
		return bad_note(r, "no such plain clusters");
	if (take_range(r, host, host + n * size, host + n * size) < 0)
		return -1;
	for (; n; n--, host += size)
		if (settle(r, host | QCOW2_COPIED) < 0)
			return -1;
	return 0;
}

static int read_packed(struct reading *r)
{
	unsigned bits = r->w->cluster_bits;
	uint64_t from, host, len = 0, entry = 0, last, rest;

	if (read_hex(r, &from) < 0)
		return -1;
	host = from;
	do {
		char expected = host == from ? ':' : ',';

		if (*r->at++ != expected)
			return bad_note(r, "a length is expected");
		if (read_hex(r, &len) < 0)
			return -1;
		/* Longer ones have no bits in the entry. */
		if (!len || len > 2 * r->w->cluster - host % QCOW2_SECTOR ||
		    host + len > QCOW2_BIT(qcow2_offset_bits(bits)))
			return bad_note(r, "no such compressed cluster");
		entry = qcow2_compressed_entry(bits, host, len);
		if (settle(r, entry) < 0)
			return -1;
		host += len;
	} while (*r->at == ',');
	qcow2_compressed_range(bits, entry, &last, &rest);
	/* At least one byte of the last sector is in use, and one of the last cluster, which may begin in it. */
	return take_range(r, from, max_u64(last, last + rest - QCOW2_SECTOR) + 1, last + rest);
}

static int read_run(struct reading *r)
{
	if (*r->at++ != ' ')
		return bad_note(r, "a space is expected");
	switch (*r->at++) {
	case 'z':
		return read_zeros(r);
	case 'p':
		return read_plain(r);
	case 'c':
		return r->w->codec == CODEC_UNKNOWN ? bad_note(r, "compressed clusters in a plain image")
						    : read_packed(r);
	default:
		r->at--;
		return bad_note(r, "z, p or c is expected");
	}
}

static int read_note(struct reading *r)
{
	char head[16];
	int n = snprintf(head, sizeof head, "q2 %u", r->w->cluster_bits);

	if (strncmp(r->note, head, (size_t)n) != 0)
		return err_set(r->err, ERR_CORRUPT, "resume note '%.200s': '%s' is expected at its beginning", r->note,
			       head);
	r->at = r->note + n;
	while (*r->at)
		if (read_run(r) < 0)
			return -1;
	return r->cluster == r->end ? 0 : bad_note(r, "fewer clusters than the range has");
}

int qcow2_writer_adopt(struct block *b, uint64_t off, uint64_t len, const char *text, struct err *err)
{
	struct qcow2_writer *w = (struct qcow2_writer *)b;
	struct reading r = {.w = w, .note = text, .err = err};
	int ret;

	if (qcow2_check_aligned(w, "adoption", off, len, err) < 0)
		return -1;
	r.cluster = off >> w->cluster_bits;
	r.end = div_round_up(off + len, w->cluster);
	if (qcow2_map_fetch(&w->map, r.cluster, r.end - r.cluster, err) < 0)
		return -1;
	for (uint64_t i = r.cluster; i < r.end; i++)
		if (qcow2_map_get(&w->map, i))
			return err_set(err, ERR_CORRUPT,
				       "resume note for 0x%" PRIx64 ": cluster %" PRIu64 " is written already", off, i);
	pthread_mutex_lock(&w->lock);
	ret = read_note(&r);
	pthread_mutex_unlock(&w->lock);
	if (ret == 0)
		return qcow2_spill_if_due(w, err);
	/* Half a note is none: the range will be copied again. */
	qcow2_map_clear(&w->map, off >> w->cluster_bits, r.end - (off >> w->cluster_bits), NULL);
	return -1;
}
