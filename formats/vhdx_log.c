/* The log of a VHDX, replayed in memory: the newest whole sequence of entries, as pages over the file. */
#include "formats/vhdx_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/crc32c.h"
#include "core/base/log.h"

enum {
	SUMS_MAX = 16, /* how often the log's length may be summed up: entries of a sound log hardly overlap */
};

/* A page that the log writes. */
struct data_page {
	uint64_t page; /* number */
	unsigned order;
	const unsigned char *data; /* in the log */
};

/* Pages that it zeroes. */
struct zero_pages {
	uint64_t from, to; /* numbers */
	unsigned order;
};

struct overlay {
	struct block b;
	struct block *file; /* borrowed */
	unsigned char *log;
	struct data_page *data; /* sorted by page, each once */
	size_t n_data;
	struct zero_pages *zero; /* by order */
	size_t n_zero;
	unsigned orders;
};

enum verdict { VERDICT_UNKNOWN = 0, VERDICT_BAD, VERDICT_GOOD };

/* The log as a ring of 4 KiB sectors. */
struct ring {
	unsigned char *log;
	uint64_t len; /* bytes */
	const unsigned char *guid;
	unsigned char *verdict; /* of the entry that begins in each sector */
	uint64_t sums_left;	/* bytes */
};

/* Entries with rising numbers, from one at `from` on. */
struct sequence {
	uint64_t from, head; /* offsets of the first and of the last entry */
	uint64_t len;	     /* bytes, round the ring */
	uint64_t number;     /* of the last */
	bool valid;	     /* the last one's tail is in it */
};

static unsigned char *at(const struct ring *r, uint64_t off)
{
	return r->log + off % r->len;
}

static uint32_t entry_len(const unsigned char *e)
{
	return get_le32(e + VHDX_ENTRY_AT_LENGTH);
}

static uint64_t entry_number(const unsigned char *e)
{
	return get_le64(e + VHDX_ENTRY_AT_SEQUENCE);
}

/* Bytes of header and descriptors, whole sectors. */
static uint64_t descriptor_area(const unsigned char *e)
{
	return align_up(VHDX_ENTRY + (uint64_t)get_le32(e + VHDX_ENTRY_AT_COUNT) * VHDX_DESCRIPTOR, VHDX_PAGE);
}

static const unsigned char *descriptor(const struct ring *r, uint64_t entry, uint32_t i)
{
	return at(r, entry + VHDX_ENTRY + (uint64_t)i * VHDX_DESCRIPTOR);
}

static bool is_data(const unsigned char *d)
{
	return !memcmp(d, VHDX_DATA_DESCRIPTOR, VHDX_SIGNATURE_LEN);
}

/* "2.3.1.1 Entry Header": what makes one, before anything is summed. */
static bool header_plausible(const struct ring *r, const unsigned char *e)
{
	return !memcmp(e, VHDX_ENTRY_SIGNATURE, VHDX_SIGNATURE_LEN) && entry_len(e) && entry_len(e) % VHDX_PAGE == 0 &&
	       entry_len(e) <= r->len && get_le32(e + VHDX_ENTRY_AT_TAIL) % VHDX_PAGE == 0 &&
	       get_le32(e + VHDX_ENTRY_AT_TAIL) < r->len && entry_number(e) &&
	       !memcmp(e + VHDX_ENTRY_AT_GUID, r->guid, VHDX_GUID) && descriptor_area(e) <= entry_len(e);
}

static bool sum_right(const struct ring *r, uint64_t off)
{
	static const unsigned char zeros[4];
	const unsigned char *e = at(r, off);
	uint64_t len = entry_len(e), first = min_u64(len, r->len - off);
	uint32_t crc = crc32c(0, e, VHDX_AT_CHECKSUM);

	crc = crc32c(crc, zeros, sizeof zeros);
	crc = crc32c(crc, e + VHDX_AT_CHECKSUM + 4, first - VHDX_AT_CHECKSUM - 4);
	return crc32c(crc, r->log, len - first) == get_le32(e + VHDX_AT_CHECKSUM);
}

static bool sector_right(const unsigned char *sector, uint64_t number)
{
	return !memcmp(sector, VHDX_DATA_SECTOR, VHDX_SIGNATURE_LEN) &&
	       get_le32(sector + VHDX_SECTOR_AT_HIGH) == number >> 32 &&
	       get_le32(sector + VHDX_SECTOR_AT_LOW) == (uint32_t)number;
}

