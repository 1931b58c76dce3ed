/* Fuzz: any bytes as a LUKS header with room for key material behind it; cheap ones are tried with a passphrase. */
#include <string.h>

#include "formats/luks.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"

enum { FILE_BYTES = 3 << 20, CHEAP = 50 /* iterations */ };

/* Version; payload and key bytes; iterations of the digest; of each slot its state and iterations, its place and
 * stripes. */
static const struct fuzz_numbers fields[] = {
    {6, 1, 2},	 {104, 2, 4}, {164, 1, 4}, {208, 2, 4}, {248, 2, 4}, {256, 2, 4}, {296, 2, 4},
    {304, 2, 4}, {344, 2, 4}, {352, 2, 4}, {392, 2, 4}, {400, 2, 4}, {440, 2, 4}, {448, 2, 4},
    {488, 2, 4}, {496, 2, 4}, {536, 2, 4}, {544, 2, 4}, {584, 2, 4}, {0},
};
static const uint64_t values[] = {0x00ac71f3, 0x0000dead, LUKS_STRIPES, 0};

static void seal(uint8_t *data, size_t size)
{
	if (size >= 6)
		memcpy(data, "LUKS\xba\xbe", 6);
}

static const struct fuzz_shape shape = {.big_endian = true, .fields = fields, .values = values, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char file_bytes[FILE_BYTES];
	AUTO(disk_cipher_freep) struct disk_cipher *cipher = NULL;
	struct block *file = memory_block_new(file_bytes, sizeof file_bytes);
	struct err err = ERR_INIT;
	struct luks_header h;
	uint64_t cost;

	memset(file_bytes, 0, LUKS_HEADER_SIZE);
	memcpy(file_bytes, data, min_u64(size, LUKS_HEADER_SIZE));
	if (luks_header_read(file, 0, sizeof file_bytes, &h, &err) < 0) {
		fuzz_expect_error(&err);
	} else {
		cost = h.digest_iterations;
		for (unsigned i = 0; i < LUKS_SLOTS; i++)
			cost += h.slot[i].active ? h.slot[i].iterations : 0;
		if (cost <= CHEAP && luks_unlock(file, 0, &h, "x", 1, &cipher, &err) < 0)
			fuzz_expect_error(&err);
	}
	block_close(file);
	return 0;
}
