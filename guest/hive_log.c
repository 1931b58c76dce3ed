/* Transaction logs of a registry hive in the format of Windows 8.1 and later, replayed in memory. */
#include "guest/hive_log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "guest/hive_check.h"

/* "Base block" of a log */
enum { TYPE_AT = 28, TYPE_OLD = 1, TYPE_OLD_TOO = 2, TYPE_NEW = 6, SUM_AT = 508, FLAGS_AT = 144 };

/* "Log entries" */
enum {
	ENTRY_SIZE = 4,
	ENTRY_FLAGS = 8,
	ENTRY_SEQUENCE = 12,
	ENTRY_BINS = 16,
	ENTRY_PAGES = 20,
	ENTRY_HASH1 = 24,
	ENTRY_HASH2 = 32,
	ENTRY_HEADER = 40,
	PAGE_REF = 8,
	BIN_UNIT = 4096,
};

struct entry {
	const uint8_t *p;
	uint32_t size, sequence, bins, pages;
};

static uint32_t rotate(uint32_t v, unsigned by)
{
	return v << by | v >> (32 - by);
}

static void mix(uint32_t *a, uint32_t *b)
{
	*b ^= *a;
	*a = rotate(*a, 20) + *b;
	*b = rotate(*b, 9) ^ *a;
	*a = rotate(*a, 27) + *b;
	*b = rotate(*b, 19);
}

uint64_t marvin32(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t a = (uint32_t)seed, b = (uint32_t)(seed >> 32), rest = 0x80;

	for (; len >= 4; p += 4, len -= 4) {
		a += get_le32(p);
		mix(&a, &b);
	}
	while (len)
		rest = rest << 8 | p[--len];
	a += rest;
	mix(&a, &b);
	mix(&a, &b);
	return (uint64_t)b << 32 | a;
}

enum hive_log_kind hive_log_kind(const struct hive_log *l)
{
	uint32_t type;

	if (l->len <= HIVE_SECTOR || memcmp(l->data, "regf", 4) != 0)
		return HIVE_LOG_EMPTY;
	type = get_le32(l->data + TYPE_AT);
	if (type == TYPE_NEW)
		return HIVE_LOG_NEW;
	return type == TYPE_OLD || type == TYPE_OLD_TOO ? HIVE_LOG_OLD : HIVE_LOG_EMPTY;
}

/* False where the log ends: no entry, or one that isn't whole. */
static bool read_entry(const struct hive_log *l, uint64_t off, struct entry *ret)
{
	const uint8_t *p = l->data + off;
	uint64_t refs;

	if (!range_inside(off, ENTRY_HEADER, l->len) || memcmp(p, "HvLE", 4) != 0)
		return false;
	*ret = (struct entry){.p = p,
			      .size = get_le32(p + ENTRY_SIZE),
			      .sequence = get_le32(p + ENTRY_SEQUENCE),
			      .bins = get_le32(p + ENTRY_BINS),
			      .pages = get_le32(p + ENTRY_PAGES)};
	refs = (uint64_t)ret->pages * PAGE_REF;
	return ret->size % HIVE_SECTOR == 0 && range_inside(off, ret->size, l->len) && ret->size >= ENTRY_HEADER &&
	       refs <= ret->size - ENTRY_HEADER && ret->bins && ret->bins % BIN_UNIT == 0 && ret->bins <= INT32_MAX &&
	       marvin32(HIVE_LOG_SEED, p, ENTRY_HASH2) == get_le64(p + ENTRY_HASH2) &&
	       marvin32(HIVE_LOG_SEED, p + ENTRY_HEADER, ret->size - ENTRY_HEADER) == get_le64(p + ENTRY_HASH1);
}

/* Pages must lie in the bins, and their bytes in the entry. */
static bool pages_fit(const struct entry *e)
{
	uint64_t data = ENTRY_HEADER + (uint64_t)e->pages * PAGE_REF;

	for (uint32_t i = 0; i < e->pages; i++) {
		const uint8_t *ref = e->p + ENTRY_HEADER + (uint64_t)i * PAGE_REF;
		uint32_t size = get_le32(ref + 4);

		if (!range_inside(get_le32(ref), size, e->bins) || !range_inside(data, size, e->size))
			return false;
		data += size;
	}
	return true;
}

static int grow_to(struct buf *hive, uint64_t len)
{
	size_t more = len > hive->len ? len - hive->len : 0;
	void *room;

	if (!more)
		return 0;
	room = buf_reserve(hive, more);
	if (!room)
		return -1;
	memset(room, 0, more);
	buf_commit(hive, more);
	return 0;
}

