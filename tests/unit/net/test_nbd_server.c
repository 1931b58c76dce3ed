/* Tests of net/nbd_server.c with a client by hand: negotiation, every command, and what a hostile client may try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "net/nbd_protocol.h"
#include "net/nbd_server.h"
#include "tests/unit/support/mem_block.h"

enum { SIZE = 4 << 20 };

struct fixture {
	struct mem_block *disk;
	struct nbd_server *server;
	struct sockaddr_un address;
	uint64_t trimmed_off, trimmed_len;
	_Atomic unsigned failures;
};

static struct fixture *current; /* the block's trim verb gets no opaque */

static int record_trim(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	current->trimmed_off = off;
	current->trimmed_len = len;
	return 0;
}

static void record_failure(const struct err *err, void *opaque)
{
	struct fixture *f = opaque;

	f->failures++;
}

static int start(void **state, bool readonly)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct nbd_server_options o = {
	    .trim = record_trim, .failed = record_failure, .opaque = f, .readonly = readonly};
	struct err err;

	current = f;
	f->disk = mem_new(SIZE);
	mem_fill(f->disk, MIB, MIB, 17);
	f->address.sun_family = AF_UNIX; /* an abstract name: nothing to remove */
	snprintf(f->address.sun_path + 1, sizeof f->address.sun_path - 1, "rehost-test-%d", (int)getpid());
	o.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	o.block = &f->disk->b;
	if (bind(o.listen_fd, (struct sockaddr *)&f->address, sizeof f->address) < 0 || listen(o.listen_fd, 8) < 0)
		return -1;
	*state = f;
	return nbd_server_start(&o, &f->server, &err);
}

static int setup(void **state)
{
	return start(state, false);
}

