/* Sizes for people. */
#ifndef REHOST_CORE_BASE_UNITS_H
#define REHOST_CORE_BASE_UNITS_H

#include <stdint.h>

enum { SIZE_WORDS_MAX = 24 };

/* "512 B", "64.0 KiB", "1.4 GiB"; returns ret. */
const char *size_in_words(uint64_t bytes, char ret[SIZE_WORDS_MAX]);

#endif
