/* Samples of a disk: evenly spread, by chance, and where mounting a file system leaves a trace. */
#include "formats/sample.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/hash.h"
#include "formats/partition.h"

enum {
	SAMPLES = 32,
	SAMPLE = 64 << 10,
	ENDS = 1 << 20,		 /* bytes at the disk's begin and end: tables, boot loaders, md */
	VOLUME_HEAD = 128 << 10, /* superblocks of ext (1 KiB), btrfs (64 KiB), XFS, LUKS, md; FATs */
	CHANCES = 256,
	CHANCE = 4096,
	VOLUMES_MAX = 256,	  /* partitions and segments of logical volumes: 32 MiB at most */
	LVM_HEAD = 1 << 20,	  /* where LVM keeps its metadata, if nobody asked for more */
	LVM_EXTENT_MAX = 1 << 23, /* sectors: 4 GiB */
	SECTOR = 512,
};

struct sampling {
	uint64_t *hash, size;
	unsigned volumes; /* looked at so far */
	int (*read)(void *opaque, void *buf, size_t len, uint64_t off);
	void *opaque;
	char *buf; /* room for a sample */
};

/* Chains the hash: what was so far stands before the new bytes. */
static void add_hash(uint64_t *hash, uint64_t value)
{
	unsigned char both[16];

	put_le64(both, *hash);
	put_le64(both + 8, value);
	*hash = hash_xxh3(both, sizeof both);
}

/* Up to SAMPLE bytes. */
static void add_bytes(struct sampling *s, uint64_t off, size_t len)
{
	len = min_u64(len, s->size - off);
	if (s->read(s->opaque, s->buf, len, off) < 0)
		add_hash(s->hash, UINT64_MAX);
	else
		add_hash(s->hash, hash_xxh3(s->buf, len));
}

static void add_sample(struct sampling *s, uint64_t off)
{
	add_bytes(s, off, SAMPLE);
}

static void add_range(struct sampling *s, uint64_t off, uint64_t len)
{
	for (uint64_t end = min_u64(s->size, off + len); off < end; off += SAMPLE)
		add_bytes(s, off, min_u64(SAMPLE, end - off));
}

static void add_samples(struct sampling *s)
{
	uint64_t last = s->size > SAMPLE ? s->size - SAMPLE : 0;

	if (s->size <= (uint64_t)SAMPLES * SAMPLE) {
		for (uint64_t off = 0; off < s->size; off += SAMPLE)
			add_sample(s, off);
		return;
	}
	for (unsigned i = 0; i < SAMPLES - 1; i++)
		add_sample(s, align_down(last / (SAMPLES - 1) * i, 4096));
	add_sample(s, last);
}

int sample_hash(uint64_t *hash, uint64_t size, int (*read)(void *opaque, void *buf, size_t len, uint64_t off),
		void *opaque, struct err *err)
{
	AUTO_FREE char *buf = malloc(SAMPLE);
	struct sampling s = {.hash = hash, .size = size, .read = read, .opaque = opaque, .buf = buf};

	if (!buf)
		return err_nomem(err);
	add_hash(hash, size);
	add_samples(&s);
	return 0;
}

/* ---- where a mount leaves a trace ---- */

static void add_volume_head(struct sampling *s, uint64_t start)
{
	if (start >= s->size || s->volumes == VOLUMES_MAX)
		return;
	s->volumes++;
	add_range(s, start, VOLUME_HEAD);
}

/* NTFS: the first records of the MFT; the volume's has its dirty flag and the log's number. */
static void add_mft(struct sampling *s, const unsigned char boot[SECTOR], uint64_t start)
{
	uint64_t cluster = (uint64_t)get_le16(boot + 11) * boot[13], off;

	if (memcmp(boot + 3, "NTFS    ", 8) != 0)
		return;
	if (mul_fits(get_le64(boot + 48), cluster, &off) && off < s->size - start)
		add_sample(s, start + off);
}

