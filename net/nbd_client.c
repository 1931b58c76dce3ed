/* An NBD client for one connection (NBD protocol document); every byte of the server is checked. */
#include "net/nbd_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/hash.h"
#include "formats/ledger.h"
#include "net/nbd_protocol.h"

enum {
	REPLY_MAX = 64 << 10, /* an option's reply: names and error texts */
	REPLIES_MAX = 64,     /* to one option: two are what we ask for */
	CONTEXTS_MAX = 16,    /* that a server may name */
	ERROR_TEXT_MAX = 4096,
	STATUS_ALIGN = 64 << 10, /* block status is asked in whole steps below 4 GiB */
};

struct nbd_client {
	struct stream *stream;
	uint64_t size;
	uint64_t cookie;
	uint32_t allocation_id; /* of base:allocation */
	bool structured, allocation, hashes, packed, ledger, several;
	bool pack;		 /* wanted for reads */
	size_t saved;		 /* in the last read */
	struct decoder *decoder; /* NULL: not needed yet */
	char *stuff;		 /* packed data; NBD_CLIENT_READ_MAX bytes, with the decoder */
};

static int lost(struct err *err)
{
	return err_set(err, ERR_TEMPFAIL, "the NBD connection was lost");
}

static int breach(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "the NBD server breaks the protocol: %s", what);
}

/* What the server said about a request. Only EIO is the medium: what else it can't do mustn't become zeros. A sys tells
 * it from errors of the connection with the same code: another one wouldn't help, as it might where memory is short. */
static int refused(struct err *err, uint32_t error, const char *text)
{
	static const struct {
		uint32_t error;
		enum err_code code;
		int sys;
	} known[] = {{NBD_EIO, ERR_UNREADABLE, 0},
		     {NBD_ENOMEM, ERR_TEMPFAIL, 0},
		     {NBD_ESHUTDOWN, ERR_TEMPFAIL, ESHUTDOWN},
		     {NBD_ENOTSUP, ERR_UNSUPPORTED, 0},
		     {0, ERR_CORRUPT, EBADMSG}}; /* any other */
	size_t i = 0;

	while (known[i].error && known[i].error != error)
		i++;
	err_set(err, known[i].code, "the other side can't read (error %" PRIu32 ")%s%s", error, *text ? ": " : "",
		text);
	if (err)
		err->sys = known[i].sys;
	return -1;
}

/* ---- negotiation ---- */

struct reply {
	uint32_t type, len;
	unsigned char data[REPLY_MAX];
};

static int send_option(struct nbd_client *c, uint32_t option, const void *data, uint32_t len, struct err *err)
{
	unsigned char head[16];

	put_be64(head, NBD_OPTION_MAGIC);
	put_be32(head + 8, option);
	put_be32(head + 12, len);
	return stream_give(c->stream, head, sizeof head, data, len) ? 0 : lost(err);
}

static int take_reply(struct nbd_client *c, uint32_t option, struct reply *r, struct err *err)
{
	unsigned char head[20];

	if (!stream_take(c->stream, head, sizeof head))
		return lost(err);
	if (get_be64(head) != NBD_OPT_REPLY_MAGIC || get_be32(head + 8) != option)
		return breach(err, "no reply to the option that was sent");
	r->type = get_be32(head + 12);
	r->len = get_be32(head + 16);
	if (r->len > sizeof r->data)
		return breach(err, "an option's reply of more than 64 KiB");
	return stream_take(c->stream, r->data, r->len) ? 0 : lost(err);
}

/* Calls each for every reply before the last; 1: acknowledged, 0: refused. */
static int exchange(struct nbd_client *c, uint32_t option, const void *data, uint32_t len,
		    int (*each)(struct nbd_client *c, const struct reply *r, struct err *err), struct err *err)
{
	AUTO_FREE struct reply *r = malloc(sizeof *r);

	if (!r)
		return err_nomem(err);
	if (send_option(c, option, data, len, err) < 0)
		return -1;
	for (unsigned i = 0; i < REPLIES_MAX; i++) {
		if (take_reply(c, option, r, err) < 0)
			return -1;
		if (r->type == NBD_REP_ACK)
			return 1;
		if (r->type & UINT32_C(0x80000000))
			return 0;
		if (each && each(c, r, err) < 0)
			return -1;
	}
	return breach(err, "replies to one option without end");
}

