/* The NBD client and the block over it: against our server, against servers that lie, and when connections break. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include "core/base/bytes.h"
#include "core/base/compress.h"
#include "core/base/hash.h"
#include "net/nbd_block.h"
#include "net/nbd_protocol.h"
#include "net/nbd_server.h"
#include "tests/unit/support/machine_block.h"

enum { SIZE = 4 << 20 };

/* ---- our own server ---- */

struct host {
	struct mem_block *disk;
	struct nbd_server *server;
	pthread_t threads[8];
	int far[8]; /* duplicates, to break the connection with */
	struct stream *streams[8];
	unsigned n;
};

struct serving {
	struct nbd_server *server;
	struct stream *stream;
};

static void *serve(void *opaque)
{
	struct serving *s = opaque;

	nbd_server_serve(s->server, s->stream, NULL);
	free(s);
	return NULL;
}

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof *h);
	struct nbd_server_options o = {.listen_fd = -1, .readonly = true, .remote = true, .threads = 1};

	h->disk = mem_new(SIZE);
	mem_fill(h->disk, MIB, MIB, 17);
	memset(h->disk->data + MIB + 256 * KIB, 0, 128 * KIB); /* zeros that the map doesn't know */
	o.block = &h->disk->b;
	*state = h;
	return nbd_server_start(&o, &h->server, NULL);
}

static int teardown(void **state)
{
	struct host *h = *state;

	for (unsigned i = 0; i < h->n; i++) {
		pthread_join(h->threads[i], NULL);
		close(h->far[i]);
	}
	nbd_server_stop(h->server);
	block_close(&h->disk->b);
	free(h);
	return 0;
}

static struct nbd_client *connect_to(struct host *h)
{
	struct serving *s = calloc(1, sizeof *s);
	struct nbd_client *c;
	struct stream *near;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &near, NULL), 0);
	assert_int_equal(stream_of_fd(fds[1], &s->stream, NULL), 0);
	s->server = h->server;
	h->far[h->n] = dup(fds[1]);
	assert_int_equal(pthread_create(&h->threads[h->n++], NULL, serve, s), 0);
	assert_int_equal(nbd_client_open(near, &c, NULL), 0);
	return c;
}

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

/* ---- connections that break ---- */

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

/* ---- servers that lie ---- */

enum { LIE_SIZE = 1 << 20, LIE_LEN = 8192 };

struct script {
	const void *bytes;
	size_t len;
	int fd;
	bool silent; /* no answer, and no end either */
};

static void take_all(int fd, size_t len)
{
	char sink[4096];

	while (len) {
		ssize_t n = recv(fd, sink, min_u64(len, sizeof sink), 0);

		if (n <= 0)
			return;
		len -= (size_t)n;
	}
}

static void reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	unsigned char head[20];

	put_be64(head, NBD_OPT_REPLY_MAGIC);
	put_be32(head + 8, option);
	put_be32(head + 12, type);
	put_be32(head + 16, len);
	send(fd, head, sizeof head, MSG_NOSIGNAL);
	send(fd, data, len, MSG_NOSIGNAL);
}

/* Negotiates as it should be, then answers the one request with the script's bytes. */
static void *lie(void *opaque)
{
	struct script *s = opaque;
	unsigned char export[12] = {0};

	send(s->fd, "NBDMAGICIHAVEOPT\0\3", 18, MSG_NOSIGNAL);
	take_all(s->fd, 4 + 16);
	reply(s->fd, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 16 + 8 + 4 + 15 + 4 + 13 + 4 + 15 + 4 + 13);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\1base:allocation", 19);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\2x-rehost:xxh3", 17);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\3x-rehost:zstd", 17);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 16 + 6);
	put_be16(export, NBD_INFO_EXPORT);
	put_be64(export + 2, LIE_SIZE);
	reply(s->fd, NBD_OPT_GO, NBD_REP_INFO, export, sizeof export);
	reply(s->fd, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 28);
	if (s->silent) {
		take_all(s->fd, SIZE_MAX);
		return NULL;
	}
	send(s->fd, s->bytes, s->len, MSG_NOSIGNAL);
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* A chunk of the reply to request 1 behind what is there. */
static void add_chunk(struct buf *b, uint16_t flags, uint16_t type, uint32_t len, const void *front, size_t front_len,
		      size_t body)
{
	unsigned char head[20];

	put_be32(head, NBD_STRUCTURED_REPLY_MAGIC);
	put_be16(head + 4, flags);
	put_be16(head + 6, type);
	put_be64(head + 8, 1);
	put_be32(head + 16, len);
	buf_add(b, head, sizeof head);
	buf_add(b, front, front_len);
	memset(buf_reserve(b, body), 'x', body);
	buf_commit(b, body);
}

