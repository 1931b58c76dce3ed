/* The graft's map: a tag or 2 bits a block for each leaf of 128 MiB. */
#include "run/graft_map.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "run/graft.h"

enum {
	LEAF_BLOCKS = 32768, /* 128 MiB of disk in 8 KiB of map */
	WORD_BLOCKS = 32,    /* 2 bits a block in 64 */
	LEAF_WORDS = LEAF_BLOCKS / WORD_BLOCKS,
	LOCKS = 64, /* leaves share locks: one lock a leaf would cost more memory than a leaf's tag */
};

/* A uniform leaf has no words. */
struct leaf {
	uint64_t *words;
	enum graft_state uniform;
};

struct graft_map {
	uint64_t nblocks, nleaves;
	pthread_rwlock_t locks[LOCKS];
	struct leaf *leaves;
};

/* A word all of whose blocks have one state. */
static uint64_t pattern(enum graft_state state)
{
	return UINT64_C(0x5555555555555555) * state;
}

struct graft_map *graft_map_new(uint64_t nblocks)
{
	struct graft_map *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->nblocks = nblocks;
	m->nleaves = div_round_up(nblocks, LEAF_BLOCKS);
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_rwlock_init(&m->locks[i], NULL);
	m->leaves = calloc(max_u64(m->nleaves, 1), sizeof *m->leaves);
	if (!m->leaves) {
		graft_map_free(m);
		return NULL;
	}
	for (uint64_t i = 0; i < m->nleaves; i++)
		m->leaves[i].uniform = GRAFT_SOURCE;
	return m;
}

void graft_map_free(struct graft_map *m)
{
	if (!m)
		return;
	for (uint64_t i = 0; m->leaves && i < m->nleaves; i++)
		free(m->leaves[i].words);
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_rwlock_destroy(&m->locks[i]);
	free(m->leaves);
	free(m);
}

static enum graft_state word_state(uint64_t word, unsigned at)
{
	return (enum graft_state)(word >> (2 * at) & 3);
}

/* Blocks from `at` on, at most max, that have the state of the first. */
static uint64_t words_run(const uint64_t *words, unsigned at, uint64_t max, enum graft_state *ret)
{
	enum graft_state state = word_state(words[at / WORD_BLOCKS], at % WORD_BLOCKS);
	uint64_t n = 0;

	*ret = state;
	while (n < max) {
		unsigned shift = at % WORD_BLOCKS;
		uint64_t other = (words[at / WORD_BLOCKS] ^ pattern(state)) >> (2 * shift);

		if (other)
			return min_u64(max, n + (uint64_t)__builtin_ctzll(other) / 2);
		n += WORD_BLOCKS - shift;
		at += WORD_BLOCKS - shift;
	}
	return max;
}

enum graft_state graft_map_run(struct graft_map *m, uint64_t block, uint64_t max, uint64_t *ret_n)
{
	uint64_t index = block / LEAF_BLOCKS, at = block % LEAF_BLOCKS, left = min_u64(max, LEAF_BLOCKS - at);
	pthread_rwlock_t *lock = &m->locks[index % LOCKS];
	const struct leaf *leaf = &m->leaves[index];
	enum graft_state state;

	pthread_rwlock_rdlock(lock);
	state = leaf->uniform;
	*ret_n = left;
	if (leaf->words)
		*ret_n = words_run(leaf->words, (unsigned)at, left, &state);
	pthread_rwlock_unlock(lock);
	return state;
}

static void words_set(uint64_t *words, uint64_t at, uint64_t n, enum graft_state state)
{
	while (n) {
		unsigned shift = (unsigned)(at % WORD_BLOCKS);
		unsigned here = (unsigned)min_u64(n, WORD_BLOCKS - shift);
		uint64_t mask = (here == WORD_BLOCKS ? ~UINT64_C(0) : (UINT64_C(1) << (2 * here)) - 1) << (2 * shift);
		uint64_t *word = &words[at / WORD_BLOCKS];

		*word = (*word & ~mask) | (pattern(state) & mask);
		at += here;
		n -= here;
	}
}

/* The locked part. The last leaf of a disk counts as whole when the range covers its blocks up to the disk's end. */
static int leaf_set(struct leaf *leaf, uint64_t at, uint64_t n, uint64_t leaf_blocks, enum graft_state state)
{
	if (n == leaf_blocks) {
		free(leaf->words);
		leaf->words = NULL;
		leaf->uniform = state;
		return 0;
	}
	if (!leaf->words && leaf->uniform == state)
		return 0;
	if (!leaf->words) {
		leaf->words = malloc(LEAF_WORDS * sizeof *leaf->words);
		if (!leaf->words)
			return -1;
		for (unsigned i = 0; i < LEAF_WORDS; i++)
			leaf->words[i] = pattern(leaf->uniform);
	}
	words_set(leaf->words, at, n, state);
	return 0;
}