static int on_context(struct nbd_client *c, const struct reply *r, struct err *err)
{
	const char *name = (const char *)r->data + 4;

	if (r->type != NBD_REP_META_CONTEXT || r->len < 4)
		return breach(err, "a malformed metadata context");
	if (r->len - 4 == strlen(NBD_CONTEXT_ALLOCATION) && !memcmp(name, NBD_CONTEXT_ALLOCATION, r->len - 4)) {
		c->allocation = true;
		c->allocation_id = get_be32(r->data);
	}
	if (r->len - 4 == strlen(NBD_CONTEXT_HASH) && !memcmp(name, NBD_CONTEXT_HASH, r->len - 4))
		c->hashes = true;
	if (r->len - 4 == strlen(NBD_CONTEXT_LEDGER) && !memcmp(name, NBD_CONTEXT_LEDGER, r->len - 4))
		c->ledger = true;
	if (r->len - 4 == strlen(NBD_CONTEXT_ZSTD) && !memcmp(name, NBD_CONTEXT_ZSTD, r->len - 4))
		c->packed = true;
	return 0;
}

static int on_info(struct nbd_client *c, const struct reply *r, struct err *err)
{
	if (r->type != NBD_REP_INFO || r->len < 2)
		return breach(err, "malformed information about the export");
	if (get_be16(r->data) != NBD_INFO_EXPORT)
		return 0;
	if (r->len != 12)
		return breach(err, "an export's size of a wrong length");
	c->size = get_be64(r->data + 2);
	c->several = get_be16(r->data + 10) & NBD_FLAG_CAN_MULTI_CONN;
	return 0;
}

static int ask_contexts(struct nbd_client *c, struct err *err)
{
	static const char *const wanted[] = {NBD_CONTEXT_ALLOCATION, NBD_CONTEXT_HASH, NBD_CONTEXT_LEDGER,
					     NBD_CONTEXT_ZSTD};
	unsigned char data[128];
	uint32_t at = 8;

	put_be32(data, 0); /* the export's name */
	put_be32(data + 4, sizeof wanted / sizeof *wanted);
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		uint32_t len = (uint32_t)strlen(wanted[i]);

		put_be32(data + at, len);
		memcpy(data + at + 4, wanted[i], len);
		at += 4 + len;
	}
	return exchange(c, NBD_OPT_SET_META_CONTEXT, data, at, on_context, err);
}

static int greet(struct nbd_client *c, struct err *err)
{
	unsigned char hello[18], flags[4];

	if (!stream_take(c->stream, hello, sizeof hello))
		return lost(err);
	if (get_be64(hello) != NBD_MAGIC || get_be64(hello + 8) != NBD_OPTION_MAGIC ||
	    !(get_be16(hello + 16) & NBD_FLAG_FIXED_NEWSTYLE))
		return breach(err, "no fixed newstyle negotiation");
	put_be32(flags, NBD_FLAG_FIXED_NEWSTYLE);
	return stream_give(c->stream, flags, sizeof flags, NULL, 0) ? 0 : lost(err);
}

static int negotiate(struct nbd_client *c, struct err *err)
{
	static const unsigned char go[6]; /* an empty name, no questions */
	int got;

	if (greet(c, err) < 0)
		return -1;
	got = exchange(c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NULL, err);
	if (got < 0)
		return -1;
	c->structured = got;
	if (c->structured && ask_contexts(c, err) < 0)
		return -1;
	got = exchange(c, NBD_OPT_GO, go, sizeof go, on_info, err);
	if (got < 0)
		return -1;
	if (!got)
		return err_set(err, ERR_UNREADABLE, "the NBD server has no export with an empty name");
	return c->size ? 0 : breach(err, "an export without a size");
}

