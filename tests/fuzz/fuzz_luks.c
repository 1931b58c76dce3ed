/* Fuzz: any bytes as a LUKS header with room for key material behind it; cheap ones are tried with a passphrase. */
#include <string.h>

#include "formats/luks.h"
#include "tests/fuzz/memory_block.h"

enum { FILE_BYTES = 3 << 20, CHEAP = 50 /* iterations */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