/* "2.3.1.2" to "2.3.1.4": every descriptor is of this entry, and so are as many data sectors as it needs. */
static bool descriptors_right(const struct ring *r, uint64_t off)
{
	const unsigned char *e = at(r, off);
	uint64_t sector = descriptor_area(e);

	for (uint32_t i = 0; i < get_le32(e + VHDX_ENTRY_AT_COUNT); i++) {
		const unsigned char *d = descriptor(r, off, i);

		if (get_le64(d + VHDX_DESCRIPTOR_AT_SEQUENCE) != entry_number(e) ||
		    get_le64(d + VHDX_DESCRIPTOR_AT_OFFSET) % VHDX_PAGE)
			return false;
		if (!is_data(d)) {
			if (memcmp(d, VHDX_ZERO_DESCRIPTOR, VHDX_SIGNATURE_LEN) != 0 ||
			    get_le64(d + VHDX_ZERO_AT_LENGTH) % VHDX_PAGE)
				return false;
			continue;
		}
		if (sector >= entry_len(e) || !sector_right(at(r, off + sector), entry_number(e)))
			return false;
		sector += VHDX_PAGE;
	}
	return true;
}

/* Is there a valid entry at off? Each is looked at once. */
static bool entry_valid(struct ring *r, uint64_t off)
{
	unsigned char *verdict = &r->verdict[off / VHDX_PAGE];

	if (*verdict == VERDICT_UNKNOWN) {
		*verdict = VERDICT_BAD;
		if (header_plausible(r, at(r, off)) && r->sums_left >= entry_len(at(r, off))) {
			r->sums_left -= entry_len(at(r, off));
			if (sum_right(r, off) && descriptors_right(r, off))
				*verdict = VERDICT_GOOD;
		}
	}
	return *verdict == VERDICT_GOOD;
}

/* "2.3.2 Log Sequence", from an entry at `from`; len 0: there is none. */
static struct sequence sequence_from(struct ring *r, uint64_t from)
{
	struct sequence s = {.from = from, .head = from};
	uint64_t off = from, tail;

	while (s.len < r->len && entry_valid(r, off)) {
		const unsigned char *e = at(r, off);

		if (s.len + entry_len(e) > r->len || (s.len && entry_number(e) != s.number + 1))
			break;
		s.head = off;
		s.number = entry_number(e);
		s.len += entry_len(e);
		off = (off + entry_len(e)) % r->len;
	}
	if (!s.len)
		return s;
	tail = get_le32(at(r, s.head) + VHDX_ENTRY_AT_TAIL);
	for (off = from; off != tail && off != s.head;)
		off = (off + entry_len(at(r, off))) % r->len;
	s.valid = off == tail;
	return s;
}

/* "2.3.3 Log Replay": of all valid sequences the one with the highest number. What begins inside an invalid one ends as
 * it does, with the same tail outside, so it is passed over whole; that keeps the search linear. */
static struct sequence active_sequence(struct ring *r)
{
	struct sequence best = {0};

	for (uint64_t off = 0; off < r->len;) {
		struct sequence s = sequence_from(r, off);

		if (s.valid && (!best.valid || s.number > best.number))
			best = s;
		off += s.len ? s.len : VHDX_PAGE;
	}
	return best;
}

static int add_zeros(struct overlay *o, const unsigned char *d, struct err *err)
{
	uint64_t off = get_le64(d + VHDX_DESCRIPTOR_AT_OFFSET), len = get_le64(d + VHDX_ZERO_AT_LENGTH);

	if (!range_inside(off, len, VHDX_FILE_MAX))
		return err_set(err, ERR_CORRUPT,
			       "log: 0x%" PRIx64 " bytes of zeros at 0x%" PRIx64 ": the limit is a file of 128 TiB",
			       len, off);
	if (o->n_zero == VHDX_ZEROS_MAX)
		return err_set(err, ERR_CORRUPT, "log: over %d descriptors of zeros", VHDX_ZEROS_MAX);
	o->zero[o->n_zero++] =
	    (struct zero_pages){.from = off / VHDX_PAGE, .to = (off + len) / VHDX_PAGE, .order = ++o->orders};
	o->b.size = max_u64(o->b.size, off + len);
	return 0;
}