/* The number behind "KEY = ", 0: there is none. */
static uint64_t lvm_number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Each segment's first extent, as all copies of the metadata name them; on which of the group's disks doesn't matter.
 */
static void add_segments(struct sampling *s, const char *text, uint64_t start)
{
	uint64_t extent = lvm_number(text, "extent_size = "), first = lvm_number(text, "pe_start = ");

	if (!extent || extent > LVM_EXTENT_MAX || first > s->size / SECTOR)
		return;
	while ((text = strstr(text, "stripes = [")) != NULL) {
		for (text += strlen("stripes = ["); *text && *text != ']'; text++)
			if (*text == ',') {
				uint64_t n = strtoull(text + 1, NULL, 10);

				if (n <= s->size / SECTOR / extent)
					add_volume_head(s, start + (first + n * extent) * SECTOR);
			}
	}
}

static void add_logical_volumes(struct sampling *s, uint64_t start)
{
	size_t len = min_u64(LVM_HEAD, s->size - start);
	AUTO_FREE char *text = malloc(len + 1);

	if (!text || s->read(s->opaque, text, len, start) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] ? text[i] : ' ';
	text[len] = 0;
	add_segments(s, text, start);
}

static bool is_lvm(const unsigned char head[4 * SECTOR])
{
	for (unsigned i = 0; i < 4; i++)
		if (!memcmp(head + (size_t)i * SECTOR, "LABELONE", 8))
			return true;
	return false;
}

static void add_volume(struct sampling *s, uint64_t start)
{
	unsigned char head[4 * SECTOR];

	add_volume_head(s, start);
	if (start >= s->size || s->size - start < sizeof head || s->read(s->opaque, head, sizeof head, start) < 0)
		return;
	add_mft(s, head, start);
	if (is_lvm(head))
		add_logical_volumes(s, start);
}

static void add_volumes(struct sampling *s, struct block *b)
{
	struct partition_table t;

	if (partition_table_read(b, &t, NULL) < 0 || t.scheme <= PARTITION_NONE)
		add_volume(s, 0);
	else
		for (size_t i = 0; i < t.n && s->volumes < VOLUMES_MAX; i++)
			add_volume(s, t.v[i].start);
	partition_table_done(&t);
}

/* The same places each time: the size alone chooses them. */
static void add_chances(struct sampling *s)
{
	unsigned char seed[16];

	for (unsigned i = 0; i < CHANCES && s->size >= CHANCE; i++) {
		put_le64(seed, s->size);
		put_le64(seed + 8, i);
		add_bytes(s, hash_xxh3(seed, sizeof seed) % (s->size / CHANCE) * CHANCE, CHANCE);
	}
}

struct looked_at {
	struct block *b;
	struct err lost; /* what is no fault of the disk */
};

static int read_block(void *opaque, void *buf, size_t len, uint64_t off)
{
	struct looked_at *l = opaque;
	struct err err = ERR_INIT;

	if (!l->lost.code && block_pread(l->b, buf, len, off, &err) == 0)
		return 0;
	if (err.code == ERR_TEMPFAIL)
		l->lost = err;
	return -1;
}

int sample_block(struct block *b, uint64_t *hash, struct err *err)
{
	AUTO_FREE char *buf = malloc(SAMPLE);
	struct looked_at l = {.b = b, .lost = ERR_INIT};
	struct sampling s = {.hash = hash, .size = b->size, .read = read_block, .opaque = &l, .buf = buf};

	if (!buf)
		return err_nomem(err);
	add_hash(hash, s.size);
	add_samples(&s);
	if (s.size > (uint64_t)SAMPLES * SAMPLE) { /* else that was all of it */
		add_range(&s, 0, ENDS);
		add_range(&s, s.size - ENDS, ENDS);
		add_volumes(&s, b);
		add_chances(&s);
	}
	if (l.lost.code && err)
		*err = l.lost;
	return l.lost.code ? -1 : 0;
}