static int setup_readonly(void **state)
{
	return start(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nbd_server_stop(f->server);
	block_close(&f->disk->b);
	free(f);
	return 0;
}

/* ---- the client ---- */

static void put(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void get(int fd, void *data, size_t len)
{
	assert_int_equal(recv(fd, data, len, MSG_WAITALL), (ssize_t)len);
}

static void expect_closed(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

static int dial(const struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&f->address, sizeof f->address), 0);
	return fd;
}

static int hello(const struct fixture *f, uint32_t flags)
{
	int fd = dial(f);
	unsigned char in[18], out[4];

	get(fd, in, sizeof in);
	assert_memory_equal(in, "NBDMAGICIHAVEOPT\0\3", 18);
	put_be32(out, flags);
	put(fd, out, sizeof out);
	return fd;
}

static void put_option(int fd, uint32_t number, const void *data, uint32_t len)
{
	unsigned char head[16];

	put_be64(head, NBD_OPTION_MAGIC);
	put_be32(head + 8, number);
	put_be32(head + 12, len);
	put(fd, head, sizeof head);
	if (len)
		put(fd, data, len);
}

/* Reads one reply to an option; returns its type, data in buf (256 bytes). */
static uint32_t get_option(int fd, uint32_t number, unsigned char *buf, uint32_t *ret_len)
{
	unsigned char head[20];

	get(fd, head, sizeof head);
	assert_int_equal(get_be64(head), NBD_OPT_REPLY_MAGIC);
	assert_int_equal(get_be32(head + 8), number);
	*ret_len = get_be32(head + 16);
	assert_true(*ret_len <= 256);
	if (*ret_len)
		get(fd, buf, *ret_len);
	return get_be32(head + 12);
}

static void expect_option(int fd, uint32_t number, uint32_t type, const char *text)
{
	unsigned char buf[257] = {0};
	uint32_t len;

	assert_int_equal(get_option(fd, number, buf, &len), type);
	buf[len] = '\0';
	if (text)
		assert_string_equal((char *)buf, text);
}

static const unsigned char go[] = {0, 0, 0, 0, 0, 0};
static const unsigned char want_allocation[] = "\0\0\0\0\0\0\0\1\0\0\0\x0f"
					       "base:allocation";

/* Transmission, with structured replies and base:allocation or without. */
static int ready(const struct fixture *f, bool structured)
{
	int fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	unsigned char buf[256];
	uint32_t len;

	if (structured) {
		put_option(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
		expect_option(fd, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK, NULL);
		put_option(fd, NBD_OPT_SET_META_CONTEXT, want_allocation, sizeof want_allocation - 1);
		assert_int_equal(get_option(fd, NBD_OPT_SET_META_CONTEXT, buf, &len), NBD_REP_META_CONTEXT);
		assert_int_equal(len, 4 + 15);
		assert_memory_equal(buf, "\0\0\0\1base:allocation", len);
		expect_option(fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK, NULL);
	}
	put_option(fd, NBD_OPT_GO, go, sizeof go);
	while (get_option(fd, NBD_OPT_GO, buf, &len) == NBD_REP_INFO)
		;
	return fd;
}

static void put_request(int fd, uint16_t type, uint16_t flags, uint64_t off, uint32_t len)
{
	unsigned char wire[28];

	put_be32(wire, NBD_REQUEST_MAGIC);
	put_be16(wire + 4, flags);
	put_be16(wire + 6, type);
	memcpy(wire + 8, "a cookie", 8);
	put_be64(wire + 16, off);
	put_be32(wire + 24, len);
	put(fd, wire, sizeof wire);
}

static uint32_t get_simple(int fd)
{
	unsigned char wire[16];

	get(fd, wire, sizeof wire);
	assert_int_equal(get_be32(wire), NBD_SIMPLE_REPLY_MAGIC);
	assert_memory_equal(wire + 8, "a cookie", 8);
	return get_be32(wire + 4);
}

/* One chunk, which must be the last; payload in buf (256 bytes unless data follows elsewhere). */
static uint32_t get_chunk(int fd, unsigned type, unsigned char *buf, uint32_t max)
{
	unsigned char wire[20];
	uint32_t len;

	get(fd, wire, sizeof wire);
	assert_int_equal(get_be32(wire), NBD_STRUCTURED_REPLY_MAGIC);
	assert_int_equal(get_be16(wire + 4), NBD_REPLY_FLAG_DONE);
	assert_int_equal(get_be16(wire + 6), type);
	assert_memory_equal(wire + 8, "a cookie", 8);
	len = get_be32(wire + 16);
	assert_true(len <= max);
	if (len)
		get(fd, buf, len);
	return len;
}

static void expect_error(int fd, uint32_t error, const char *text)
{
	unsigned char buf[257];
	uint32_t len = get_chunk(fd, NBD_REPLY_TYPE_ERROR, buf, 256);

	buf[len] = '\0';
	assert_int_equal(get_be32(buf), error);
	assert_int_equal(get_be16(buf + 4), len - 6);
	assert_string_equal((char *)buf + 6, text);
}

/* ---- negotiation ---- */

static void test_export_name(void **state)
{
	struct fixture *f = *state;
	unsigned char reply[134];
	int fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE);
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM |
			 NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_DF | NBD_FLAG_CAN_MULTI_CONN;

	put_option(fd, NBD_OPT_EXPORT_NAME, NULL, 0);
	get(fd, reply, sizeof reply); /* with its zeros */
	assert_int_equal(get_be64(reply), SIZE);
	assert_int_equal(get_be16(reply + 8), flags);
	put_request(fd, NBD_CMD_READ, 0, MIB, 512);
	assert_int_equal(get_simple(fd), 0);
	get(fd, reply, 100);
	assert_memory_equal(reply, f->disk->data + MIB, 100);
	close(fd);
	fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE);
	put_option(fd, NBD_OPT_EXPORT_NAME, "x", 1);
	expect_closed(fd);
}

