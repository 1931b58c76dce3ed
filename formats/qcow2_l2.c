/* L2 tables of qcow2, with standard and extended entries: from guest offsets to runs of one kind. */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/zeros.h"
#include "formats/qcow2_layout.h"
#include "formats/open.h"
#include "formats/qcow2_reader.h"

/* One entry, and where it came from for messages. */
struct entry {
	uint64_t cluster, value;
	uint32_t allocated, zero; /* extended: a bit a subcluster */
};

static uint64_t entry_size(const struct qcow2 *q)
{
	return q->extended ? QCOW2_EXTENDED_ENTRY_SIZE : QCOW2_ENTRY_SIZE;
}

static int load_l2(void *opaque, uint64_t index, unsigned char *data, struct err *err)
{
	struct qcow2 *q = opaque;

	if (!range_inside(q->l1[index], q->cluster, q->file->size))
		return err_set(err, ERR_CORRUPT,
			       "L1 entry %" PRIu64 ": L2 table at 0x%" PRIx64 " with 0x%" PRIx64
			       " bytes: the file ends at 0x%" PRIx64,
			       index, q->l1[index], q->cluster, q->file->size);
	return block_pread(q->file, data, q->cluster, q->l1[index], err);
}

static int bad_entry(const struct qcow2 *q, const struct entry *e, const char *what, struct err *err)
{
	uint64_t bits = (uint64_t)e->zero << 32 | e->allocated;

	if (q->extended)
		return err_set(err, ERR_CORRUPT,
			       "L2 table %" PRIu64 " entry %" PRIu64 " is 0x%016" PRIx64 " with bits 0x%016" PRIx64
			       ": %s",
			       e->cluster / q->per_l2, e->cluster % q->per_l2, e->value, bits, what);
	return err_set(err, ERR_CORRUPT, "L2 table %" PRIu64 " entry %" PRIu64 " is 0x%016" PRIx64 ": %s",
		       e->cluster / q->per_l2, e->cluster % q->per_l2, e->value, what);
}

static int beyond_file(const struct qcow2 *q, const struct entry *e, const char *what, uint64_t host, uint64_t end,
		       struct err *err)
{
	return err_set(err, ERR_CORRUPT,
		       "L2 table %" PRIu64 " entry %" PRIu64 ": %scluster at 0x%" PRIx64
		       ": the %sfile ends at 0x%" PRIx64,
		       e->cluster / q->per_l2, e->cluster % q->per_l2, what, host, q->data_file ? "data " : "", end);
}

static int decode_packed(const struct qcow2 *q, const struct entry *e, struct qcow2_stretch *ret, struct err *err)
{
	uint64_t end = file_end(q->file);

	ret->kind = QCOW2_PACKED;
	qcow2_compressed_range(q->cluster_bits, e->value, &ret->host, &ret->len);
	if (q->data_file)
		return bad_entry(q, e, "compressed, with an external data file", err);
	if (q->crypt)
		return bad_entry(q, e, "compressed, in an encrypted image", err);
	if (e->value & QCOW2_COPIED)
		return bad_entry(q, e, "compressed and marked as the only reference", err);
	if (e->allocated || e->zero)
		return bad_entry(q, e, "compressed, with subclusters", err);
	if (ret->host >= q->file->size)
		return beyond_file(q, e, "compressed ", ret->host, q->file->size, err);
	if (ret->host >= end) {
		file_tell_cut_off(q->file);
		ret->kind = QCOW2_ZEROS;
		return 0;
	}
	/* The last sector may reach beyond the end: only the stream inside counts. */
	ret->len = min_u64(ret->len, end - ret->host);
	return 0;
}

/* Is the cluster somewhere? Only an external data file has data at offset 0. */
static bool has_place(const struct qcow2 *q, const struct entry *e)
{
	return e->value & QCOW2_OFFSET_MASK || (q->data_file && e->value & QCOW2_COPIED);
}

static int check_standard(const struct qcow2 *q, const struct entry *e, struct err *err)
{
	uint64_t host = e->value & QCOW2_OFFSET_MASK;

	if (e->value & QCOW2_L2_RESERVED || ((q->version < 3 || q->extended) && e->value & QCOW2_ZERO))
		return bad_entry(q, e, "reserved bits are set", err);
	if (host % q->cluster)
		return bad_entry(q, e, "its offset is no cluster's", err);
	if (q->data_file && has_place(q, e) && host != e->cluster << q->cluster_bits)
		return bad_entry(q, e, "in an external data file, a cluster stands at its own offset", err);
	if (e->allocated & e->zero)
		return bad_entry(q, e, "subclusters that are both allocated and zeros", err);
	return 0;
}

/* The plain stretch [at, ret->end): the file may end inside its last cluster, but not before the end of the disk. */
static int place_plain(const struct qcow2 *q, const struct entry *e, uint64_t at, struct qcow2_stretch *ret,
		       struct err *err)
{
	uint64_t size = qcow2_data(q)->size, host = e->value & QCOW2_OFFSET_MASK;

	ret->kind = QCOW2_PLAIN;
	if (!has_place(q, e))
		return bad_entry(q, e, "it points to the header", err);
	ret->host = host + at % q->cluster;
	if (range_inside(ret->host, min_u64(ret->end, q->b.size) - at, size))
		return 0;
	return beyond_file(q, e, "", host, size, err);
}

