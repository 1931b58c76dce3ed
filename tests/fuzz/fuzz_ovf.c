/* Fuzz: any bytes as an OVF descriptor, completed and printed. */
#include <stdint.h>

#include "sources/ovf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct source_options options = {0};
	AUTO(machine_freep) struct machine *m = machine_new();
	struct ovf ovf = {0};
	struct err err = ERR_INIT;

	if (ovf_parse((const char *)data, size, "fuzz", &options, m, &ovf, &err) < 0)
		return 0;
	machine_complete(m);
	js_free(machine_json(m));
	return 0;
}
