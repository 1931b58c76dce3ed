/* Structure-aware mutation for the fuzz targets of image formats: numbers that a reader computes with are set to values
 * at the borders of what it accepts, in the header and in the tables that the header leads to, and checksums are made
 * right afterwards, else nothing would get behind them.
 *
 *     size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
 *     {
 *             return fuzz_mutate(&shape, data, size, max, seed);
 *     }
 */
#ifndef REHOST_TESTS_FUZZ_MUTATE_H
#define REHOST_TESTS_FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of one width in a row: a header's field (count 1) or a table. */
struct fuzz_numbers {
	size_t at, count;
	unsigned bytes; /* of each: 1, 2, 4 or 8 */
};

/* Those of one input, found by following its header. */
struct fuzz_map {
	struct fuzz_numbers v[64];
	size_t n;
};

/* Adds numbers as far as they lie in the input; what doesn't, or is too much, is left out. */
void fuzz_map_add(struct fuzz_map *m, size_t input_size, uint64_t at, uint64_t count, unsigned bytes);

struct fuzz_shape {
	bool big_endian;
	const struct fuzz_numbers *fields; /* at fixed places; an entry with 0 bytes ends them. NULL: none */
	const uint64_t *values;		   /* flags and states that entries have, ended by a 0. NULL: none */
	/* NULL, or adds what the header leads to. */
	void (*tables)(const uint8_t *data, size_t size, struct fuzz_map *m);
	/* NULL, or makes signatures and checksums right; one mutation of 32 keeps its wrong ones. */
	void (*seal)(uint8_t *data, size_t size);
};

/* Returns the new size, up to max. */
size_t fuzz_mutate(const struct fuzz_shape *shape, uint8_t *data, size_t size, size_t max, unsigned seed);

/* For texts of lines: whole lines are dropped, doubled and moved, numbers in them become large, small and wrong. */
size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t max, unsigned seed);

/* What libFuzzer calls, and what it offers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

#endif
