/* Fuzz: any text as a resume note of the qcow2 writer; what is adopted is noted again, adopted again, and finished. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/compress.h"
#include "formats/qcow2.h"

enum { DISK = 1 << 20, FILE_BYTES = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct block *writer(void)
{
	struct create_options options = {.codec = CODEC_ZSTD, .cluster_size = 4096, .resume = true};
	struct block *b = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FILE_BYTES) < 0 || qcow2_create(fd, "fuzz", DISK, &options, &b, NULL) < 0)
		abort();
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(block_closep) struct block *a = writer(), *b = writer();
	AUTO_FREE char *text = calloc(1, size + 1), *note = malloc(FILE_BYTES);
	struct err err = ERR_INIT;

	memcpy(text, data, size);
	if (a->ops->adopt(a, 0, DISK, text, &err) < 0)
		return 0;
	if (a->ops->note(a, 0, DISK, note, FILE_BYTES, &err) < 0 || b->ops->adopt(b, 0, DISK, note, &err) < 0)
		abort();
	if (block_finish(a, &err) < 0 || block_finish(b, &err) < 0)
		abort();
	return 0;
}