static void test_info_and_list(void **state)
{
	struct fixture *f = *state;
	unsigned char buf[256];
	uint32_t len;
	int fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE);

	put_option(fd, NBD_OPT_LIST, NULL, 0);
	assert_int_equal(get_option(fd, NBD_OPT_LIST, buf, &len), NBD_REP_SERVER);
	assert_int_equal(len, 4);
	expect_option(fd, NBD_OPT_LIST, NBD_REP_ACK, NULL);
	put_option(fd, NBD_OPT_INFO, go, sizeof go);
	assert_int_equal(get_option(fd, NBD_OPT_INFO, buf, &len), NBD_REP_INFO);
	assert_int_equal(get_be16(buf), NBD_INFO_EXPORT);
	assert_int_equal(get_be64(buf + 2), SIZE);
	assert_int_equal(get_option(fd, NBD_OPT_INFO, buf, &len), NBD_REP_INFO);
	assert_int_equal(get_be16(buf), NBD_INFO_BLOCK_SIZE);
	assert_int_equal(get_be32(buf + 2), 1);
	assert_int_equal(get_be32(buf + 6), 4096);
	assert_int_equal(get_be32(buf + 10), 32 * MIB);
	expect_option(fd, NBD_OPT_INFO, NBD_REP_ACK, NULL);
	put_option(fd, NBD_OPT_ABORT, NULL, 0);
	expect_option(fd, NBD_OPT_ABORT, NBD_REP_ACK, NULL);
	expect_closed(fd);
}

static void test_bad_options_are_refused(void **state)
{
	static const struct {
		uint32_t number;
		const char *data;
		uint32_t len, type;
		const char *text;
	} cases[] = {
	    {5, "", 0, NBD_REP_ERR_UNSUP, "this option is not supported"},
	    {99, "abc", 3, NBD_REP_ERR_UNSUP, "this option is not supported"},
	    {NBD_OPT_GO, "", 0, NBD_REP_ERR_INVALID, "the option ends before its name"},
	    {NBD_OPT_GO, "\377\377\377\377\0\0", 6, NBD_REP_ERR_INVALID, "the name is longer than the option"},
	    {NBD_OPT_GO, "\0\0\0\1x\0\0", 7, NBD_REP_ERR_UNKNOWN, "the only export has an empty name"},
	    {NBD_OPT_GO, "\0\0\0\0\0\7", 6, NBD_REP_ERR_INVALID,
	     "the option's length doesn't fit its number of information requests"},
	    {NBD_OPT_LIST, "x", 1, NBD_REP_ERR_INVALID, "LIST takes no data"},
	    {NBD_OPT_STRUCTURED_REPLY, "x", 1, NBD_REP_ERR_INVALID, "STRUCTURED_REPLY takes no data"},
	    {NBD_OPT_SET_META_CONTEXT, "\0\0\0\0", 4, NBD_REP_ERR_INVALID,
	     "the option ends before its number of queries"},
	    {NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\2\0\0\0\0", 12, NBD_REP_ERR_INVALID,
	     "the option ends before a query"},
	    {NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\377\0\0\0", 12, NBD_REP_ERR_INVALID,
	     "a query is longer than the option"},
	    {NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\0x", 9, NBD_REP_ERR_INVALID, "bytes follow the last query"},
	    {NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8, NBD_REP_ERR_INVALID,
	     "structured replies must be agreed before"},
	};
	int fd = hello(*state, NBD_FLAG_FIXED_NEWSTYLE);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_option(fd, cases[i].number, cases[i].data, cases[i].len);
		expect_option(fd, cases[i].number, cases[i].type, cases[i].text);
	}
	close(fd);
}

