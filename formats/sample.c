/* Samples of a disk, evenly spread. */
#include "formats/sample.h"

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/hash.h"

enum { SAMPLES = 32, SAMPLE = 64 << 10 };

struct sampling {
	uint64_t *hash, size;
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

static void add_sample(struct sampling *s, uint64_t off)
{
	size_t len = min_u64(SAMPLE, s->size - off);

	if (s->read(s->opaque, s->buf, len, off) < 0)
		add_hash(s->hash, UINT64_MAX);
	else
		add_hash(s->hash, hash_xxh3(s->buf, len));
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

static int read_block(void *opaque, void *buf, size_t len, uint64_t off)
{
	return block_pread(opaque, buf, len, off, NULL);
}

int sample_block(struct block *b, uint64_t *hash, struct err *err)
{
	return sample_hash(hash, b->size, read_block, b, err);
}
