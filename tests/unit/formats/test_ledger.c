/* Tests of formats/ledger.c: a sum is that of the blocks, however they were read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/support/machine_block.h"

enum { SIZE = 5 * 1024 * 1024 + 512 }; /* two chunks and a half, and a block that is cut */

static void add_range(struct ledger_entry *e, unsigned first, unsigned n)
{
	while (n--)
		ledger_add_block(e, first++);
}

static void read_some(struct machine_block *m, uint64_t off, size_t len)
{
	AUTO_FREE char *buf = malloc(len);

	assert_int_equal(block_pread(&m->b, buf, len, off, NULL), 0);
}

/* The same blocks by large and small reads, twice and in any order. */
static void test_any_order(void **state)
{
	struct machine_block *m = machine_block_new(SIZE);
	struct ledger_entry e = {.off = LEDGER_CHUNK}, same = {.off = LEDGER_CHUNK};

	(void)state;
	mem_fill(m->disk, 0, SIZE, 5);
	read_some(m, LEDGER_CHUNK + 40960, 8192);
	read_some(m, LEDGER_CHUNK + 8192, 16384);
	read_some(m, LEDGER_CHUNK + 8192, 4096);
	read_some(m, LEDGER_CHUNK + 100, 3000);	   /* no whole block */
	read_some(m, LEDGER_CHUNK + 12000, 10000); /* one that is known already */
	add_range(&e, 2, 4);
	assert_false(ledger_recall(m->ledger, &e)); /* more than these were sent */
	add_range(&e, 10, 2);
	assert_true(ledger_recall(m->ledger, &e));
	add_range(&same, 2, 4);
	add_range(&same, 10, 2);
	assert_int_equal(ledger_read(&same, &m->disk->b, NULL), 0);
	assert_true(e.sum == same.sum && e.sum != 0);
	ledger_sum(&same, (char *)m->disk->data + LEDGER_CHUNK, LEDGER_CHUNK);
	assert_true(e.sum == same.sum);
	add_range(&same, 11, 2);
	ledger_sum(&same, (char *)m->disk->data + LEDGER_CHUNK, LEDGER_CHUNK);
	assert_true(e.sum != same.sum);
	assert_false(ledger_recall(m->ledger, &same));
	block_close(&m->b);
}

/* Blocks that change places, or a byte, have another sum. */
static void test_what_it_notices(void **state)
{
	struct machine_block *m = machine_block_new(SIZE);
	struct ledger_entry e = {.off = 0};
	uint64_t sum;

	(void)state;
	mem_fill(m->disk, 0, 8192, 5);
	add_range(&e, 0, 2);
	ledger_sum(&e, (char *)m->disk->data, LEDGER_CHUNK);
	sum = e.sum;
	m->disk->data[4095] ^= 1;
	ledger_sum(&e, (char *)m->disk->data, LEDGER_CHUNK);
	assert_true(e.sum != sum);
	m->disk->data[4095] ^= 1;
	for (unsigned i = 0; i < 4096; i++) {
		unsigned char swapped = m->disk->data[i];

		m->disk->data[i] = m->disk->data[4096 + i];
		m->disk->data[4096 + i] = swapped;
	}
	ledger_sum(&e, (char *)m->disk->data, LEDGER_CHUNK);
	assert_true(e.sum != sum);
	block_close(&m->b);
}

/* The disk's last chunk is short, its last block is cut; what is behind the end doesn't count. */
static void test_the_end(void **state)
{
	struct machine_block *m = machine_block_new(SIZE);
	struct ledger_entry e = {.off = 2 * LEDGER_CHUNK}, behind = {.off = 3 * (uint64_t)LEDGER_CHUNK},
			    odd = {.off = 4096};
	struct err err = ERR_INIT;
	uint64_t sum;

	(void)state;
	mem_fill(m->disk, 0, SIZE, 9);
	read_some(m, 2 * LEDGER_CHUNK, SIZE - 2 * LEDGER_CHUNK);
	add_range(&e, 0, 257);
	assert_true(ledger_recall(m->ledger, &e));
	sum = e.sum;
	assert_int_equal(ledger_read(&e, &m->disk->b, NULL), 0);
	assert_true(e.sum == sum);
	add_range(&e, 257, 100);
	assert_int_equal(ledger_read(&e, &m->disk->b, NULL), 0);
	assert_true(e.sum == sum);
	assert_false(ledger_recall(m->ledger, &behind));
	assert_false(ledger_recall(m->ledger, &odd));
	assert_int_equal(ledger_read(&behind, &m->disk->b, &err), -1);
	assert_string_equal(err.text, "no chunk of the disk begins at 0x600000");
	assert_int_equal(ledger_read(&odd, &m->disk->b, NULL), -1);
	block_close(&m->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_order),
	    cmocka_unit_test(test_what_it_notices),
	    cmocka_unit_test(test_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
