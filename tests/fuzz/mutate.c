/* Structure-aware mutation of images and descriptors. */
#include "tests/fuzz/mutate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"

enum {
	FIRST_ENTRIES = 16,   /* of a table: what small seeds use */
	WINDOW = 64,	      /* bytes handed to libFuzzer's own mutations at a time */
	KEEP_SUMS_WRONG = 32, /* one of so many */
};

struct random {
	uint64_t state;
};

/* splitmix64: any seed will do. */
static uint64_t next(struct random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(struct random *r, uint64_t n)
{
	return n ? next(r) % n : 0;
}

void fuzz_map_add(struct fuzz_map *m, size_t input_size, uint64_t at, uint64_t count, unsigned bytes)
{
	if (m->n == sizeof m->v / sizeof *m->v || at >= input_size)
		return;
	count = min_u64(count, (input_size - at) / bytes);
	if (count)
		m->v[m->n++] = (struct fuzz_numbers){.at = (size_t)at, .count = (size_t)count, .bytes = bytes};
}

static uint64_t get_number(const uint8_t *p, unsigned bytes, bool big_endian)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * (big_endian ? bytes - 1 - i : i);
	return v;
}

static void put_number(uint8_t *p, unsigned bytes, bool big_endian, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * (big_endian ? bytes - 1 - i : i));
}

/* Where a number is: an entry of a table, more often one of the first. */
static const struct fuzz_numbers *pick(struct random *r, const struct fuzz_map *m, size_t *ret_at)
{
	const struct fuzz_numbers *n = &m->v[below(r, m->n)];
	uint64_t among = below(r, 4) ? min_u64(n->count, FIRST_ENTRIES) : n->count;

	*ret_at = n->at + below(r, among) * n->bytes;
	return n;
}

static uint64_t power(struct random *r)
{
	return UINT64_C(1) << below(r, 64);
}

/* A value at a border: of a width, of the file, of what the number was. */
static uint64_t border(struct random *r, uint64_t old, uint64_t file_size)
{
	switch (below(r, 14)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return power(r);
	case 3:
		return power(r) - 1;
	case 4:
		return old + below(r, 5) - 2;
	case 5:
		return old ^ power(r);
	case 6:
		return file_size + below(r, 3) - 1;
	case 7:
		return file_size / 512 + below(r, 3) - 1;
	case 8:
		return file_size - below(r, 8) * 512;
	case 9:
		return old * 2;
	case 10:
		return old / 2;
	case 11: /* the same in 32 bits */
		return old + (UINT64_C(1) << 32);
	case 12:
		return old + power(r);
	default:
		return below(r, 64);
	}
}

static uint64_t known_value(struct random *r, const uint64_t *values, uint64_t old)
{
	size_t n = 0;
	uint64_t v;

	while (values && values[n])
		n++;
	if (!n)
		return old + 1;
	v = values[below(r, n)];
	return below(r, 2) ? v : below(r, 2) ? old | v : old & ~v;
}

static void change_number(struct random *r, const struct fuzz_shape *shape, const struct fuzz_map *m, uint8_t *data,
			  size_t size)
{
	size_t at, other_at;
	const struct fuzz_numbers *n = pick(r, m, &at), *other = pick(r, m, &other_at);
	uint64_t old = get_number(data + at, n->bytes, shape->big_endian), v;

	switch (below(r, 4)) {
	case 0: /* two entries that lead to one place, a count that is an offset */
		v = get_number(data + other_at, other->bytes, shape->big_endian);
		break;
	case 1:
		v = known_value(r, shape->values, old);
		break;
	default:
		v = border(r, old, size);
	}
	put_number(data + at, n->bytes, shape->big_endian, v);
}

static void find_numbers(const struct fuzz_shape *shape, const uint8_t *data, size_t size, struct fuzz_map *m)
{
	m->n = 0;
	for (const struct fuzz_numbers *f = shape->fields; f && f->bytes; f++)
		fuzz_map_add(m, size, f->at, f->count, f->bytes);
	if (shape->tables)
		shape->tables(data, size, m);
}

/* libFuzzer's mutations, in a few bytes of which none moves. */
static void mutate_window(struct random *r, uint8_t *data, size_t size)
{
	size_t at = below(r, size), n = min_u64(1 + below(r, WINDOW), size - at);

	LLVMFuzzerMutate(data + at, n, n);
}

size_t fuzz_mutate(const struct fuzz_shape *shape, uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct random r = {seed};
	struct fuzz_map m;

	find_numbers(shape, data, size, &m);
	for (uint64_t n = 1 + below(&r, 4); n--;) {
		uint64_t way = below(&r, 16);

		if (way < 10 && m.n) {
			change_number(&r, shape, &m, data, size);
		} else if (way < 14 && size) {
			mutate_window(&r, data, size);
		} else {
			size = LLVMFuzzerMutate(data, size, max);
			find_numbers(shape, data, size, &m);
		}
	}
	if (shape->seal && below(&r, KEEP_SUMS_WRONG))
		shape->seal(data, size);
	return size;
}

/* The line that holds a random byte: its start; *ret_len with the newline. */
static size_t pick_line(struct random *r, const uint8_t *data, size_t size, size_t *ret_len)
{
	size_t at = below(r, size), end = at;

	while (at && data[at - 1] != '\n')
		at--;
	while (end < size && data[end++] != '\n')
		;
	*ret_len = end - at;
	return at;
}

/* Replaces len bytes at `at` by n others, which must not lie in data. */
static size_t replace(uint8_t *data, size_t size, size_t max, size_t at, size_t len, const void *with, size_t n)
{
	if (size - len + n > max)
		return size;
	memmove(data + at + n, data + at + len, size - at - len);
	memcpy(data + at, with, n);
	return size - len + n;
}

static size_t double_line(struct random *r, uint8_t *data, size_t size, size_t max)
{
	uint8_t line[512];
	size_t len, from = pick_line(r, data, size, &len), to, unused;

	len = min_u64(len, sizeof line);
	memcpy(line, data + from, len);
	to = pick_line(r, data, size, &unused);
	return replace(data, size, max, to, 0, line, len);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The first number behind a random byte. */
static size_t change_text_number(struct random *r, uint8_t *data, size_t size, size_t max)
{
	size_t at = below(r, size), len = 0;
	uint64_t old = 0;
	char text[32];

	while (at < size && !is_digit(data[at]))
		at++;
	for (; at + len < size && is_digit(data[at + len]); len++)
		old = old * 10 + (data[at + len] - '0');
	if (!len)
		return size;
	snprintf(text, sizeof text, below(r, 8) ? "%" PRIu64 : "-%" PRIu64, border(r, old, size));
	return replace(data, size, max, at, len, text, strlen(text));
}

size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct random r = {seed};
	size_t len, at;

	for (uint64_t n = 1 + below(&r, 3); n--;) {
		uint64_t way = size ? below(&r, 8) : 7;

		if (way < 3) {
			size = change_text_number(&r, data, size, max);
		} else if (way == 3) {
			size = double_line(&r, data, size, max);
		} else if (way == 4) {
			at = pick_line(&r, data, size, &len);
			size = replace(data, size, max, at, len, "", 0);
		} else {
			size = LLVMFuzzerMutate(data, size, max);
		}
	}
	return size;
}
