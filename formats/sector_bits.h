/* Sector bitmaps of differencing disks: a set bit is a sector that this file has, a clear one is its parent's. */
#ifndef REHOST_FORMATS_SECTOR_BITS_H
#define REHOST_FORMATS_SECTOR_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* Which bit of a byte is its first sector's: an exclusive or of the bit's number. */
enum bit_order { LOWEST_FIRST = 0, HIGHEST_FIRST = 7 };

static inline bool sector_bit(const unsigned char *bitmap, uint64_t i, enum bit_order order)
{
	return bitmap[i / 8] >> ((i % 8) ^ order) & 1;
}

/* How many bits from i on, below end, are as bit i is. */
static inline uint64_t sector_bits_alike(const unsigned char *bitmap, uint64_t i, uint64_t end, enum bit_order order)
{
	bool bit = sector_bit(bitmap, i, order);
	unsigned char same = bit ? 0xff : 0;
	uint64_t from = i;

	while (i < end) {
		if (i % 8 == 0 && end - i >= 8 && bitmap[i / 8] == same)
			i += 8;
		else if (sector_bit(bitmap, i, order) == bit)
			i++;
		else
			break;
	}
	return i - from;
}

#endif
