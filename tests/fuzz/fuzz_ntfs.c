/* Fuzz: the first records of an NTFS volume, of which the input is the beginning; what lies behind it is the same
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/ntfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static int read_input(void *opaque, uint64_t off, size_t len, void *to, struct err *err)
{
	const struct input *in = opaque;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = in->data[(off + i) % in->size];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ntfs_state state;
	struct err err = ERR_INIT;

	if (!size)
		return 0;
	hibernation_is_held(data, size);
	if (ntfs_state_read(read_input, &in, &state, &err) < 0 && (err.code != ERR_CORRUPT || !*err.text))
		abort();
	return 0;
}
