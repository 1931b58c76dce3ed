/* Identity of a source disk: sizes, times and sampled bytes of its files. */
#include "run/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "formats/sample.h"

static int read_file(void *opaque, void *buf, size_t len, uint64_t off)
{
	return file_pread(*(int *)opaque, buf, len, off, NULL);
}

int identity_add(struct identity *id, int fd, const char *name, struct err *err)
{
	off_t size = lseek(fd, 0, SEEK_END); /* st_size of a block device is 0 */
	struct stat st;

	if (size < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot ask for size and time of '%s'", name);
	id->files++;
	id->size += (uint64_t)size;
	if (S_ISREG(st.st_mode)) /* a device node's time says nothing */
		id->mtime = max_u64(id->mtime, (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec);
	return sample_hash(&id->hash, (uint64_t)size, read_file, &fd, err);
}

int identity_add_block(struct identity *id, struct block *b, struct err *err)
{
	id->files++;
	id->size += b->size;
	return sample_block(b, &id->hash, err);
}

void identity_text(const struct identity *id, char text[IDENTITY_TEXT])
{
	snprintf(text, IDENTITY_TEXT, "%u file%s %" PRIu64 " bytes %" PRIu64 ".%09" PRIu64 " %016" PRIx64, id->files,
		 id->files == 1 ? "" : "s", id->size, id->mtime / 1000000000, id->mtime % 1000000000, id->hash);
}
