/* The NBD client against our own server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "net/nbd_protocol.h"
#include "tests/unit/net/nbd_host.h"
#include "tests/unit/support/machine_block.h"

static void test_reads(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	char *buf = malloc(2 * MIB);
	size_t sent;

	assert_int_equal(nbd_client_size(c), SIZE);
	assert_true(nbd_client_several(c));
	memset(buf, 1, 2 * MIB);
	assert_int_equal(nbd_client_read(c, buf, 2 * MIB, 0, &sent, NULL), 0);
	assert_memory_equal(buf + MIB, h->disk->data + MIB, MIB);
	assert_true(all_zeros(buf, MIB));
	assert_int_equal(sent, MIB - 128 * KIB); /* the zeros stayed where they were */
	assert_int_equal(nbd_client_read(c, buf, MIB, 3 * MIB, &sent, NULL), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(nbd_client_read(c, buf, 1, MIB + 5, &sent, NULL), 0);
	assert_int_equal(buf[0], (char)h->disk->data[MIB + 5]);
	assert_int_equal(nbd_client_read(c, buf, 2, SIZE - 1, &sent, NULL), -1);
	nbd_client_close(c);
	free(buf);
}

static void test_extents(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	struct extent *e = calloc(NBD_CLIENT_EXTENTS_MAX, sizeof *e);
	size_t n;

	assert_int_equal(nbd_client_extents(c, 0, SIZE, e, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(e[1].off, MIB);
	assert_int_equal(e[1].len, MIB);
	assert_int_equal(e[1].kind, EXTENT_DATA);
	assert_int_equal(e[2].kind, EXTENT_HOLE);
	assert_int_equal(e[2].off + e[2].len, SIZE);
	assert_int_equal(nbd_client_extents(c, MIB + 4096, 8192, e, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].len, 8192);
	nbd_client_close(c);
	free(e);
}

static void test_bad_sector(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	struct err err = ERR_INIT;
	char buf[4096];
	size_t sent;

	h->disk->bad_off = MIB;
	h->disk->bad_len = 4096;
	h->disk->bad_times = -1;
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, MIB, &sent, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_non_null(strstr(err.text, "the other side can't read (error 5)"));
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, MIB + 4096, &sent, &err), 0);
	nbd_client_close(c);
}

