/* Makes transaction logs of registry hives in the format of Windows 8.1 and later, for tests. */
#ifndef REHOST_TESTS_SUPPORT_HIVE_LOG_MAKER_H
#define REHOST_TESTS_SUPPORT_HIVE_LOG_MAKER_H

#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "guest/hive_check.h"
#include "guest/hive_log.h"

/* A log's base block: that of the hive with another type. */
static inline void log_begin(struct buf *log, const uint8_t *hive, uint32_t type)
{
	uint8_t base[HIVE_SECTOR];

	memcpy(base, hive, sizeof base);
	put_le32(base + 28, type);
	put_le32(base + 508, hive_header_sum(base));
	buf_add(log, base, sizeof base);
}

/* Adds an entry whose pages are those 4096 bytes of `after` that differ from `before`; after may be longer. */
static inline void log_entry(struct buf *log, uint32_t sequence, const uint8_t *before, size_t before_len,
			     const uint8_t *after, size_t after_len)
{
	uint32_t bins = (uint32_t)(after_len - HIVE_BASE), pages = 0, size, refs = 40;
	size_t start = log->len;
	uint8_t *e;

	for (size_t at = HIVE_BASE; at < after_len; at += 4096)
		pages += at >= before_len || memcmp(before + at, after + at, 4096) != 0;
	size = (40 + pages * 8 + pages * 4096 + 511) / 512 * 512;
	e = buf_reserve(log, size);
	memset(e, 0, size);
	buf_commit(log, size);
	e = (uint8_t *)log->data + start;
	memcpy(e, "HvLE", 4);
	put_le32(e + 4, size);
	put_le32(e + 12, sequence);
	put_le32(e + 16, bins);
	put_le32(e + 20, pages);
	for (size_t at = HIVE_BASE, data = 40 + (size_t)pages * 8; at < after_len; at += 4096) {
		if (at < before_len && memcmp(before + at, after + at, 4096) == 0)
			continue;
		put_le32(e + refs, (uint32_t)(at - HIVE_BASE));
		put_le32(e + refs + 4, 4096);
		memcpy(e + data, after + at, 4096);
		refs += 8;
		data += 4096;
	}
	put_le64(e + 24, marvin32(HIVE_LOG_SEED, e + 40, size - 40));
	put_le64(e + 32, marvin32(HIVE_LOG_SEED, e, 32));
}

#endif
