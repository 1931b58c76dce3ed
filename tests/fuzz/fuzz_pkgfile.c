/* Fuzz: any bytes as a package file of dpkg or RPM, and as a field of dependencies. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/pkgfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pkg_freep) struct pkg *p = NULL;
	struct err err = ERR_INIT;

	if (pkg_parse("fuzz", data, size, &p, &err) < 0) {
		if (err.code != ERR_CORRUPT)
			abort();
		return 0;
	}
	if (strpbrk(p->name, "/\n"))
		abort();
	VEC_FOR (f, &p->files)
		if ((*f->path && f->path[0] != '/') || strstr(f->path, "/../") || (S_ISREG(f->mode) && !f->data))
			abort();
	return 0;
}
