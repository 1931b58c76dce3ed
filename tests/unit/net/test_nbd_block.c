/* A block over NBD connections: ones that break, servers in a row, servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/net/nbd_host.h"
#include "tests/unit/net/nbd_liar.h"
#include "tests/unit/support/machine_block.h"

static struct block *block_over(struct host *h, unsigned lanes, unsigned patience)
{
	struct nbd_block_options o = {.name = "sda", .size = SIZE, .patience_seconds = patience};
	struct block *b;

	assert_int_equal(nbd_block_new(&o, &b, NULL), 0);
	for (unsigned i = 0; i < lanes; i++)
		assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	return b;
}

static void expect_data(struct host *h, struct block *b)
{
	char *buf = malloc(SIZE);

	assert_int_equal(block_pread(b, buf, SIZE, 0, NULL), 0);
	assert_memory_equal(buf, h->disk->data, SIZE);
	free(buf);
}

static void test_another_lane(void **state)
{
	struct host *h = *state;
	struct block *b = block_over(h, 3, 0);
	struct nbd_block_stats stats;
	struct err err = ERR_INIT;
	char c;

	expect_data(h, b);
	shutdown(h->far[0], SHUT_RDWR);
	expect_data(h, b);
	nbd_block_stats(b, &stats);
	assert_int_equal(stats.lanes, 2);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.read, 2 * (MIB - 128 * KIB));
	shutdown(h->far[1], SHUT_RDWR);
	shutdown(h->far[2], SHUT_RDWR);
	assert_int_equal(block_pread(b, &c, 1, 0, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	expect_data(h, b);
	block_close(b);
}

struct later {
	struct host *h;
	struct block *b;
};

static void *connect_later(void *opaque)
{
	struct later *l = opaque;

	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	nbd_block_add(l->b, connect_to(l->h), NULL);
	return NULL;
}

static void test_patience(void **state)
{
	struct host *h = *state;
	struct block *b = block_over(h, 1, 60);
	struct later l = {h, b};
	pthread_t thread;

	nbd_block_drop_lanes(b);
	pthread_create(&thread, NULL, connect_later, &l);
	expect_data(h, b);
	pthread_join(thread, NULL);
	block_close(b);
}

static void *give_up_later(void *opaque)
{
	struct later *l = opaque;

	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	nbd_block_give_up(l->b);
	return NULL;
}

static void test_giving_up(void **state)
{
	struct host *h = *state;
	struct block *b = block_over(h, 1, 6000);
	struct later l = {h, b};
	struct err err = ERR_INIT;
	pthread_t thread;
	char c;

	nbd_block_drop_lanes(b);
	pthread_create(&thread, NULL, give_up_later, &l);
	assert_int_equal(block_pread(b, &c, 1, 0, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	pthread_join(thread, NULL);
	assert_int_equal(nbd_block_add(b, connect_to(h), &err), -1);
	block_close(b);
}

static void test_another_size(void **state)
{
	struct host *h = *state;
	struct nbd_block_options o = {.name = "sda", .size = SIZE + 512};
	struct err err = ERR_INIT;
	struct block *b;

	assert_int_equal(nbd_block_new(&o, &b, NULL), 0);
	assert_int_equal(nbd_block_add(b, connect_to(h), &err), -1);
	assert_string_equal(err.text, "disk 'sda' has 4194304 bytes now, it had 4194816");
	block_close(b);
}

/* ---- a block over liars ---- */

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

