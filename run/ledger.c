/* A copy's sums against its machine's. */
#include "run/ledger.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "run/graft.h"

enum {
	BATCH = 256,	     /* chunks that are asked for at once: a connection takes 32 in a request */
	UNREADABLE_MAX = 64, /* chunks that the disk no longer gives: then it is gone */
};

struct copy_ledger {
	struct block *graft, *disk;
	uint64_t nchunks;
	unsigned unreadable; /* chunks that couldn't be compared */
	uint64_t *sums;	     /* of each chunk; 0: not to be compared */
};

struct copy_ledger *copy_ledger_new(struct block *graft, struct block *disk)
{
	struct copy_ledger *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->graft = graft;
	l->disk = disk;
	l->nchunks = div_round_up(graft->size, LEDGER_CHUNK);
	l->sums = calloc(l->nchunks, sizeof *l->sums);
	if (l->sums)
		return l;
	free(l);
	return NULL;
}

void copy_ledger_free(struct copy_ledger *l)
{
	if (!l)
		return;
	free(l->sums);
	free(l);
}

/* Bytes of a chunk's blocks, as far as the disk goes. */
static uint64_t bytes_of(const struct copy_ledger *l, const struct ledger_entry *e)
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < LEDGER_BLOCKS; i++)
		if (ledger_has_block(e, i))
			ret += min_u64(LEDGER_BLOCK, l->graft->size - e->off - (uint64_t)i * LEDGER_BLOCK);
	return ret;
}

uint64_t copy_ledger_sum(struct copy_ledger *l, const char *buf, size_t len, uint64_t off)
{
	struct ledger_entry e = {.off = off};

	graft_source_blocks(l->graft, &e);
	ledger_sum(&e, buf, len);
	return e.sum;
}

void copy_ledger_put(struct copy_ledger *l, uint64_t off, uint64_t sum)
{
	l->sums[off / LEDGER_CHUNK] = sum;
}

/* The machine said something else than what was copied. */
static int look_again(const struct copy_ledger *l, struct ledger_entry *e, struct err *err)
{
	uint64_t ours = l->sums[e->off / LEDGER_CHUNK], before = e->sum;

	if (block_sums(l->disk, e, 1, true, err) < 0)
		return -1;
	if (e->sum != ours)
		return err_set(err, ERR_VERIFY,
			       "the copy of the 2 MiB at 0x%" PRIx64 " has sum %016" PRIx64 ", the machine %016" PRIx64
			       " (its ledger %016" PRIx64 "): the disk has changed while it was read, or memory is bad",
			       e->off, ours, e->sum, before);
	log_warn("'%s': the disk gave different bytes at two times, in the 2 MiB at 0x%" PRIx64, l->graft->name,
		 e->off);
	return 0;
}

/* The machine has said its sum. */
static int judge(const struct copy_ledger *l, struct ledger_entry *e, uint64_t *bytes, struct err *err)
{
	if (e->sum != l->sums[e->off / LEDGER_CHUNK] && look_again(l, e, err) < 0)
		return -1;
	*bytes += bytes_of(l, e);
	return 0;
}

/* One by one: the machine had to read its disk once more, and some of it can't be read any more. It could when it was
 * copied, and checked then: it isn't confirmed, which is no reason to lose the copy. */
static int compare_each(struct copy_ledger *l, struct ledger_entry *e, size_t n, uint64_t *bytes, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_INIT;

		if (block_sums(l->disk, &e[i], 1, false, &why) == 0) {
			if (judge(l, &e[i], bytes, err) < 0)
				return -1;
			continue;
		}
		if (why.code != ERR_UNREADABLE || ++l->unreadable > UNREADABLE_MAX) {
			if (err)
				*err = why;
			return -1;
		}
		log_warn("'%s': the 2 MiB at 0x%" PRIx64 " were copied, and can't be compared with the disk: %s",
			 l->graft->name, e[i].off, why.text);
	}
	return 0;
}

static int compare_batch(struct copy_ledger *l, struct ledger_entry *e, size_t n, uint64_t *bytes, struct err *err)
{
	if (block_sums(l->disk, e, n, false, err) < 0)
		return err && err->code == ERR_UNREADABLE ? compare_each(l, e, n, bytes, err) : -1;
	for (size_t i = 0; i < n; i++)
		if (judge(l, &e[i], bytes, err) < 0)
			return -1;
	return 0;
}

/* The next chunks that are to be compared, from *chunk on. */
static size_t collect(const struct copy_ledger *l, uint64_t *chunk, struct ledger_entry e[BATCH])
{
	size_t n = 0;

	for (; *chunk < l->nchunks && n < BATCH; ++*chunk) {
		if (!l->sums[*chunk])
			continue;
		e[n] = (struct ledger_entry){.off = *chunk * LEDGER_CHUNK};
		graft_source_blocks(l->graft, &e[n++]);
	}
	return n;
}

int copy_ledger_compare(struct copy_ledger *l, uint64_t *ret_bytes, struct err *err)
{
	AUTO_FREE struct ledger_entry *e = malloc(BATCH * sizeof *e);
	uint64_t chunk = 0;
	size_t n;

	*ret_bytes = 0;
	if (!e)
		return err_nomem(err);
	while ((n = collect(l, &chunk, e)) > 0) {
		struct err why = ERR_INIT;

		if (compare_batch(l, e, n, ret_bytes, &why) == 0)
			continue;
		if (why.code != ERR_UNSUPPORTED) {
			if (err)
				*err = why;
			return -1;
		}
		log_info("'%s': the machine keeps no ledger", l->graft->name);
		return 0;
	}
	return 0;
}