static void test_list_meta_context(void **state)
{
	int fd = hello(*state, NBD_FLAG_FIXED_NEWSTYLE);

	put_option(fd, NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8);
	expect_option(fd, NBD_OPT_LIST_META_CONTEXT, NBD_REP_META_CONTEXT, NULL);
	expect_option(fd, NBD_OPT_LIST_META_CONTEXT, NBD_REP_ACK, NULL);
	put_option(fd, NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\4qemu", 16);
	expect_option(fd, NBD_OPT_LIST_META_CONTEXT, NBD_REP_ACK, NULL);
	put_option(fd, NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\5base:", 17);
	expect_option(fd, NBD_OPT_LIST_META_CONTEXT, NBD_REP_META_CONTEXT, NULL);
	expect_option(fd, NBD_OPT_LIST_META_CONTEXT, NBD_REP_ACK, NULL);
	close(fd);
}

static void test_hostile_negotiation_ends(void **state)
{
	struct fixture *f = *state;
	unsigned char head[16] = {0};
	int fd = hello(f, 0x80);

	expect_closed(fd); /* unknown client flags */
	fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE);
	put(fd, head, sizeof head); /* no magic */
	expect_closed(fd);
	fd = hello(f, NBD_FLAG_FIXED_NEWSTYLE);
	put_be64(head, NBD_OPTION_MAGIC);
	put_be32(head + 8, NBD_OPT_GO);
	put_be32(head + 12, 0xffffffff);
	put(fd, head, sizeof head); /* 4 GiB of option */
	expect_closed(fd);
}

/* ---- transmission ---- */

static void test_read(void **state)
{
	struct fixture *f = *state;
	unsigned char buf[8 + 4096];
	int fd = ready(f, true);

	put_request(fd, NBD_CMD_READ, NBD_CMD_FLAG_DF, MIB + 5, 4000);
	assert_int_equal(get_chunk(fd, NBD_REPLY_TYPE_OFFSET_DATA, buf, sizeof buf), 8 + 4000);
	assert_int_equal(get_be64(buf), MIB + 5);
	assert_memory_equal(buf + 8, f->disk->data + MIB + 5, 4000);
	/* a hole is not sent as zeros */
	put_request(fd, NBD_CMD_READ, 0, 0, MIB);
	assert_int_equal(get_chunk(fd, NBD_REPLY_TYPE_OFFSET_HOLE, buf, sizeof buf), 12);
	assert_int_equal(get_be64(buf), 0);
	assert_int_equal(get_be32(buf + 8), MIB);
	put_request(fd, NBD_CMD_READ, 0, 0, 0);
	assert_int_equal(get_chunk(fd, NBD_REPLY_TYPE_NONE, buf, 0), 0);
	close(fd);
}

static void test_write_flush_trim_zero(void **state)
{
	struct fixture *f = *state;
	int fd = ready(f, true);

	put_request(fd, NBD_CMD_WRITE, 0, 100, 5);
	put(fd, "hello", 5);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_memory_equal(f->disk->data + 100, "hello", 5);
	assert_int_equal(f->disk->flushes, 0);
	put_request(fd, NBD_CMD_FLUSH, 0, 0, 0);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_int_equal(f->disk->flushes, 1);
	put_request(fd, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, SIZE - 5, 5);
	put(fd, "world", 5);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_int_equal(f->disk->flushes, 2);
	put_request(fd, NBD_CMD_TRIM, 0, 4096, SIZE - 4096);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_int_equal(f->trimmed_off, 4096);
	assert_int_equal(f->trimmed_len, SIZE - 4096);
	put_request(fd, NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE, 100, 3);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_memory_equal(f->disk->data + 100, "\0\0\0lo", 5);
	close(fd);
}

static void test_block_status(void **state)
{
	static const uint32_t expected[] = {MIB, 3, MIB, 0, 2 * MIB, 3};
	struct fixture *f = *state;
	unsigned char buf[256];
	int fd = ready(f, true);

	put_request(fd, NBD_CMD_BLOCK_STATUS, 0, 0, SIZE);
	assert_int_equal(get_chunk(fd, NBD_REPLY_TYPE_BLOCK_STATUS, buf, 256), 4 + sizeof expected);
	assert_int_equal(get_be32(buf), 1);
	for (size_t i = 0; i < sizeof expected / 4; i++)
		assert_int_equal(get_be32(buf + 4 + 4 * i), expected[i]);
	put_request(fd, NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, MIB + 1000, MIB);
	assert_int_equal(get_chunk(fd, NBD_REPLY_TYPE_BLOCK_STATUS, buf, 256), 4 + 8);
	assert_int_equal(get_be32(buf + 4), MIB - 1000);
	close(fd);
	fd = ready(f, false);
	put_request(fd, NBD_CMD_BLOCK_STATUS, 0, 0, SIZE);
	assert_int_equal(get_simple(fd), NBD_EINVAL);
	close(fd);
}

/* A disk whose every other 4 KiB is a hole: the reply is cut, not refused. */
static void test_block_status_is_bounded(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE unsigned char *buf = malloc(4 + 8 * 2048);
	uint32_t len;
	int fd = ready(f, true);

	memset(f->disk->allocated, 0, SIZE / MEM_UNIT);
	for (size_t i = 0; i < SIZE / MEM_UNIT; i += 2)
		f->disk->allocated[i] = true;
	put_request(fd, NBD_CMD_BLOCK_STATUS, 0, 0, SIZE);
	len = get_chunk(fd, NBD_REPLY_TYPE_BLOCK_STATUS, buf, 4 + 8 * 2048);
	assert_int_equal(len, 4 + 8 * 1024);
	close(fd);
}

static void test_bad_requests_are_refused(void **state)
{
	static const struct {
		uint16_t type, flags;
		uint64_t off;
		uint32_t len, error;
		const char *text;
	} cases[] = {
	    {NBD_CMD_READ, 0, SIZE - 10, 11, NBD_EINVAL, "the range ends behind the export's end"},
	    {NBD_CMD_READ, 0, UINT64_MAX, 2, NBD_EINVAL, "the range ends behind the export's end"},
	    {NBD_CMD_TRIM, 0, SIZE, 1, NBD_ENOSPC, "the range ends behind the export's end"},
	    {NBD_CMD_WRITE_ZEROES, 0, 1, SIZE, NBD_ENOSPC, "the range ends behind the export's end"},
	    {NBD_CMD_BLOCK_STATUS, 0, 0, 0, NBD_EINVAL, "block status of no bytes"},
	    {NBD_CMD_READ, NBD_CMD_FLAG_FUA, 0, 1, NBD_EINVAL, "the command doesn't take these flags"},
	    {5, 0, 0, 1, NBD_EINVAL, "this command is not supported"},
	    {0xffff, 0, 0, 1, NBD_EINVAL, "this command is not supported"},
	};
	int fd = ready(*state, true);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_request(fd, cases[i].type, cases[i].flags, cases[i].off, cases[i].len);
		expect_error(fd, cases[i].error, cases[i].text);
	}
	close(fd);
}