int nbd_client_open(struct stream *s, struct nbd_client **ret, struct err *err)
{
	struct nbd_client *c = calloc(1, sizeof *c);

	if (!c) {
		stream_close(s);
		return err_nomem(err);
	}
	c->stream = s;
	if (negotiate(c, err) < 0) {
		stream_close(s);
		free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

uint64_t nbd_client_size(const struct nbd_client *c)
{
	return c->size;
}

bool nbd_client_several(const struct nbd_client *c)
{
	return c->several;
}

void nbd_client_pack(struct nbd_client *c, bool on)
{
	c->pack = on;
}

size_t nbd_client_saved(const struct nbd_client *c)
{
	return c->saved;
}

struct stream *nbd_client_stream(const struct nbd_client *c)
{
	return c->stream;
}

/* ---- requests ---- */

static int send_command(struct nbd_client *c, uint16_t flags, uint16_t type, uint64_t off, uint32_t len,
			const void *payload, size_t payload_len, struct err *err)
{
	unsigned char wire[28];

	put_be32(wire, NBD_REQUEST_MAGIC);
	put_be16(wire + 4, flags);
	put_be16(wire + 6, type);
	put_be64(wire + 8, ++c->cookie);
	put_be64(wire + 16, off);
	put_be32(wire + 24, len);
	return stream_give(c->stream, wire, sizeof wire, payload, payload_len) ? 0 : lost(err);
}

static int send_request(struct nbd_client *c, uint16_t type, uint64_t off, uint32_t len, struct err *err)
{
	return send_command(c, 0, type, off, len, NULL, 0, err);
}

struct chunk {
	uint16_t type;
	bool last;
	uint32_t len;
};

static int take_chunk(struct nbd_client *c, struct chunk *ret, struct err *err)
{
	unsigned char head[20];

	if (!stream_take(c->stream, head, sizeof head))
		return lost(err);
	if (get_be32(head) != NBD_STRUCTURED_REPLY_MAGIC || get_be64(head + 8) != c->cookie)
		return breach(err, "no reply to the request that was sent");
	ret->last = get_be16(head + 4) & NBD_REPLY_FLAG_DONE;
	ret->type = get_be16(head + 6);
	ret->len = get_be32(head + 16);
	return 0;
}

static int take_failure(struct nbd_client *c, const struct chunk *chunk, struct err *failure, struct err *err)
{
	char data[ERROR_TEXT_MAX + 1];
	unsigned text;

	if (chunk->len < 6 || chunk->len > ERROR_TEXT_MAX)
		return breach(err, "an error of a wrong length");
	if (!stream_take(c->stream, data, chunk->len))
		return lost(err);
	text = (unsigned)min_u64(get_be16(data + 4), chunk->len - 6);
	for (unsigned i = 0; i < text; i++)
		if ((unsigned char)data[6 + i] < ' ')
			data[6 + i] = '?';
	data[6 + text] = '\0';
	refused(failure, get_be32(data), data + 6);
	return 0;
}

/* What is wanted by one read, and how much of it is there. */
struct read {
	char *buf;
	size_t len;
	uint64_t off;
	size_t filled, sent;
	/* the data chunk before this one, until its checksum has come */
	size_t unchecked_at, unchecked_len;
};

/* In rising order without gaps or overlaps, as our server sends them: so nothing of buf stays what it was. */
static int place_in(const struct read *r, uint64_t off, uint32_t len, size_t *ret_at, struct err *err)
{
	if (off != r->off + r->filled || !len || len > r->len - r->filled)
		return breach(err, "a chunk outside of what was asked for");
	*ret_at = r->filled;
	return 0;
}

static int take_data(struct nbd_client *c, const struct chunk *chunk, struct read *r, struct err *err)
{
	unsigned char head[8];
	size_t at;

	if (chunk->len <= sizeof head)
		return breach(err, "a chunk without data");
	if (!stream_take(c->stream, head, sizeof head))
		return lost(err);
	if (place_in(r, get_be64(head), chunk->len - 8, &at, err) < 0)
		return -1;
	if (!stream_take(c->stream, r->buf + at, chunk->len - 8))
		return lost(err);
	r->filled += chunk->len - 8;
	r->sent += chunk->len - 8;
	r->unchecked_at = at;
	r->unchecked_len = chunk->len - 8;
	return 0;
}

static int unpacker_room(struct nbd_client *c, struct err *err)
{
	if (!c->decoder)
		c->decoder = decoder_new();
	if (!c->stuff)
		c->stuff = malloc(NBD_CLIENT_READ_MAX);
	return c->decoder && c->stuff ? 0 : err_nomem(err);
}

/* Data that are smaller packed than they are. */
static int take_packed(struct nbd_client *c, const struct chunk *chunk, struct read *r, struct err *err)
{
	unsigned char head[12];
	size_t at, len, packed;

	if (chunk->len <= sizeof head || !c->pack || !c->packed)
		return breach(err, "packed data that nobody asked for");
	if (!stream_take(c->stream, head, sizeof head))
		return lost(err);
	len = get_be32(head + 8);
	packed = chunk->len - sizeof head;
	if (place_in(r, get_be64(head), (uint32_t)len, &at, err) < 0 || unpacker_room(c, err) < 0)
		return -1;
	if (packed >= len)
		return breach(err, "packed data that are longer than what is in them");
	if (!stream_take(c->stream, c->stuff, packed))
		return lost(err);
	if (decoder_run(c->decoder, CODEC_ZSTD, c->stuff, packed, r->buf + at, len, err) < 0)
		return err_wrap(err, "packed data at 0x%" PRIx64, r->off + at);
	r->filled += len;
	r->sent += len;
	r->unchecked_at = at;
	r->unchecked_len = len;
	c->saved += len - packed;
	return 0;
}

static int take_hole(struct nbd_client *c, const struct chunk *chunk, struct read *r, struct err *err)
{
	unsigned char wire[12];
	uint32_t len;
	size_t at;

	if (chunk->len != sizeof wire)
		return breach(err, "a hole of a wrong length");
	if (!stream_take(c->stream, wire, sizeof wire))
		return lost(err);
	len = get_be32(wire + 8);
	if (place_in(r, get_be64(wire), len, &at, err) < 0)
		return -1;
	memset(r->buf + at, 0, len);
	r->filled += len;
	return 0;
}

static int take_hash(struct nbd_client *c, const struct chunk *chunk, struct read *r, struct err *err)
{
	unsigned char wire[20];

	if (chunk->len != sizeof wire || !c->hashes)
		return breach(err, "a checksum that nobody asked for");
	if (!stream_take(c->stream, wire, sizeof wire))
		return lost(err);
	if (get_be64(wire) != r->off + r->unchecked_at || get_be32(wire + 8) != r->unchecked_len)
		return breach(err, "a checksum of other data");
	if (get_be64(wire + 12) != hash_xxh3(r->buf + r->unchecked_at, r->unchecked_len))
		return err_set(err, ERR_CORRUPT, "the checksum of %zu bytes at 0x%" PRIx64 " is wrong",
			       r->unchecked_len, r->off + r->unchecked_at);
	r->unchecked_len = 0;
	return 0;
}

static int take_read_chunk(struct nbd_client *c, const struct chunk *chunk, struct read *r, struct err *failure,
			   struct err *err)
{
	if (c->hashes && r->unchecked_len && chunk->type != NBD_REPLY_TYPE_REHOST_HASH)
		return breach(err, "data without their checksum");
	switch (chunk->type) {
	case NBD_REPLY_TYPE_OFFSET_DATA:
		return take_data(c, chunk, r, err);
	case NBD_REPLY_TYPE_REHOST_ZSTD:
		return take_packed(c, chunk, r, err);
	case NBD_REPLY_TYPE_OFFSET_HOLE:
		return take_hole(c, chunk, r, err);
	case NBD_REPLY_TYPE_REHOST_HASH:
		return take_hash(c, chunk, r, err);
	case NBD_REPLY_TYPE_ERROR:
		return take_failure(c, chunk, failure, err);
	case NBD_REPLY_TYPE_NONE:
		return chunk->len || !chunk->last ? breach(err, "an empty chunk that isn't") : 0;
	default:
		return breach(err, "a chunk of an unknown type");
	}
}

static int simple_reply(struct nbd_client *c, struct read *r, struct err *err)
{
	unsigned char head[16];

	if (!stream_take(c->stream, head, sizeof head))
		return lost(err);
	if (get_be32(head) != NBD_SIMPLE_REPLY_MAGIC || get_be64(head + 8) != c->cookie)
		return breach(err, "no reply to the request that was sent");
	if (get_be32(head + 4))
		return refused(err, get_be32(head + 4), "");
	r->filled = r->sent = r->len;
	return stream_take(c->stream, r->buf, r->len) ? 0 : lost(err);
}

static int structured_reply(struct nbd_client *c, struct read *r, struct err *err)
{
	struct err failure = ERR_INIT;
	struct chunk chunk = {0};

	/* Each chunk brings a byte at least, or is one of two kinds that are bounded by those that do. */
	for (size_t n = 0; !chunk.last; n++) {
		if (n > 2 * r->len + 2)
			return breach(err, "more chunks than bytes");
		if (take_chunk(c, &chunk, err) < 0 || take_read_chunk(c, &chunk, r, &failure, err) < 0)
			return -1;
	}
	if (failure.code) {
		if (err)
			*err = failure;
		return -1;
	}
	if (c->hashes && r->unchecked_len)
		return breach(err, "data without their checksum");
	return r->filled == r->len ? 0 : breach(err, "a reply that isn't all of what was asked for");
}

int nbd_client_read(struct nbd_client *c, void *buf, size_t len, uint64_t off, size_t *ret_sent, struct err *err)
{
	struct read r = {.buf = buf, .len = len, .off = off};

	if (len > NBD_CLIENT_READ_MAX || !range_inside(off, len, c->size))
		return err_set(err, ERR_INTERNAL, "an NBD read of %zu bytes at 0x%" PRIx64, len, off);
	c->saved = 0;
	if (send_command(c, c->pack && c->packed ? NBD_CMD_FLAG_REHOST_ZSTD : 0, NBD_CMD_READ, off, (uint32_t)len, NULL,
			 0, err) < 0)
		return -1;
	if ((c->structured ? structured_reply(c, &r, err) : simple_reply(c, &r, err)) < 0)
		return -1;
	*ret_sent = r.sent;
	return 0;
}

/* ---- extents ---- */

static enum extent_kind kind_of(uint32_t flags)
{
	if (!(flags & NBD_STATE_ZERO))
		return EXTENT_DATA; /* a hole that may read as anything, too */
	return flags & NBD_STATE_HOLE ? EXTENT_HOLE : EXTENT_ZERO;
}

static int take_status(struct nbd_client *c, const struct chunk *chunk, uint64_t off, uint64_t len, struct extent *ret,
		       size_t *ret_n, struct err *err)
{
	unsigned char id[4], wire[8];

	if (chunk->len < 12 || (chunk->len - 4) % 8 || (chunk->len - 4) / 8 > NBD_CLIENT_EXTENTS_MAX)
		return breach(err, "a block status of a wrong length");
	if (!stream_take(c->stream, id, sizeof id))
		return lost(err);
	if (get_be32(id) != c->allocation_id || *ret_n)
		return breach(err, "a block status that nobody asked for");
	for (uint32_t left = chunk->len - 4; left; left -= sizeof wire) {
		if (!stream_take(c->stream, wire, sizeof wire))
			return lost(err);
		if (!get_be32(wire))
			return breach(err, "an extent of no bytes");
		if (!len)
			continue; /* the last may reach farther than asked */
		ret[*ret_n] = (struct extent){
		    .off = off, .len = min_u64(get_be32(wire), len), .kind = kind_of(get_be32(wire + 4))};
		off += ret[*ret_n].len;
		len -= ret[*ret_n].len;
		(*ret_n)++;
	}
	return 0;
}

static int take_status_chunk(struct nbd_client *c, const struct chunk *chunk, uint64_t off, uint64_t len,
			     struct extent *ret, size_t *ret_n, struct err *failure, struct err *err)
{
	switch (chunk->type) {
	case NBD_REPLY_TYPE_BLOCK_STATUS:
		return take_status(c, chunk, off, len, ret, ret_n, err);
	case NBD_REPLY_TYPE_ERROR:
		return take_failure(c, chunk, failure, err);
	case NBD_REPLY_TYPE_NONE:
		return chunk->len || !chunk->last ? breach(err, "an empty chunk that isn't") : 0;
	default:
		return breach(err, "a chunk of an unknown type");
	}
}

int nbd_client_extents(struct nbd_client *c, uint64_t off, uint64_t len, struct extent *ret, size_t *ret_n,
		       struct err *err)
{
	struct err failure = ERR_INIT;
	struct chunk chunk = {0};

	*ret_n = 1;
	*ret = (struct extent){.off = off, .len = len, .kind = EXTENT_DATA};
	if (!c->allocation)
		return 0;
	*ret_n = 0;
	len = min_u64(len, UINT32_MAX & ~(uint32_t)(STATUS_ALIGN - 1));
	if (send_request(c, NBD_CMD_BLOCK_STATUS, off, (uint32_t)len, err) < 0)
		return -1;
	for (unsigned n = 0; !chunk.last; n++) {
		if (n > REPLIES_MAX)
			return breach(err, "chunks without end");
		if (take_chunk(c, &chunk, err) < 0 ||
		    take_status_chunk(c, &chunk, off, len, ret, ret_n, &failure, err) < 0)
			return -1;
	}
	if (failure.code) {
		if (err)
			*err = failure;
		return -1;
	}
	return *ret_n ? 0 : breach(err, "no block status in the reply to one");
}

/* ---- sums ---- */

static int ask_sums(struct nbd_client *c, const struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	unsigned char payload[NBD_SUMS_MAX * NBD_SUMS_ENTRY];

	for (size_t i = 0; i < n; i++) {
		put_be64(payload + i * NBD_SUMS_ENTRY, e[i].off);
		memcpy(payload + i * NBD_SUMS_ENTRY + 8, e[i].blocks, sizeof e[i].blocks);
	}
	return send_command(c, anew ? NBD_CMD_FLAG_REHOST_ANEW : 0, NBD_CMD_REHOST_SUMS, 0,
			    (uint32_t)(n * NBD_SUMS_ENTRY), payload, n * NBD_SUMS_ENTRY, err);
}

static int take_sums(struct nbd_client *c, struct ledger_entry *e, size_t n, struct err *err)
{
	unsigned char sums[8 * NBD_SUMS_MAX];
	struct err failure = ERR_INIT;
	struct chunk chunk;

	if (take_chunk(c, &chunk, err) < 0)
		return -1;
	if (chunk.type == NBD_REPLY_TYPE_ERROR && chunk.last) {
		if (take_failure(c, &chunk, &failure, err) == 0 && err)
			*err = failure;
		return -1;
	}
	if (chunk.type != NBD_REPLY_TYPE_REHOST_SUMS || !chunk.last || chunk.len != 8 * n)
		return breach(err, "no sums in the reply to a request for them");
	if (!stream_take(c->stream, sums, 8 * n))
		return lost(err);
	for (size_t i = 0; i < n; i++)
		e[i].sum = get_be64(sums + 8 * i);
	return 0;
}

int nbd_client_sums(struct nbd_client *c, struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	if (!c->ledger)
		return err_set(err, ERR_UNSUPPORTED, "the NBD server has no ledger");
	for (size_t at = 0, some; at < n; at += some) {
		some = (size_t)min_u64(NBD_SUMS_MAX, n - at);
		if (ask_sums(c, e + at, some, anew, err) < 0 || take_sums(c, e + at, some, err) < 0)
			return -1;
	}
	return 0;
}

static void client_free(struct nbd_client *c)
{
	stream_close(c->stream);
	decoder_free(c->decoder);
	free(c->stuff);
	free(c);
}

void nbd_client_drop(struct nbd_client *c)
{
	if (!c)
		return;
	stream_shut(c->stream, SHUT_RDWR);
	client_free(c);
}

void nbd_client_close(struct nbd_client *c)
{
	if (!c)
		return;
	send_request(c, NBD_CMD_DISC, 0, 0, NULL);
	client_free(c);
}
