/* Identity of a source disk: sizes, times and sampled bytes of its files. */
#include "run/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/hash.h"

enum { SAMPLES = 32, SAMPLE = 64 << 10 };

/* Chains the hash: what was so far stands before the new bytes. */
static void add_hash(struct identity *id, uint64_t value)
{
	unsigned char both[16];

	put_le64(both, id->hash);
	put_le64(both + 8, value);
	id->hash = hash_xxh3(both, sizeof both);
}

/* buf has room for a sample. */
static void add_sample(struct identity *id, int fd, uint64_t off, uint64_t size, char *buf)
{
	size_t len = min_u64(SAMPLE, size - off);

	if (file_pread(fd, buf, len, off, NULL) < 0)
		add_hash(id, UINT64_MAX);
	else
		add_hash(id, hash_xxh3(buf, len));
}

static void add_samples(struct identity *id, int fd, uint64_t size, char *buf)
{
	uint64_t last = size > SAMPLE ? size - SAMPLE : 0;

	if (size <= (uint64_t)SAMPLES * SAMPLE) {
		for (uint64_t off = 0; off < size; off += SAMPLE)
			add_sample(id, fd, off, size, buf);
		return;
	}
	for (unsigned i = 0; i < SAMPLES - 1; i++)
		add_sample(id, fd, align_down(last / (SAMPLES - 1) * i, 4096), size, buf);
	add_sample(id, fd, last, size, buf);
}

int identity_add(struct identity *id, int fd, const char *name, struct err *err)
{
	AUTO_FREE char *buf = malloc(SAMPLE);
	off_t size = lseek(fd, 0, SEEK_END); /* st_size of a block device is 0 */
	struct stat st;

	if (!buf)
		return err_nomem(err);
	if (size < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot ask for size and time of '%s'", name);
	id->files++;
	id->size += (uint64_t)size;
	if (S_ISREG(st.st_mode)) /* a device node's time says nothing */
		id->mtime = max_u64(id->mtime, (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec);
	add_hash(id, (uint64_t)size);
	add_samples(id, fd, (uint64_t)size, buf);
	return 0;
}

void identity_text(const struct identity *id, char text[IDENTITY_TEXT])
{
	snprintf(text, IDENTITY_TEXT, "%u file%s %" PRIu64 " bytes %" PRIu64 ".%09" PRIu64 " %016" PRIx64, id->files,
		 id->files == 1 ? "" : "s", id->size, id->mtime / 1000000000, id->mtime % 1000000000, id->hash);
}