/* Subclusters from the one at `at` on that are of the same kind. */
static int decode_subclusters(const struct qcow2 *q, const struct entry *e, uint64_t at, struct qcow2_stretch *ret,
			      struct err *err)
{
	unsigned bits = q->cluster_bits - 5, first = (unsigned)(at % q->cluster >> bits), n = 1;
	bool allocated = e->allocated >> first & 1, zero = e->zero >> first & 1;

	while (first + n < QCOW2_SUBCLUSTERS && (e->allocated >> (first + n) & 1) == allocated &&
	       (e->zero >> (first + n) & 1) == zero)
		n++;
	ret->end = (e->cluster << q->cluster_bits) + ((uint64_t)(first + n) << bits);
	ret->kind = zero ? QCOW2_ZEROS : QCOW2_UNALLOCATED;
	return allocated ? place_plain(q, e, at, ret, err) : 0;
}

/* "Cluster mapping": what stands at the disk offset `at`, checked against the file. */
static int decode(const struct qcow2 *q, const unsigned char *table, uint64_t at, struct qcow2_stretch *ret,
		  struct err *err)
{
	struct entry e = {.cluster = at >> q->cluster_bits};
	const unsigned char *from = table + e.cluster % q->per_l2 * entry_size(q);

	e.value = get_be64(from);
	if (q->extended) {
		e.zero = get_be32(from + QCOW2_ENTRY_SIZE);
		e.allocated = get_be32(from + QCOW2_ENTRY_SIZE + 4);
	}
	*ret = (struct qcow2_stretch){.kind = QCOW2_UNALLOCATED, .end = (e.cluster + 1) << q->cluster_bits};
	if (e.value & QCOW2_COMPRESSED)
		return decode_packed(q, &e, ret, err);
	if (check_standard(q, &e, err) < 0)
		return -1;
	if (q->extended)
		return decode_subclusters(q, &e, at, ret, err);
	if (e.value & QCOW2_ZERO) {
		ret->kind = QCOW2_ZEROS;
		return 0;
	}
	return e.value ? place_plain(q, &e, at, ret, err) : 0;
}

/* Entries of zero from i on: most of what there is in the tables of a sparse disk, hence many at a time. */
static uint64_t skip_unallocated(const struct qcow2 *q, const unsigned char *table, uint64_t i, uint64_t end)
{
	enum { STEP = 16 }; /* all_zeros() takes 128 bytes in a step */
	uint64_t size = entry_size(q);

	while (i + STEP <= end && all_zeros(table + i * size, STEP * size))
		i += STEP;
	while (i < end && all_zeros(table + i * size, size))
		i++;
	return i;
}

/* Does c go on where the run ends, `done` bytes behind its beginning, so that both are one? */
static bool run_goes_on(const struct qcow2_run *run, uint64_t done, const struct qcow2_stretch *c)
{
	const struct qcow2_stretch *last;

	if (c->kind != run->kind)
		return false;
	if (c->kind == QCOW2_PLAIN)
		return c->host == run->host + done;
	if (c->kind != QCOW2_PACKED)
		return true;
	last = &run->packed[run->n - 1];
	return run->n < QCOW2_PACKED_RUN && c->host >= last->host &&
	       c->host <= last->host + last->len + QCOW2_PACKED_GAP &&
	       c->host + c->len - run->host <= QCOW2_PACKED_BYTES;
}

/* The run that begins at guest offset off, inside one L2 table. */
static int run_in_table(const struct qcow2 *q, const unsigned char *table, uint64_t off, uint64_t max,
			struct qcow2_run *run, struct err *err)
{
	uint64_t per_table = q->per_l2 << q->cluster_bits, at = off;
	uint64_t end = min_u64(off + max, (off / per_table + 1) * per_table);
	struct qcow2_stretch c;

	for (; at < end; at = c.end) {
		if (decode(q, table, at, &c, err) < 0)
			return -1;
		if (at == off) {
			run->kind = c.kind;
			run->host = c.host;
		} else if (!run_goes_on(run, at - off, &c)) {
			break;
		}
		if (c.kind == QCOW2_PACKED)
			run->packed[run->n++] = c;
		if (c.kind == QCOW2_UNALLOCATED && c.end % q->cluster == 0 && c.end < end) {
			uint64_t i = (c.end >> q->cluster_bits) % q->per_l2;
			uint64_t last = i + div_round_up(end - c.end, q->cluster);

			c.end += (skip_unallocated(q, table, i, last) - i) << q->cluster_bits;
		}
	}
	run->len = min_u64(max, at - off);
	return 0;
}

/* Tables that are passed over at a time where a backing image answers for them: its runs may be short, and each asks
 * again. */
enum { TABLES_A_LOOK = 64 };

int qcow2_next_run(struct qcow2 *q, uint64_t off, uint64_t max, struct qcow2_run *run, struct err *err)
{
	uint64_t per_table = q->per_l2 << q->cluster_bits, index = off / per_table, end = index;
	uint64_t most = q->backing ? TABLES_A_LOOK : UINT64_MAX;
	AUTO(page_putp) struct page *table = NULL;

	run->n = 0;
	while (end * per_table < off + max && !q->l1[end] && end - index < most)
		end++;
	if (end > index) {
		run->kind = QCOW2_UNALLOCATED;
		run->len = min_u64(max, end * per_table - off);
		return 0;
	}
	table = page_cache_get(&q->l2, index, load_l2, q, err);
	return table ? run_in_table(q, table->data, off, max, run, err) : -1;
}
