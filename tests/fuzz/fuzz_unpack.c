/* Fuzz: any bytes as a packed file, gzip, xz or zstd; what comes out stays within its bounds. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/unpack.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"

enum { OUT_MAX = 4 << 20 };

static const struct fuzz_numbers fields[] = {{2, 8, 1}, {10, 8, 1}, {4, 2, 2}, {0}};

/* One of the three signatures, by what is left of them. */
static void seal(uint8_t *data, size_t size)
{
	if (size < UNPACK_HEAD)
		return;
	if (*data == 0x1f)
		memcpy(data, "\x1f\x8b\x08", 3);
	else if (*data == 0xfd)
		memcpy(data, "\xfd\x37zXZ", 6);
	else
		memcpy(data, "\x28\xb5\x2f\xfd", 4);
}

/* The end of a gzip member, the end of an xz stream: sizes and sums. */
static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	if (size > 12)
		fuzz_map_add(m, size, size - 12, 3, 4);
}

static const struct fuzz_shape shape = {.fields = fields, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

/* An empty file in memory, made once. */
static int scratch(int *fd, const char *name)
{
	if (*fd < 0)
		*fd = memfd_create(name, 0);
	if (*fd < 0 || ftruncate(*fd, 0) < 0)
		abort();
	return *fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int in = -1, out = -1;
	struct unpack_job job = {
	    .in_fd = scratch(&in, "in"), .len = size, .out_fd = scratch(&out, "out"), .max = OUT_MAX};
	struct err err = ERR_INIT;
	struct stat st;
	uint64_t len;

	if (file_pwrite(in, data, size, 0, NULL) < 0)
		abort();
	if (unpack_run(&job, &len, &err) < 0) {
		fuzz_expect_error(&err);
		return 0;
	}
	fuzz_expect(fstat(out, &st) == 0 && (uint64_t)st.st_size == len && len <= OUT_MAX, "another length than told");
	return 0;
}