/* What the far side can't have now is no bad sector. */
static void test_lost_behind_the_server(void **state)
{
	struct host *h = *state;
	struct nbd_block_options o = {.name = "sda", .size = SIZE};
	struct nbd_block_stats stats;
	struct err err = ERR_INIT;
	struct block *b;
	char buf[4096];

	h->disk->bad_off = MIB;
	h->disk->bad_len = 4096;
	h->disk->bad_times = -1;
	h->disk->bad_code = ERR_TEMPFAIL;
	assert_int_equal(nbd_block_new(&o, &b, NULL), 0);
	assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	assert_int_equal(block_pread(b, buf, sizeof buf, MIB, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_non_null(strstr(err.text, "the other side can't read (error 108)"));
	assert_int_equal(block_pread(b, buf, sizeof buf, 0, NULL), 0);
	nbd_block_stats(b, &stats);
	assert_int_equal(stats.lost, 0); /* nothing is wrong with the connection */
	block_close(b);
}

/* What gets smaller travels packed when that is wanted; what doesn't goes as it is. */
static void test_packed(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	char *buf = malloc(MIB);
	size_t sent;

	for (unsigned i = 0; i < MIB / 2; i++)
		h->disk->data[MIB + i] = "a text "[i % 7];
	assert_int_equal(nbd_client_read(c, buf, MIB, MIB, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0);
	nbd_client_pack(c, true);
	memset(buf, 0, MIB);
	assert_int_equal(nbd_client_read(c, buf, MIB, MIB, &sent, NULL), 0);
	assert_memory_equal(buf, h->disk->data + MIB, MIB);
	assert_int_equal(sent, MIB);
	assert_true(nbd_client_saved(c) > MIB / 2 - 16384);
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB + MIB / 2, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0); /* random */
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_int_equal(sent, MIB / 2);
	assert_int_equal(nbd_client_saved(c), 0); /* not tried: the data before didn't get smaller */
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_memory_equal(buf, h->disk->data + MIB, MIB / 2);
	assert_true(nbd_client_saved(c) > MIB / 2 - 16384);
	nbd_client_pack(c, false);
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0);
	nbd_client_close(c);
	free(buf);
}

/* Two servers in a row, as of `rehost serve`: blocks are summed up by the machine, in as many requests as it takes. */
static void test_sums(void **state)
{
	struct host *h = *state;
	struct machine_block *m = machine_block_new(80 * (uint64_t)LEDGER_CHUNK);
	struct nbd_server_options o = {.listen_fd = -1, .block = &m->b, .readonly = true, .remote = true, .threads = 1};
	struct nbd_block_options bo = {.name = "disk", .size = m->b.size};
	struct nbd_server *own = h->server;
	struct ledger_entry *e = calloc(70, sizeof *e);
	struct err err = ERR_INIT;
	struct nbd_client *c;
	struct block *b;
	char buf[8192];

	mem_fill(m->disk, 0, 70 * (uint64_t)LEDGER_CHUNK, 5);
	assert_int_equal(nbd_server_start(&o, &h->server, NULL), 0);
	assert_int_equal(nbd_block_new(&bo, &b, NULL), 0);
	assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	for (unsigned i = 0; i < 70; i++) {
		e[i].off = i * (uint64_t)LEDGER_CHUNK;
		ledger_add_block(&e[i], i);
		ledger_add_block(&e[i], 511);
	}
	assert_int_equal(block_pread(b, buf, sizeof buf, 0, NULL), 0);
	assert_int_equal(block_sums(b, e, 70, false, NULL), 0);
	assert_int_equal(m->read, 70);
	for (unsigned i = 0; i < 70; i++) {
		uint64_t sum = e[i].sum;

		ledger_sum(&e[i], (char *)m->disk->data + e[i].off, LEDGER_CHUNK);
		assert_true(sum == e[i].sum);
	}
	e[0] = (struct ledger_entry){.blocks = {3}};
	assert_int_equal(block_sums(b, e, 1, false, NULL), 0); /* just what was read */
	assert_int_equal(m->recalled, 1);
	assert_int_equal(block_sums(b, e, 1, true, NULL), 0);
	assert_int_equal(m->recalled, 1);
	e[0].off = 80 * (uint64_t)LEDGER_CHUNK;
	assert_int_equal(block_sums(b, e, 1, true, &err), -1);
	assert_int_equal(block_pread(b, buf, sizeof buf, 0, NULL), 0); /* the connection goes on */
	block_close(b);
	nbd_server_stop(take_ptr(&h->server));
	h->server = own;
	c = connect_to(h); /* a disk without a ledger */
	assert_int_equal(nbd_client_sums(c, e, 1, false, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	nbd_client_close(c);
	block_close(&m->b);
	free(e);
}

/* The same where the machine behind the first server keeps no ledger: no bad sector, and its disk can be read. */
static void test_no_sums(void **state)
{
	struct host *h = *state;
	struct nbd_server_options o = {.listen_fd = -1, .readonly = true, .remote = true, .threads = 1};
	struct nbd_block_options bo = {.name = "disk", .size = SIZE};
	struct ledger_entry e = {.blocks = {1}};
	struct nbd_server *own = h->server;
	struct err err = ERR_INIT;
	struct nbd_client *c;
	char buf[4096];
	size_t sent;

	assert_int_equal(nbd_block_new(&bo, &o.block, NULL), 0);
	assert_int_equal(nbd_block_add(o.block, connect_to(h), NULL), 0);
	assert_int_equal(nbd_server_start(&o, &h->server, NULL), 0);
	c = connect_to(h);
	assert_int_equal(nbd_client_sums(c, &e, 1, false, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, 0, &sent, NULL), 0);
	nbd_client_close(c);
	nbd_server_stop(take_ptr(&h->server));
	h->server = own;
	block_close(o.block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_HOST(test_reads),	WITH_HOST(test_extents),
	    WITH_HOST(test_bad_sector), WITH_HOST(test_lost_behind_the_server),
	    WITH_HOST(test_sums),	WITH_HOST(test_no_sums),
	    WITH_HOST(test_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
