/* A disk in memory for tests: data, which 4 KiB blocks are allocated, bad ranges, counters. */
#ifndef REHOST_TESTS_MEM_BLOCK_H
#define REHOST_TESTS_MEM_BLOCK_H

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/zeros.h"
#include "formats/block.h"

enum { MEM_UNIT = 4096 };

struct mem_block {
	struct block b;
	unsigned char *data;
	bool *allocated; /* a unit; others are holes whatever data says */
	/* Reads that touch [bad_off, bad_off + bad_len) fail with EIO, the first bad_times ones (-1: always). */
	uint64_t bad_off, bad_len;
	_Atomic long bad_times;
	enum err_code bad_code;
	int bad_errno;		  /* EIO unless it is set */
	uint64_t full_from;	  /* writes from here on fail with ENOSPC; 0: none */
	unsigned delay_us;	  /* a read takes so long … */
	uint64_t delay_to;	  /* … that begins in front of this; 0: every one */
	_Atomic long bad_flushes; /* so many fail */
	_Atomic uint64_t reads, read_bytes, write_bytes, flushes;
	_Atomic unsigned reading, most_reading; /* delayed reads at the same time */
};

static inline struct mem_block *mem_of(struct block *b)
{
	return (struct mem_block *)b;
}

static inline void mem_delay(struct mem_block *m)
{
	unsigned now = ++m->reading, most = m->most_reading;

	while (now > most && !atomic_compare_exchange_weak(&m->most_reading, &most, now))
		;
	nanosleep(&(struct timespec){.tv_sec = m->delay_us / 1000000, .tv_nsec = m->delay_us % 1000000 * 1000L}, NULL);
	m->reading--;
}

static inline int mem_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct mem_block *m = mem_of(b);

	m->reads++;
	m->read_bytes += len;
	if (m->delay_us && (!m->delay_to || off < m->delay_to))
		mem_delay(m);
	if (m->bad_len && off < m->bad_off + m->bad_len && m->bad_off < off + len && m->bad_times) {
		m->bad_times -= m->bad_times > 0;
		errno = m->bad_errno ? m->bad_errno : EIO;
		return err_sys(err, m->bad_code, "read of %zu bytes at 0x%" PRIx64, len, off);
	}
	for (size_t i = 0; i < len; i++)
		((unsigned char *)buf)[i] = m->allocated[(off + i) / MEM_UNIT] ? m->data[off + i] : 0;
	return 0;
}

static inline int mem_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct mem_block *m = mem_of(b);
	bool data = m->allocated[off / MEM_UNIT];
	uint64_t end = off;

	while (end < off + max && m->allocated[end / MEM_UNIT] == data)
		end = (end / MEM_UNIT + 1) * MEM_UNIT;
	*ret = (struct extent){.off = off, .len = min_u64(end - off, max), .kind = data ? EXTENT_DATA : EXTENT_HOLE};
	return 0;
}

static inline int mem_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct mem_block *m = mem_of(b);

	if (m->full_from && off + len > m->full_from) {
		errno = ENOSPC;
		return err_sys(err, ERR_INTERNAL, "write of %zu bytes at 0x%" PRIx64, len, off);
	}
	m->write_bytes += len;
	memcpy(m->data + off, buf, len);
	for (uint64_t u = off / MEM_UNIT; u <= (off + len - 1) / MEM_UNIT; u++)
		m->allocated[u] = true;
	return 0;
}

static inline int mem_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	memset(mem_of(b)->data + off, 0, len);
	return 0;
}

static inline int mem_flush(struct block *b, struct err *err)
{
	struct mem_block *m = mem_of(b);

	m->flushes++;
	if (m->bad_flushes <= 0)
		return 0;
	m->bad_flushes--;
	errno = EIO;
	return err_sys(err, ERR_INTERNAL, "cannot flush");
}

static inline void mem_close(struct block *b)
{
	free(mem_of(b)->data);
	free(mem_of(b)->allocated);
	free(b);
}

static inline struct mem_block *mem_new(uint64_t size)
{
	static const struct block_ops ops = {
	    .name = "mem",
	    .pread = mem_pread,
	    .extent = mem_extent,
	    .pwrite = mem_pwrite,
	    .zero = mem_zero,
	    .flush = mem_flush,
	    .close = mem_close,
	};
	struct mem_block *m = calloc(1, sizeof *m);

	block_init(&m->b, &ops, "test.img", size);
	m->data = calloc(1, size);
	m->allocated = calloc(size / MEM_UNIT + 1, sizeof(bool));
	m->bad_code = ERR_UNREADABLE;
	return m;
}

/* xorshift64*: the same bytes on every run. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline void test_fill(void *buf, size_t len, uint64_t *state)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)buf)[i] = (unsigned char)(test_random(state) >> 32) | 1;
}

/* Random non-zero data in [off, off+len). */
static inline void mem_fill(struct mem_block *m, uint64_t off, uint64_t len, uint64_t seed)
{
	test_fill(m->data + off, len, &seed);
	for (uint64_t u = off / MEM_UNIT; len && u <= (off + len - 1) / MEM_UNIT; u++)
		m->allocated[u] = true;
}

#endif
