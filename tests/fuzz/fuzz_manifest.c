/* Fuzz: any bytes as a manifest. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "sources/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(manifest_done) struct manifest m = {0};
	struct err err = ERR_INIT;

	if (manifest_parse((const char *)data, size, &m, &err) < 0)
		return 0;
	VEC_FOR (l, &m.lines)
		if (!*l->name || (l->kind && strlen(l->digest) != 2 * digest_size(l->kind)))
			abort();
	return 0;
}
