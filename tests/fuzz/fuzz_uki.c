/* Fuzz: any bytes as a unified kernel image. */
#include <stdlib.h>

#include "guest/files/uki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {".initrd", ".cmdline", ".uname"};

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		struct err err = ERR_INIT;
		struct uki_section s;

		if (uki_section(data, size, names[k], &s, &err) == 0 && s.length &&
		    (s.offset > size || s.length > size - s.offset))
			abort();
	}
	return 0;
}