static void test_hostile_requests_end(void **state)
{
	struct fixture *f = *state;
	unsigned char junk[28] = "not a request";
	int fd = ready(f, true);

	put_request(fd, NBD_CMD_WRITE, 0, 0, 32 * MIB + 1);
	expect_closed(fd);
	fd = ready(f, true);
	put(fd, junk, sizeof junk);
	expect_closed(fd);
	/* a payload that never comes */
	fd = ready(f, true);
	put_request(fd, NBD_CMD_WRITE, 0, 0, 4096);
	put(fd, "x", 1);
	shutdown(fd, SHUT_WR);
	expect_closed(fd);
	assert_int_equal(f->disk->write_bytes, 0);
}

static void test_failures_of_the_block(void **state)
{
	struct fixture *f = *state;
	int fd = ready(f, true);

	f->disk->bad_off = MIB;
	f->disk->bad_len = 512;
	f->disk->bad_times = -1;
	put_request(fd, NBD_CMD_READ, 0, MIB, 512);
	expect_error(fd, NBD_EIO, "mem 'test.img': read of 512 bytes at 0x100000: Input/output error");
	assert_int_equal(f->failures, 1);
	f->disk->full_from = 3 * MIB;
	put_request(fd, NBD_CMD_WRITE, 0, 3 * MIB, 1);
	put(fd, "x", 1);
	expect_error(fd, NBD_ENOSPC, "mem 'test.img': write of 1 bytes at 0x300000: No space left on device");
	assert_int_equal(f->failures, 2);
	close(fd);
	fd = ready(f, false);
	put_request(fd, NBD_CMD_READ, 0, MIB, 512);
	assert_int_equal(get_simple(fd), NBD_EIO);
	close(fd);
}

