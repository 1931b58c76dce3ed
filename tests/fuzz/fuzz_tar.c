/* Fuzz: any bytes as a tar file; checksums are mended first, or no input would come far. What is found must lie inside.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "sources/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(unsigned char *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum & 0777777);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE unsigned char *copy = malloc(size + 1);
	AUTO_FD int fd = memfd_create("tar", MFD_CLOEXEC);
	AUTO(tar_done) struct tar_index t = {0};
	struct err err = ERR_INIT;

	memcpy(copy, data, size);
	for (size_t at = 0; at + 512 <= size; at += 512)
		if (copy[at] && copy[at] < 0xf0) /* leaves some headers damaged */
			mend(copy + at);
	tar_bid(copy, size);
	if (file_pwrite(fd, copy, size, 0, &err) < 0 || tar_read(fd, size, &t, &err) < 0)
		return 0;
	VEC_FOR (m, &t.members)
		if (!range_inside(m->off, m->size, size) || *m->name == '/' || !strncmp(m->name, "../", 3) ||
		    strstr(m->name, "/../"))
			abort();
	return 0;
}