/* Nor is what it has no memory for: that is asked for once more, on another connection. */
static void test_no_memory_behind_the_server(void **state)
{
	struct host *h = *state;
	struct nbd_block_options o = {.name = "sda", .size = SIZE};
	struct nbd_block_stats stats;
	struct block *b;
	char buf[4096];

	h->disk->bad_off = MIB;
	h->disk->bad_len = 4096;
	h->disk->bad_times = 1;
	h->disk->bad_errno = ENOMEM;
	assert_int_equal(nbd_block_new(&o, &b, NULL), 0);
	assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	assert_int_equal(nbd_block_add(b, connect_to(h), NULL), 0);
	assert_int_equal(block_pread(b, buf, sizeof buf, MIB, NULL), 0);
	assert_memory_equal(buf, h->disk->data + MIB, sizeof buf);
	nbd_block_stats(b, &stats);
	assert_int_equal(stats.lost, 1);
	block_close(b);
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

enum { LIARS_MAX = 11 };

struct liars {
	struct script scripts[LIARS_MAX];
	pthread_t threads[LIARS_MAX];
	unsigned n;
	struct block *b;
};

/* One more of them. */
static struct nbd_client *liar_start(struct liars *l, const struct script *script)
{
	unsigned i = l->n++;

	l->scripts[i] = *script;
	return lied_to(&l->scripts[i], &l->threads[i]);
}

static void liars_open(struct liars *l, unsigned n, const struct script *each)
{
	const struct timeval patience = {.tv_usec = 20000};
	struct nbd_block_options o = {.name = "sda", .size = LIE_SIZE, .patience_seconds = 60};

	assert_int_equal(nbd_block_new(&o, &l->b, NULL), 0);
	while (l->n < n) {
		struct nbd_client *c = liar_start(l, each);

		if (each->silent)
			assert_int_equal(
			    setsockopt(nbd_client_stream(c)->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
			    0);
		assert_int_equal(nbd_block_add(l->b, c, NULL), 0);
	}
}

static void liars_end(struct liars *l)
{
	block_close(l->b);
	for (unsigned i = 0; i < l->n; i++) {
		pthread_join(l->threads[i], NULL);
		close(l->scripts[i].fd);
	}
}

/* All but one connection have been tried. */
static void liars_close(struct liars *l)
{
	struct nbd_block_stats stats;

	nbd_block_stats(l->b, &stats);
	assert_int_equal(stats.lost, l->n - 1);
	assert_int_equal(stats.lanes, 1);
	liars_end(l);
}

/* Through another server, as the host passes it on. */
static void test_wrong_again_and_again(void **state)
{
	struct host *h = *state, passing = {0};
	struct nbd_server_options o = {.listen_fd = -1, .readonly = true, .remote = true, .threads = 1};
	struct buf b = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	struct nbd_client *c;
	struct liars l = {0};
	char buf[LIE_LEN];
	size_t sent;

	assert_int_equal(h->n, 0);
	put_data(&b, 0, LIE_LEN, false);
	/* Five for what the server asks first, the map; five for the data. */
	liars_open(&l, 11, &(struct script){.bytes = b.data, .len = b.len});
	o.block = l.b;
	assert_int_equal(nbd_server_start(&o, &passing.server, NULL), 0);
	c = connect_to(&passing);
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, 0, &sent, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(err.sys, EBADMSG);
	assert_non_null(strstr(err.text, "is wrong, after attempts on 5 connections"));
	nbd_client_close(c);
	pthread_join(passing.threads[0], NULL);
	close(passing.far[0]);
	nbd_server_stop(passing.server);
	liars_close(&l);
	buf_done(&b);
}

static void test_no_answer_in_time(void **state)
{
	struct err err = ERR_INIT;
	struct liars l = {0};
	char buf[LIE_LEN];

	liars_open(&l, 6, &(struct script){.silent = true});
	assert_int_equal(block_pread(l.b, buf, sizeof buf, 0, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_non_null(strstr(err.text, "no answer in time on 5 connections"));
	liars_close(&l);
}

static void *read_front(void *opaque)
{
	struct block *b = opaque;
	char buf[LIE_LEN];

	assert_int_equal(block_pread(b, buf, sizeof buf, 0, NULL), 0);
	assert_int_equal(buf[LIE_LEN - 1], 'x');
	return NULL;
}

/* The client has dialled anew, and the connection it had before doesn't know: who waits on that goes on. Idle ones are
 * replaced, too. The alarm ends the test if the request waits for ever. */
static void test_renewed_lane(void **state)
{
	struct nbd_block_options o = {.name = "sda", .size = LIE_SIZE};
	struct buf data = BUF_INIT(MIB);
	struct nbd_block_stats stats;
	struct liars l = {0};
	pthread_t reader;

	(void)state;
	put_data(&data, 0, LIE_LEN, true);
	assert_int_equal(nbd_block_new(&o, &l.b, NULL), 0);
	assert_int_equal(nbd_block_renew(l.b, 3, liar_start(&l, &(struct script){.silent = true}), NULL), 0);
	alarm(60);
	assert_int_equal(pthread_create(&reader, NULL, read_front, l.b), 0);
	while (!l.scripts[0].asked)
		usleep(10000);
	assert_int_equal(
	    nbd_block_renew(l.b, 3, liar_start(&l, &(struct script){.bytes = data.data, .len = data.len}), NULL), 0);
	pthread_join(reader, NULL);
	alarm(0);
	nbd_block_stats(l.b, &stats);
	assert_int_equal(stats.lanes, 1);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(nbd_block_renew(l.b, 3, liar_start(&l, &(struct script){.silent = true}), NULL), 0);
	nbd_block_stats(l.b, &stats);
	assert_int_equal(stats.lanes, 1);
	assert_int_equal(nbd_block_renew(l.b, 0, liar_start(&l, &(struct script){.silent = true}), NULL), 0);
	nbd_block_stats(l.b, &stats);
	assert_int_equal(stats.lanes, 2);
	liars_end(&l);
	buf_done(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_HOST(test_another_lane),
	    WITH_HOST(test_lost_behind_the_server),
	    WITH_HOST(test_no_memory_behind_the_server),
	    WITH_HOST(test_sums),
	    WITH_HOST(test_no_sums),
	    WITH_HOST(test_patience),
	    WITH_HOST(test_giving_up),
	    WITH_HOST(test_another_size),
	    WITH_HOST(test_wrong_again_and_again),
	    WITH_HOST(test_no_answer_in_time),
	    cmocka_unit_test(test_renewed_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
