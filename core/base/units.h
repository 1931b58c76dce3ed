/* Sizes and times for people. */
#ifndef REHOST_CORE_BASE_UNITS_H
#define REHOST_CORE_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum { SIZE_WORDS_MAX = 24 };

/* "512 B", "64.0 KiB", "1.4 GiB"; returns ret. */
const char *size_in_words(uint64_t bytes, char ret[SIZE_WORDS_MAX]);

enum { SECONDS_WORDS_MAX = 32 };

/* "0.4 s", "59.9 s", "2 min 05 s", "3 h 20 min"; returns ret. */
const char *seconds_in_words(double seconds, char ret[SECONDS_WORDS_MAX]);

/* A number of bytes with nothing, k, M, G or T (of 1024, in either case) behind it, as qemu-img takes sizes. False for
 * anything else, and for 2^64 bytes or more. */
bool size_parse(const char *text, uint64_t *ret);

#endif
