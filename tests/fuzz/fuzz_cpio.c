/* Fuzz target: the newc reader, fed in pieces whose length the first byte chooses. */
#include "core/base/checked.h"
#include "core/base/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool wants(void *opaque, const struct cpio_entry *e)
{
	return true;
}

static int entry(void *opaque, const struct cpio_entry *e, const void *content, struct err *err)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio_handler handler = {.wants = wants, .entry = entry};
	AUTO(cpio_reader_freep) struct cpio_reader *r = cpio_reader_new(&handler, 0);
	struct err err = ERR_INIT;
	size_t piece = size ? 1 + data[0] : 1;

	for (size_t at = 1; at < size; at += piece)
		if (cpio_reader_feed(r, data + at, min_u64(piece, size - at), false, NULL, &err) < 0)
			break;
	return 0;
}
