/* What the NBD client says to servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/compress.h"
#include "net/nbd_client.h"
#include "tests/unit/net/nbd_liar.h"

/* What is asked for LIE_LEN bytes at 0. */
enum question { READ = 0, STATUS, PACKED_READ };

/* What such a question says to these bytes. */
static void expect_lie(const struct buf *b, enum question question, enum err_code code, const char *text)
{
	struct script s = {.bytes = b->data, .len = b->len};
	struct extent *e = calloc(NBD_CLIENT_EXTENTS_MAX, sizeof *e);
	struct err err = ERR_INIT;
	pthread_t thread;
	struct nbd_client *c = lied_to(&s, &thread);
	char buf[LIE_LEN];
	size_t n;
	int got;

	nbd_client_pack(c, question == PACKED_READ);
	got = question == STATUS ? nbd_client_extents(c, 0, LIE_LEN, e, &n, &err)
				 : nbd_client_read(c, buf, LIE_LEN, 0, &n, &err);
	assert_int_equal(got, code ? -1 : 0);
	assert_int_equal(err.code, code);
	if (code)
		assert_non_null(strstr(err.text, text));
	nbd_client_drop(c);
	pthread_join(thread, NULL);
	close(s.fd);
	free(e);
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

/* Only EIO is a bad sector, which may become zeros. */
static void test_refusals(void **state)
{
	static const struct {
		uint32_t error;
		enum err_code code;
		const char *text;
	} cases[] = {{NBD_EIO, ERR_UNREADABLE, "the other side can't read (error 5)"},
		     {NBD_ENOMEM, ERR_TEMPFAIL, "(error 12)"},
		     {NBD_ESHUTDOWN, ERR_TEMPFAIL, "(error 108)"},
		     {NBD_EBADMSG, ERR_CORRUPT, "(error 74)"},
		     {NBD_ENOTSUP, ERR_UNSUPPORTED, "(error 95)"},
		     {NBD_EINVAL, ERR_CORRUPT, "(error 22)"},
		     {NBD_EPERM, ERR_CORRUPT, "(error 1)"},
		     {4711, ERR_CORRUPT, "(error 4711)"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf b = BUF_INIT(MIB);
		unsigned char wire[6] = {0};

		put_be32(wire, cases[i].error);
		add_chunk(&b, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_ERROR, sizeof wire, wire, sizeof wire, 0);
		expect_lie(&b, READ, cases[i].code, cases[i].text);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_packed_lies),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