/* "This number will be written both to the primary sequence number and to the secondary." */
static int apply(struct buf *hive, const struct entry *e, const char *log, struct err *err)
{
	const uint8_t *data = e->p + ENTRY_HEADER + (uint64_t)e->pages * PAGE_REF;
	uint8_t *base;

	if (grow_to(hive, (uint64_t)HIVE_BASE + e->bins) < 0)
		return err_set(err, ERR_CORRUPT,
			       "'%s': entry %" PRIu32 " makes the hive %" PRIu32 " bytes long, limit %zu", log,
			       e->sequence, e->bins, hive->max);
	base = (uint8_t *)hive->data;
	for (uint32_t i = 0; i < e->pages; i++) {
		const uint8_t *ref = e->p + ENTRY_HEADER + (uint64_t)i * PAGE_REF;

		memcpy(base + HIVE_BASE + get_le32(ref), data, get_le32(ref + 4));
		data += get_le32(ref + 4);
	}
	put_le32(base + 4, e->sequence);
	put_le32(base + 8, e->sequence);
	put_le32(base + 40, e->bins);
	put_le32(base + FLAGS_AT, get_le32(e->p + ENTRY_FLAGS));
	put_le32(base + SUM_AT, hive_header_sum(base));
	return 0;
}

/* Where the reading of a log stands: entries are proven once, however often the replay goes from log to log. */
struct log_reader {
	const struct hive_log *log;
	uint64_t off;
	struct entry entry; /* at off, size 0: not read yet */
	bool ended;
};

/* The entry at off stays until it is passed. */
static bool see_entry(struct log_reader *r)
{
	if (!r->entry.size && !r->ended)
		r->ended = !read_entry(r->log, r->off, &r->entry) || !pages_fit(&r->entry);
	return !r->ended;
}

static void pass_entry(struct log_reader *r)
{
	r->off += r->entry.size;
	r->entry.size = 0;
}

/* Applies what follows on *next in one log; entries before it were applied by Windows. */
static int replay_log(struct buf *hive, struct log_reader *r, uint32_t *next, unsigned *applied, struct err *err)
{
	for (; see_entry(r); pass_entry(r)) {
		if ((int32_t)(r->entry.sequence - *next) < 0)
			continue;
		if (r->entry.sequence != *next)
			break;
		if (apply(hive, &r->entry, r->log->name, err) < 0)
			return -1;
		++*next;
		++*applied;
	}
	return 0;
}

/* The second log may go on where the first ends, or the other way round. */
static int replay_all(struct buf *hive, const struct hive_log *logs, size_t n, uint32_t next, unsigned *applied,
		      struct err *err)
{
	AUTO_FREE struct log_reader *readers = calloc(n + 1, sizeof *readers);
	unsigned was;

	if (!readers)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		readers[i] = (struct log_reader){
		    .log = &logs[i], .off = HIVE_SECTOR, .ended = hive_log_kind(&logs[i]) != HIVE_LOG_NEW};
	do {
		was = *applied;
		for (size_t i = 0; i < n; i++)
			if (replay_log(hive, &readers[i], &next, applied, err) < 0)
				return -1;
	} while (*applied != was);
	return 0;
}

/* The copy in a log differs in its type, and in the sequence numbers, which are the log's own. */
static void recover_base(struct buf *hive, const struct hive_log *logs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct hive_log *l = &logs[i];
		uint8_t *base = (uint8_t *)hive->data;

		if (hive_log_kind(l) != HIVE_LOG_NEW || get_le32(l->data + SUM_AT) != hive_header_sum(l->data))
			continue;
		memcpy(base, l->data, HIVE_SECTOR);
		put_le32(base + TYPE_AT, 0);
		put_le32(base + SUM_AT, hive_header_sum(base));
		return;
	}
}

int hive_log_replay(struct buf *hive, const struct hive_log *logs, size_t n, unsigned *ret, struct err *err)
{
	uint8_t before[HIVE_SECTOR];
	struct hive_header h;

	*ret = 0;
	if (hive_header_read((const uint8_t *)hive->data, hive->len, &h, err) < 0)
		return -1;
	memcpy(before, hive->data, sizeof before);
	if (!h.checksum_ok)
		recover_base(hive, logs, n);
	if (hive_header_read((const uint8_t *)hive->data, hive->len, &h, err) < 0)
		return -1;
	if (replay_all(hive, logs, n, h.sequence2, ret, err) < 0)
		return -1;
	if (*ret)
		return 0;
	memcpy(hive->data, before, sizeof before);
	return err_set(err, ERR_BLOCKED, "its transaction logs hold nothing that follows on sequence number %" PRIu32,
		       h.sequence2);
}