/* The first and the last bytes of the page are kept by the descriptor; the sector gets them back where they were. */
static int add_page(struct overlay *o, const unsigned char *d, unsigned char *sector, struct err *err)
{
	uint64_t off = get_le64(d + VHDX_DESCRIPTOR_AT_OFFSET);

	if (!range_inside(off, VHDX_PAGE, VHDX_FILE_MAX))
		return err_set(err, ERR_CORRUPT, "log: a page at 0x%" PRIx64 ": the limit is a file of 128 TiB", off);
	memcpy(sector, d + VHDX_DATA_AT_LEADING, VHDX_LEADING);
	memcpy(sector + VHDX_PAGE - VHDX_TRAILING, d + VHDX_DATA_AT_TRAILING, VHDX_TRAILING);
	o->data[o->n_data++] = (struct data_page){.page = off / VHDX_PAGE, .order = ++o->orders, .data = sector};
	o->b.size = max_u64(o->b.size, off + VHDX_PAGE);
	return 0;
}

static int replay_entry(struct overlay *o, const struct ring *r, uint64_t off, struct err *err)
{
	const unsigned char *e = at(r, off);
	uint64_t sector = off + descriptor_area(e);

	for (uint32_t i = 0; i < get_le32(e + VHDX_ENTRY_AT_COUNT); i++) {
		const unsigned char *d = descriptor(r, off, i);

		if (!is_data(d)) {
			if (add_zeros(o, d, err) < 0)
				return -1;
			continue;
		}
		if (add_page(o, d, at(r, sector), err) < 0)
			return -1;
		sector += VHDX_PAGE;
	}
	return 0;
}

