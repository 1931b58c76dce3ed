/* Fuzz: any bytes as a libvirt domain, completed and printed. */
#include <stdint.h>

#include "sources/libvirtxml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;

	if (libvirtxml_parse(data, size, m, &err) < 0)
		return 0;
	machine_complete(m);
	js_free(machine_json(m));
	return 0;
}
