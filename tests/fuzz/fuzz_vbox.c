/* Fuzz: any bytes as a .vbox file, completed and printed. */
#include <stdint.h>

#include "sources/vbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct source_options options = {.force = true};
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;

	if (vbox_parse(data, size, &options, m, &err) < 0)
		return 0;
	machine_complete(m);
	js_free(machine_json(m));
	return 0;
}