int graft_map_set(struct graft_map *m, uint64_t block, uint64_t n, enum graft_state state, struct err *err)
{
	while (n) {
		uint64_t index = block / LEAF_BLOCKS, at = block % LEAF_BLOCKS;
		uint64_t leaf_blocks = min_u64(LEAF_BLOCKS, m->nblocks - index * LEAF_BLOCKS);
		uint64_t here = min_u64(n, LEAF_BLOCKS - at);
		int ret;

		pthread_rwlock_wrlock(&m->locks[index % LOCKS]);
		ret = leaf_set(&m->leaves[index], at, here, leaf_blocks, state);
		pthread_rwlock_unlock(&m->locks[index % LOCKS]);
		if (ret < 0)
			return err_nomem(err);
		block += here;
		n -= here;
	}
	return 0;
}

/* The file: a header of 64 bytes, one tag a leaf (0: stored), then a record for each stored leaf in order. Numbers are
 * little-endian. */
enum {
	MAP_MAGIC = 0,	      /* 8 bytes */
	MAP_BLOCK_SIZE = 8,   /* 32 bits */
	MAP_LEAF_BLOCKS = 12, /* 32 bits */
	MAP_DISK_SIZE = 16,   /* 64 bits each from here */
	MAP_DELTA_SIZE = 24,  /* bytes of the delta file */
	MAP_NLEAVES = 32,     /* tags */
	MAP_NSTORED = 40,     /* records */
	MAP_TAGS_HASH = 48,   /* XXH3-64 of the tags */
	MAP_HEADER_HASH = 56, /* XXH3-64 of the bytes before */
	MAP_HEADER_SIZE = 64,
	MAP_LEAF_SIZE = LEAF_WORDS * 8,
	MAP_RECORD_SIZE = MAP_LEAF_SIZE + 8, /* the words, XXH3-64 of them */
};

static const char map_magic[8] = "RHGRAFT1";

static uint64_t tag_leaves(const struct graft_map *m, uint8_t *tags)
{
	uint64_t stored = 0;

	for (uint64_t i = 0; i < m->nleaves; i++) {
		tags[i] = m->leaves[i].words ? 0 : (uint8_t)m->leaves[i].uniform;
		stored += !tags[i];
	}
	return stored;
}

static int save_leaf(const struct leaf *leaf, int fd, uint64_t off, struct err *err)
{
	uint8_t record[MAP_RECORD_SIZE];

	for (unsigned i = 0; i < LEAF_WORDS; i++)
		put_le64(record + 8 * i, leaf->words[i]);
	put_le64(record + MAP_LEAF_SIZE, hash_xxh3(record, MAP_LEAF_SIZE));
	return file_pwrite(fd, record, sizeof record, off, err);
}

int graft_map_save(struct graft_map *m, const struct graft_map_key *key, int fd, struct err *err)
{
	AUTO_FREE uint8_t *tags = malloc(max_u64(m->nleaves, 1));
	uint8_t header[MAP_HEADER_SIZE] = {0};
	uint64_t off = MAP_HEADER_SIZE + m->nleaves;

	if (!tags)
		return err_nomem(err);
	memcpy(header + MAP_MAGIC, map_magic, sizeof map_magic);
	put_le32(header + MAP_BLOCK_SIZE, GRAFT_BLOCK);
	put_le32(header + MAP_LEAF_BLOCKS, LEAF_BLOCKS);
	put_le64(header + MAP_DISK_SIZE, key->disk_size);
	put_le64(header + MAP_DELTA_SIZE, key->delta_size);
	put_le64(header + MAP_NLEAVES, m->nleaves);
	put_le64(header + MAP_NSTORED, tag_leaves(m, tags));
	put_le64(header + MAP_TAGS_HASH, hash_xxh3(tags, m->nleaves));
	put_le64(header + MAP_HEADER_HASH, hash_xxh3(header, MAP_HEADER_HASH));
	if (file_pwrite(fd, header, sizeof header, 0, err) < 0 ||
	    file_pwrite(fd, tags, m->nleaves, MAP_HEADER_SIZE, err) < 0)
		return -1;
	for (uint64_t i = 0; i < m->nleaves; i++) {
		if (!m->leaves[i].words)
			continue;
		if (save_leaf(&m->leaves[i], fd, off, err) < 0)
			return -1;
		off += MAP_RECORD_SIZE;
	}
	return 0;
}

