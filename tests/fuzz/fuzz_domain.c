/* Fuzz: any bytes as a libvirt domain; what parses becomes a command line. */
#include <stdint.h>

#include "core/base/checked.h"
#include "run/proof/qemu_args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct qemu_host host = {.cpus_max = 2, .memory_max = GIB, .code = "/code", .vars = "/vars"};
	const char *const *argv;
	struct domain d;

	if (domain_parse(data, size, "fuzz", &d, NULL) == 0)
		qemu_args(&d, &host, &argv, NULL);
	domain_done(&d);
	return 0;
}