static int by_page(const void *a, const void *b)
{
	const struct data_page *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Of several writes to a page the last one stays. */
static void sort_pages(struct overlay *o)
{
	size_t n = 0;

	qsort(o->data, o->n_data, sizeof *o->data, by_page);
	for (size_t i = 0; i < o->n_data; i++) {
		if (n && o->data[n - 1].page == o->data[i].page)
			n--;
		o->data[n++] = o->data[i];
	}
	o->n_data = n;
}

static int replay(struct overlay *o, const struct ring *r, const struct sequence *s, struct err *err)
{
	const unsigned char *head = at(r, s->head);
	uint64_t flushed = get_le64(head + VHDX_ENTRY_AT_FLUSHED), last = get_le64(head + VHDX_ENTRY_AT_LAST);
	uint64_t off = get_le32(head + VHDX_ENTRY_AT_TAIL);
	size_t entries = 1;

	if (flushed > o->file->size)
		return err_set(err, ERR_CORRUPT,
			       "log: the file was 0x%" PRIx64 " bytes long when it was written, now it has 0x%" PRIx64
			       ": it is cut off",
			       flushed, o->file->size);
	if (last > VHDX_FILE_MAX)
		return err_set(err, ERR_CORRUPT, "log: a file of 0x%" PRIx64 " bytes, the limit is 128 TiB", last);
	o->b.size = max_u64(o->b.size, last);
	for (; off != s->head; entries++) {
		if (replay_entry(o, r, off, err) < 0)
			return -1;
		off = (off + entry_len(at(r, off))) % r->len;
	}
	if (replay_entry(o, r, off, err) < 0)
		return -1;
	sort_pages(o);
	log_info(
	    "vhdx '%s': it was not closed: %zu log entries with %zu pages and %zu ranges of zeros replayed in memory",
	    o->file->name, entries, o->n_data, o->n_zero);
	return 0;
}

/* The first written page that isn't before `page`. */
static size_t lower_bound(const struct overlay *o, uint64_t page)
{
	size_t low = 0, high = o->n_data;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->data[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const unsigned char zeros[VHDX_PAGE];

/* What the log has made of a page; NULL: it is as in the file. */
static const unsigned char *page_at(const struct overlay *o, uint64_t page)
{
	size_t i = lower_bound(o, page);
	const struct data_page *d = i < o->n_data && o->data[i].page == page ? &o->data[i] : NULL;

	for (size_t z = o->n_zero; z-- > 0 && (!d || o->zero[z].order > d->order);)
		if (o->zero[z].from <= page && page < o->zero[z].to)
			return zeros;
	return d ? d->data : NULL;
}

/* The first page from `page` on that the log touches; UINT64_MAX: none. */
static uint64_t next_touched(const struct overlay *o, uint64_t page)
{
	size_t i = lower_bound(o, page);
	uint64_t next = i < o->n_data ? o->data[i].page : UINT64_MAX;

	for (size_t z = 0; z < o->n_zero; z++)
		if (o->zero[z].to > page && o->zero[z].from < o->zero[z].to)
			next = min_u64(next, max_u64(o->zero[z].from, page));
	return next;
}

static int overlay_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	const struct overlay *o = (struct overlay *)b;
	size_t have = off < o->file->size ? (size_t)min_u64(len, o->file->size - off) : 0;

	memset((char *)buf + have, 0, len - have);
	if (have && block_pread(o->file, buf, have, off, err) < 0)
		return -1;
	for (uint64_t page = next_touched(o, off / VHDX_PAGE); page < div_round_up(off + len, VHDX_PAGE);
	     page = next_touched(o, page + 1)) {
		uint64_t from = max_u64(off, page * VHDX_PAGE), to = min_u64(off + len, (page + 1) * VHDX_PAGE);

		memcpy((char *)buf + (from - off), page_at(o, page) + from % VHDX_PAGE, to - from);
	}
	return 0;
}

/* Pages from `page`, which is one of zeros, that are so as well: up to the next written one, or the range's end. */
static uint64_t zero_pages(const struct overlay *o, uint64_t page)
{
	size_t i = lower_bound(o, page + 1);
	uint64_t end = 0;

	for (size_t z = 0; z < o->n_zero; z++)
		if (o->zero[z].from <= page)
			end = max_u64(end, o->zero[z].to);
	return (i < o->n_data ? min_u64(end, o->data[i].page) : end) - page;
}

static int overlay_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	const struct overlay *o = (struct overlay *)b;
	uint64_t next = next_touched(o, off / VHDX_PAGE);

	if (next == off / VHDX_PAGE) {
		bool zero = page_at(o, next) == zeros;

		ret->kind = zero ? EXTENT_ZERO : EXTENT_DATA;
		ret->len = min_u64(max, (zero ? zero_pages(o, next) : 1) * VHDX_PAGE - off % VHDX_PAGE);
		return 0;
	}
	if (next < UINT64_MAX)
		ret->len = min_u64(max, next * VHDX_PAGE - off);
	if (off < o->file->size)
		return block_extent(o->file, off, ret->len, ret, err);
	ret->kind = EXTENT_HOLE;
	return 0;
}

static void overlay_close(struct block *b)
{
	struct overlay *o = (struct overlay *)b;

	free(o->log);
	free(o->data);
	free(o->zero);
	free(o);
}

static const struct block_ops overlay_ops = {
    .name = "vhdx with its log",
    .pread = overlay_pread,
    .extent = overlay_extent,
    .close = overlay_close,
};

static struct overlay *overlay_new(struct block *file, uint64_t log_length)
{
	struct overlay *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	block_init(&o->b, &overlay_ops, file->name, file->size);
	o->file = file;
	o->log = malloc(log_length);
	o->data = calloc(log_length / VHDX_PAGE, sizeof *o->data);
	o->zero = calloc(VHDX_ZEROS_MAX, sizeof *o->zero);
	if (o->log && o->data && o->zero)
		return o;
	overlay_close(&o->b);
	return NULL;
}

static int check_place(const struct block *file, const struct vhdx_header *h, struct err *err)
{
	if (!h->log_length || h->log_length % VHDX_MIB || h->log_offset % VHDX_MIB ||
	    h->log_offset < VHDX_HEADER_SECTION || !range_inside(h->log_offset, h->log_length, file->size))
		return err_set(err, ERR_CORRUPT,
			       "log at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: expected whole MiB behind the first one, inside the file of 0x%" PRIx64,
			       h->log_offset, h->log_length, file->size);
	if (h->log_length > VHDX_LOG_MAX)
		return err_set(err, ERR_UNSUPPORTED, "log at 0x%" PRIx64 ": 0x%" PRIx64 " bytes, the limit is 64 MiB",
			       h->log_offset, h->log_length);
	return 0;
}

int vhdx_log_replay(struct block *file, const struct vhdx_header *header, struct block **ret, struct err *err)
{
	struct ring ring = {.len = header->log_length, .guid = header->log_guid};
	AUTO(block_closep) struct block *guard = NULL;
	AUTO_FREE unsigned char *verdict = NULL;
	struct sequence active;
	struct overlay *o;

	if (check_place(file, header, err) < 0)
		return -1;
	o = overlay_new(file, ring.len);
	guard = (struct block *)o;
	verdict = calloc(ring.len / VHDX_PAGE, 1);
	if (!o || !verdict)
		return err_nomem(err);
	if (block_pread(file, o->log, ring.len, header->log_offset, err) < 0)
		return err_wrap(err, "log");
	ring.log = o->log;
	ring.verdict = verdict;
	ring.sums_left = ring.len * SUMS_MAX;
	active = active_sequence(&ring);
	if (!active.valid)
		return err_set(err, ERR_CORRUPT,
			       "log at 0x%" PRIx64
			       ": the disk was not closed, and no whole sequence of entries is there",
			       header->log_offset);
	if (replay(o, &ring, &active, err) < 0)
		return -1;
	*ret = take_ptr(&guard);
	return 0;
}