static void test_readonly(void **state)
{
	struct fixture *f = *state;
	int fd = ready(f, true);

	put_request(fd, NBD_CMD_WRITE, 0, 0, 4);
	put(fd, "evil", 4);
	expect_error(fd, NBD_EPERM, "the export is read-only");
	put_request(fd, NBD_CMD_TRIM, 0, 0, 4096);
	expect_error(fd, NBD_EPERM, "the export is read-only");
	put_request(fd, NBD_CMD_FLUSH, 0, 0, 0);
	get_chunk(fd, NBD_REPLY_TYPE_NONE, NULL, 0);
	assert_int_equal(f->disk->write_bytes, 0);
	close(fd);
}

/* Requests of one connection overlap: eight reads of 100 ms in four threads. */
static void test_requests_overlap(void **state)
{
	struct fixture *f = *state;
	unsigned char buf[16];
	int fd = ready(f, true);

	f->disk->delay_us = 100000;
	for (int i = 0; i < 8; i++)
		put_request(fd, NBD_CMD_READ, 0, MIB, 8);
	for (int i = 0; i < 8; i++)
		get_chunk(fd, NBD_REPLY_TYPE_OFFSET_DATA, buf, sizeof buf);
	assert_in_range(f->disk->most_reading, 2, 4);
	close(fd);
}

/* Stopping with connections open: in negotiation, idle, and with a request under way, which is still answered. */
static void test_stop_with_clients(void **state)
{
	struct fixture *f = *state;
	unsigned char buf[16];
	int greeting = hello(f, NBD_FLAG_FIXED_NEWSTYLE), idle = ready(f, true), busy = ready(f, true);

	f->disk->delay_us = 100000;
	put_request(busy, NBD_CMD_READ, 0, MIB, 8);
	while (!f->disk->reads)
		usleep(1000);
	nbd_server_stop(f->server);
	f->server = NULL;
	assert_int_equal(get_chunk(busy, NBD_REPLY_TYPE_OFFSET_DATA, buf, sizeof buf), 16);
	expect_closed(busy);
	expect_closed(idle);
	expect_closed(greeting);
}

/* Over the limit a connection is closed at once, and room made by leaving is used again. */
static void test_connections_are_bounded(void **state)
{
	struct fixture *f = *state;
	int fds[16], over;

	for (int i = 0; i < 16; i++)
		fds[i] = ready(f, false);
	over = dial(f);
	expect_closed(over);
	for (int i = 0; i < 16; i++) {
		put_request(fds[i], NBD_CMD_DISC, 0, 0, 0);
		expect_closed(fds[i]);
	}
	close(ready(f, false));
}

#define TEST(name)	    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_READONLY(name) cmocka_unit_test_setup_teardown(name, setup_readonly, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_export_name),
	    TEST(test_info_and_list),
	    TEST(test_bad_options_are_refused),
	    TEST(test_list_meta_context),
	    TEST(test_hostile_negotiation_ends),
	    TEST(test_read),
	    TEST(test_write_flush_trim_zero),
	    TEST(test_block_status),
	    TEST(test_block_status_is_bounded),
	    TEST(test_bad_requests_are_refused),
	    TEST(test_hostile_requests_end),
	    TEST(test_failures_of_the_block),
	    TEST_READONLY(test_readonly),
	    TEST(test_requests_overlap),
	    TEST(test_stop_with_clients),
	    TEST(test_connections_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