/* What is asked for LIE_LEN bytes at 0. */
enum question { READ = 0, STATUS, PACKED_READ };

/* What such a question says to these bytes. */
static void expect_lie(const struct buf *b, enum question question, enum err_code code, const char *text)
{
	struct script s = {.bytes = b->data, .len = b->len};
	struct extent *e = calloc(NBD_CLIENT_EXTENTS_MAX, sizeof *e);
	struct err err = ERR_INIT;
	struct nbd_client *c;
	struct stream *near;
	pthread_t thread;
	char buf[LIE_LEN];
	int fds[2], got;
	size_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &near, NULL), 0);
	s.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, lie, &s), 0);
	assert_int_equal(nbd_client_open(near, &c, NULL), 0);
	nbd_client_pack(c, question == PACKED_READ);
	got = question == STATUS ? nbd_client_extents(c, 0, LIE_LEN, e, &n, &err)
				 : nbd_client_read(c, buf, LIE_LEN, 0, &n, &err);
	assert_int_equal(got, code ? -1 : 0);
	assert_int_equal(err.code, code);
	if (code)
		assert_non_null(strstr(err.text, text));
	nbd_client_drop(c);
	pthread_join(thread, NULL);
	close(fds[1]);
	free(e);
}

static void put_data(struct buf *b, uint64_t off, uint32_t len, bool honest)
{
	unsigned char front[20];
	char body[LIE_LEN];

	memset(body, 'x', sizeof body);
	put_be64(front, off);
	add_chunk(b, 0, NBD_REPLY_TYPE_OFFSET_DATA, 8 + len, front, 8, len);
	put_be32(front + 8, len);
	put_be64(front + 12, hash_xxh3(body, len) + !honest);
	add_chunk(b, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_REHOST_HASH, 20, front, 20, 0);
}

static void test_lies(void **state)
{
	struct buf b = BUF_INIT(MIB);
	unsigned char wire[24] = {0};

	put_data(&b, 0, LIE_LEN, true);
	expect_lie(&b, READ, ERR_NONE, ""); /* the way of asking is right */
	buf_clear(&b);
	put_data(&b, 0, LIE_LEN, false);
	expect_lie(&b, READ, ERR_CORRUPT, "the checksum of 8192 bytes at 0x0 is wrong");
	buf_clear(&b);
	put_data(&b, 0, LIE_LEN / 2, true);
	expect_lie(&b, READ, ERR_CORRUPT, "isn't all of what was asked for");
	buf_clear(&b);
	put_data(&b, 4096, LIE_LEN / 2, true);
	expect_lie(&b, READ, ERR_CORRUPT, "outside of what was asked for");
	buf_clear(&b);
	add_chunk(&b, 1, NBD_REPLY_TYPE_OFFSET_DATA, 8 + LIE_LEN, wire, 8, LIE_LEN);
	expect_lie(&b, READ, ERR_CORRUPT, "without their checksum");
	buf_clear(&b);
	add_chunk(&b, 1, NBD_REPLY_TYPE_OFFSET_DATA, 8 + LIE_LEN + 1, wire, 8, LIE_LEN + 1);
	expect_lie(&b, READ, ERR_CORRUPT, "outside of what was asked for");
	buf_clear(&b);
	add_chunk(&b, 1, NBD_REPLY_TYPE_OFFSET_DATA, UINT32_MAX, wire, 8, 0);
	expect_lie(&b, READ, ERR_CORRUPT, "outside of what was asked for");
	buf_clear(&b);
	put_be32(wire + 8, UINT32_MAX);
	add_chunk(&b, 1, NBD_REPLY_TYPE_OFFSET_HOLE, 12, wire, 12, 0);
	expect_lie(&b, READ, ERR_CORRUPT, "outside of what was asked for");
	buf_clear(&b);
	add_chunk(&b, 1, NBD_REPLY_TYPE_NONE, 0, NULL, 0, 0);
	expect_lie(&b, READ, ERR_CORRUPT, "isn't all of what was asked for");
	buf_clear(&b);
	add_chunk(&b, 1, 77, 0, NULL, 0, 0);
	expect_lie(&b, READ, ERR_CORRUPT, "a chunk of an unknown type");
	buf_clear(&b);
	buf_add(&b, "HTTP/1.0 200 OK.....", 20);
	expect_lie(&b, READ, ERR_CORRUPT, "no reply to the request that was sent");
	buf_clear(&b);
	expect_lie(&b, READ, ERR_TEMPFAIL, "the NBD connection was lost");
	memcpy(wire, "\0\0\0\1\0\0\0\0\0\0\0\0", 12);
	add_chunk(&b, 1, NBD_REPLY_TYPE_BLOCK_STATUS, 12, wire, 12, 0);
	expect_lie(&b, STATUS, ERR_CORRUPT, "an extent of no bytes");
	buf_clear(&b);
	wire[3] = 9;
	add_chunk(&b, 1, NBD_REPLY_TYPE_BLOCK_STATUS, 12, wire, 12, 0);
	expect_lie(&b, STATUS, ERR_CORRUPT, "a block status that nobody asked for");
	buf_clear(&b);
	add_chunk(&b, 1, NBD_REPLY_TYPE_BLOCK_STATUS, UINT32_MAX, wire, 12, 0);
	expect_lie(&b, STATUS, ERR_CORRUPT, "a block status of a wrong length");
	buf_clear(&b);
	memcpy(wire, "\0\0\0\1\377\377\377\377\0\0\0\0", 12);
	add_chunk(&b, 1, NBD_REPLY_TYPE_BLOCK_STATUS, 12, wire, 12, 0);
	expect_lie(&b, STATUS, ERR_NONE, ""); /* the last may reach farther */
	buf_done(&b);
}