static int check_header(const uint8_t *header, const struct graft_map *m, const struct graft_map_key *key,
			struct err *err)
{
	if (memcmp(header + MAP_MAGIC, map_magic, sizeof map_magic) != 0)
		return err_set(err, ERR_CORRUPT, "it does not begin with \"%.8s\"", map_magic);
	if (get_le64(header + MAP_HEADER_HASH) != hash_xxh3(header, MAP_HEADER_HASH))
		return err_set(err, ERR_CORRUPT, "the header's checksum is wrong");
	if (get_le32(header + MAP_BLOCK_SIZE) != GRAFT_BLOCK || get_le32(header + MAP_LEAF_BLOCKS) != LEAF_BLOCKS ||
	    get_le64(header + MAP_NLEAVES) != m->nleaves || get_le64(header + MAP_DISK_SIZE) != key->disk_size)
		return err_set(err, ERR_CORRUPT, "it is of a disk of %" PRIu64 " bytes, this one has %" PRIu64,
			       get_le64(header + MAP_DISK_SIZE), key->disk_size);
	if (get_le64(header + MAP_DELTA_SIZE) != key->delta_size)
		return err_set(err, ERR_CORRUPT,
			       "it was made for a delta file of %" PRIu64 " bytes, this one has %" PRIu64,
			       get_le64(header + MAP_DELTA_SIZE), key->delta_size);
	return 0;
}

static int load_leaf(struct leaf *leaf, uint64_t index, int fd, uint64_t off, struct err *err)
{
	uint8_t record[MAP_RECORD_SIZE];

	if (file_pread(fd, record, sizeof record, off, err) < 0)
		return err_wrap(err, "leaf %" PRIu64, index);
	if (get_le64(record + MAP_LEAF_SIZE) != hash_xxh3(record, MAP_LEAF_SIZE))
		return err_set(err, ERR_CORRUPT, "leaf %" PRIu64 " at 0x%" PRIx64 ": the checksum is wrong", index,
			       off);
	leaf->words = malloc(LEAF_WORDS * sizeof *leaf->words);
	if (!leaf->words)
		return err_nomem(err);
	for (unsigned i = 0; i < LEAF_WORDS; i++) {
		uint64_t word = get_le64(record + 8 * i);

		if (((word | word >> 1) & pattern(GRAFT_SOURCE)) != pattern(GRAFT_SOURCE))
			return err_set(err, ERR_CORRUPT, "leaf %" PRIu64 " at 0x%" PRIx64 ": a block has no state",
				       index, off);
		leaf->words[i] = word;
	}
	return 0;
}

static int load_leaves(struct graft_map *m, const uint8_t *tags, int fd, struct err *err)
{
	uint64_t off = MAP_HEADER_SIZE + m->nleaves;

	for (uint64_t i = 0; i < m->nleaves; i++) {
		if (tags[i] > GRAFT_ZERO)
			return err_set(err, ERR_CORRUPT, "leaf %" PRIu64 ": tag %u is unknown", i, tags[i]);
		m->leaves[i].uniform = tags[i];
		if (tags[i])
			continue;
		if (load_leaf(&m->leaves[i], i, fd, off, err) < 0)
			return -1;
		off += MAP_RECORD_SIZE;
	}
	return 0;
}

int graft_map_load(int fd, const struct graft_map_key *key, struct graft_map **ret, struct err *err)
{
	AUTO(graft_map_freep) struct graft_map *m = graft_map_new(div_round_up(key->disk_size, GRAFT_BLOCK));
	AUTO_FREE uint8_t *tags = m ? malloc(max_u64(m->nleaves, 1)) : NULL;
	uint8_t header[MAP_HEADER_SIZE];

	if (!tags)
		return err_nomem(err);
	if (file_pread(fd, header, sizeof header, 0, err) < 0 || check_header(header, m, key, err) < 0 ||
	    file_pread(fd, tags, m->nleaves, MAP_HEADER_SIZE, err) < 0)
		return -1;
	if (get_le64(header + MAP_TAGS_HASH) != hash_xxh3(tags, m->nleaves))
		return err_set(err, ERR_CORRUPT, "the checksum of the leaves' tags is wrong");
	if (load_leaves(m, tags, fd, err) < 0)
		return -1;
	*ret = take_ptr(&m);
	return 0;
}
