/* Sums of blocks, and a machine's memory of them. */
#include "formats/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/hash.h"

enum { REMEMBERED_MAX = (32 << 20) / sizeof(struct ledger_entry) };

struct ledger {
	pthread_mutex_t lock;
	uint64_t size, nchunks;
	struct ledger_entry **chunks; /* NULL: nothing of it was sent */
	size_t remembered;
};

/* The bytes of block i of the chunk at off that a disk of so many has. */
static size_t block_len(uint64_t size, uint64_t off, unsigned i)
{
	uint64_t at = off + (uint64_t)i * LEDGER_BLOCK;

	return at < size ? (size_t)min_u64(LEDGER_BLOCK, size - at) : 0;
}

static uint64_t block_hash(const char *buf, size_t len, uint64_t off)
{
	return hash_xxh3_seeded(buf, len, off / LEDGER_BLOCK);
}

void ledger_sum(struct ledger_entry *e, const char *buf, size_t len)
{
	e->sum = 0;
	for (unsigned i = 0; i < LEDGER_BLOCKS && (size_t)i * LEDGER_BLOCK < len; i++)
		if (ledger_has_block(e, i))
			e->sum += block_hash(buf + (size_t)i * LEDGER_BLOCK, block_len(e->off + len, e->off, i),
					     e->off + (uint64_t)i * LEDGER_BLOCK);
}

/* Runs of blocks into their places. */
static int read_blocks(const struct ledger_entry *e, struct block *disk, char *buf, struct err *err)
{
	unsigned end;

	for (unsigned i = 0; i < LEDGER_BLOCKS; i = end) {
		size_t at = (size_t)i * LEDGER_BLOCK, len = 0;

		for (end = i; end < LEDGER_BLOCKS && ledger_has_block(e, end); end++)
			len += block_len(disk->size, e->off, end);
		if (len && block_pread(disk, buf + at, len, e->off + at, err) < 0)
			return -1;
		end += end == i;
	}
	return 0;
}

int ledger_read(struct ledger_entry *e, struct block *disk, struct err *err)
{
	AUTO_FREE char *buf = NULL;

	if (e->off % LEDGER_CHUNK || e->off >= disk->size)
		return err_set(err, ERR_CORRUPT, "no chunk of the disk begins at 0x%llx", (unsigned long long)e->off);
	buf = malloc(LEDGER_CHUNK);
	if (!buf)
		return err_nomem(err);
	if (read_blocks(e, disk, buf, err) < 0)
		return -1;
	ledger_sum(e, buf, (size_t)min_u64(LEDGER_CHUNK, disk->size - e->off));
	return 0;
}

/* ---- memory ---- */

struct ledger *ledger_new(uint64_t size)
{
	struct ledger *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->size = size;
	l->nchunks = div_round_up(size, LEDGER_CHUNK);
	l->chunks = calloc(l->nchunks, sizeof(struct ledger_entry *));
	if (!l->chunks) {
		free(l);
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	for (uint64_t i = 0; i < l->nchunks; i++)
		free(l->chunks[i]);
	free(l->chunks);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct ledger_entry *chunk_of(struct ledger *l, uint64_t off)
{
	struct ledger_entry **at = &l->chunks[off / LEDGER_CHUNK];

	if (!*at && l->remembered < REMEMBERED_MAX && (*at = calloc(1, sizeof **at)))
		l->remembered++;
	return *at;
}

static void note_block(struct ledger *l, const char *buf, size_t len, uint64_t off)
{
	struct ledger_entry *e = chunk_of(l, off);
	unsigned i = (unsigned)(off % LEDGER_CHUNK / LEDGER_BLOCK);

	if (!e || ledger_has_block(e, i))
		return;
	ledger_add_block(e, i);
	e->sum += block_hash(buf, len, off);
}

void ledger_note(struct ledger *l, const char *buf, size_t len, uint64_t off)
{
	uint64_t end = off + len;

	pthread_mutex_lock(&l->lock);
	for (uint64_t at = align_up(off, LEDGER_BLOCK); at < end; at += LEDGER_BLOCK) {
		size_t n = block_len(l->size, at, 0);

		if (n && n <= end - at)
			note_block(l, buf + (at - off), n, at);
	}
	pthread_mutex_unlock(&l->lock);
}

bool ledger_recall(struct ledger *l, struct ledger_entry *e)
{
	const struct ledger_entry *known;
	bool ret = false;

	if (e->off % LEDGER_CHUNK || e->off >= l->size)
		return false;
	pthread_mutex_lock(&l->lock);
	known = l->chunks[e->off / LEDGER_CHUNK];
	if (known && !memcmp(known->blocks, e->blocks, sizeof e->blocks)) {
		e->sum = known->sum;
		ret = true;
	}
	pthread_mutex_unlock(&l->lock);
	return ret;
}