/* ---- a block over liars ---- */

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
	struct nbd_client *c;
	struct stream *near;
	int fds[2];

	l->scripts[l->n] = *script;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &near, NULL), 0);
	l->scripts[l->n].fd = fds[1];
	assert_int_equal(pthread_create(&l->threads[l->n], NULL, lie, &l->scripts[l->n]), 0);
	l->n++;
	assert_int_equal(nbd_client_open(near, &c, NULL), 0);
	return c;
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
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
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

/* Data with packed bytes in it that say how long they are. */
static void put_packed(struct buf *b, uint32_t said, const void *packed, size_t len)
{
	unsigned char front[20] = {0};

	put_be32(front + 8, said);
	add_chunk(b, 0, NBD_REPLY_TYPE_REHOST_ZSTD, (uint32_t)(12 + len), front, 12, 0);
	buf_add(b, packed, len);
}

static void put_hash(struct buf *b, const void *data, uint32_t len)
{
	unsigned char front[20] = {0};

	put_be32(front + 8, len);
	put_be64(front + 12, hash_xxh3(data, len));
	add_chunk(b, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_REHOST_HASH, 20, front, 20, 0);
}

static void test_packed_lies(void **state)
{
	struct encoder *zstd = encoder_new(CODEC_ZSTD, 0);
	struct buf b = BUF_INIT(MIB);
	char data[LIE_LEN], packed[LIE_LEN];
	size_t n;

	(void)state;
	memset(data, 'y', sizeof data);
	n = encoder_run(zstd, data, sizeof data, packed, sizeof packed);
	put_packed(&b, LIE_LEN, packed, n);
	put_hash(&b, data, LIE_LEN);
	expect_lie(&b, PACKED_READ, ERR_NONE, "");
	expect_lie(&b, READ, ERR_CORRUPT, "packed data that nobody asked for");
	buf_clear(&b);
	put_packed(&b, LIE_LEN, packed, n);
	put_hash(&b, packed, LIE_LEN);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "the checksum of 8192 bytes at 0x0 is wrong");
	buf_clear(&b);
	put_packed(&b, LIE_LEN, packed, n);
	expect_lie(&b, PACKED_READ, ERR_TEMPFAIL, "lost"); /* no checksum, and no more */
	buf_clear(&b);
	put_packed(&b, LIE_LEN / 2, packed, n);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "packed data at 0x0");
	buf_clear(&b);
	put_packed(&b, LIE_LEN, packed, n - 1);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "packed data at 0x0");
	buf_clear(&b);
	put_packed(&b, LIE_LEN + 1, packed, n);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "outside of what was asked for");
	buf_clear(&b);
	put_packed(&b, 16, data, 16);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "longer than what is in them");
	buf_clear(&b);
	put_packed(&b, LIE_LEN, packed, 0);
	expect_lie(&b, PACKED_READ, ERR_CORRUPT, "packed data that nobody asked for");
	encoder_free(zstd);
	buf_done(&b);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_reads),
	    TEST(test_extents),
	    TEST(test_bad_sector),
	    TEST(test_another_lane),
	    TEST(test_patience),
	    TEST(test_giving_up),
	    TEST(test_another_size),
	    TEST(test_sums),
	    TEST(test_no_sums),
	    TEST(test_packed),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_packed_lies),
	    TEST(test_lost_behind_the_server),
	    TEST(test_wrong_again_and_again),
	    TEST(test_no_answer_in_time),
	    cmocka_unit_test(test_renewed_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
