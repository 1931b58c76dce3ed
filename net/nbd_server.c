/* An NBD server for any block: newstyle negotiation, structured replies, a few threads a connection. */
#include "net/nbd_server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/zeros.h"
#include "net/nbd_protocol.h"
#include "net/stream.h"

enum {
	CONNECTIONS_MAX = 16, /* qemu uses one, nbdcopy four; each may hold threads × 32 MiB */
	THREADS_DEFAULT = 4,
	THREADS_MAX = 16,
	KEEP_BUFFER = 1 << 20,	/* a larger one is given back after its request */
	STATUS_MAX = 1024,	/* descriptors in a block status reply */
	STATUS_STEPS = 8192,	/* extents asked for one */
	SPARSE_STEP = 64 << 10, /* zeros in a reply are looked for in steps of this */
	ACCEPT_PAUSE_MS = 100,
	STOP_SECONDS = 5, /* then a client that doesn't take its replies is cut off */
};

/* Metadata contexts; their numbers on the wire are their places here, from 1 on. */
static const char *const contexts[] = {NBD_CONTEXT_ALLOCATION, NBD_CONTEXT_HASH};

enum { CONTEXTS = sizeof contexts / sizeof *contexts, ALLOCATION_ID = 1 };

struct connection {
	struct connection *next;
	struct nbd_server *server;
	pthread_t thread;
	struct stream *stream;
	bool finished; /* under server->lock: only to be joined */
	/* negotiated */
	bool no_zeroes, structured, allocation, hashes;
	/* transmission: one thread at a time reads a whole request, one writes a whole reply */
	pthread_mutex_t reading, writing;
	bool over; /* under reading: no more requests */
};

struct nbd_server {
	struct nbd_server_options o;
	int wake; /* eventfd: the acceptor shall end */
	pthread_t acceptor;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct connection *connections;
	unsigned active; /* not finished */
};

/* ---- negotiation ---- */

enum next { NEXT_OPTION, NEXT_TRANSMISSION, NEXT_CLOSE };

struct option {
	uint32_t number, len;
	const unsigned char *data; /* len bytes */
};

static bool option_reply(struct connection *c, const struct option *o, uint32_t type, const void *data, size_t len)
{
	unsigned char head[20];

	put_be64(head, NBD_OPT_REPLY_MAGIC);
	put_be32(head + 8, o->number);
	put_be32(head + 12, type);
	put_be32(head + 16, (uint32_t)len);
	return stream_give(c->stream, head, sizeof head, data, len);
}

/* A reply after which negotiation goes on; errors carry their reason as text. */
static enum next ack(struct connection *c, const struct option *o)
{
	return option_reply(c, o, NBD_REP_ACK, NULL, 0) ? NEXT_OPTION : NEXT_CLOSE;
}

static enum next refuse(struct connection *c, const struct option *o, uint32_t type, const char *why)
{
	return option_reply(c, o, type, why, strlen(why)) ? NEXT_OPTION : NEXT_CLOSE;
}

static uint16_t transmission_flags(const struct nbd_server_options *o)
{
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_DF | NBD_FLAG_CAN_MULTI_CONN;

	if (o->readonly)
		return flags | NBD_FLAG_READ_ONLY;
	return flags | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_WRITE_ZEROES | (o->trim ? NBD_FLAG_SEND_TRIM : 0);
}

/* The only option without a reply: the export's data or the end of the connection. */
static enum next on_export_name(struct connection *c, const struct option *o)
{
	unsigned char reply[8 + 2 + 124] = {0};

	if (o->len)
		return NEXT_CLOSE;
	put_be64(reply, c->server->o.block->size);
	put_be16(reply + 8, transmission_flags(&c->server->o));
	return stream_give(c->stream, reply, c->no_zeroes ? 10 : sizeof reply, NULL, 0) ? NEXT_TRANSMISSION
											: NEXT_CLOSE;
}

static enum next on_abort(struct connection *c, const struct option *o)
{
	ack(c, o);
	return NEXT_CLOSE;
}

static enum next on_list(struct connection *c, const struct option *o)
{
	static const unsigned char empty_name[4];

	if (o->len)
		return refuse(c, o, NBD_REP_ERR_INVALID, "LIST takes no data");
	if (!option_reply(c, o, NBD_REP_SERVER, empty_name, sizeof empty_name))
		return NEXT_CLOSE;
	return ack(c, o);
}

/* The name at the front of INFO, GO and the META_CONTEXT options; *at is then behind it. NULL when that is well. */
static const char *option_name(const struct option *o, uint32_t *at, bool *ret_ours)
{
	uint32_t len;

	*at = 0;
	*ret_ours = false;
	if (o->len < 4)
		return "the option ends before its name";
	len = get_be32(o->data);
	if (len > NBD_NAME_MAX || len > o->len - 4)
		return "the name is longer than the option";
	*at = 4 + len;
	*ret_ours = !len;
	return NULL;
}

static bool send_info(struct connection *c, const struct option *o)
{
	unsigned char export[12], sizes[14];
	const struct block *b = c->server->o.block;

	put_be16(export, NBD_INFO_EXPORT);
	put_be64(export + 2, b->size);
	put_be16(export + 10, transmission_flags(&c->server->o));
	put_be16(sizes, NBD_INFO_BLOCK_SIZE);
	put_be32(sizes + 2, 1);
	put_be32(sizes + 6, (uint32_t)max_u64(4096, b->physical_sector));
	put_be32(sizes + 10, NBD_PAYLOAD_MAX);
	return option_reply(c, o, NBD_REP_INFO, export, sizeof export) &&
	       option_reply(c, o, NBD_REP_INFO, sizes, sizeof sizes);
}

/* INFO and GO differ only in what comes after. */
static enum next on_info(struct connection *c, const struct option *o)
{
	uint32_t at;
	bool ours;
	const char *bad = option_name(o, &at, &ours);

	if (!bad && (o->len - at < 2 || o->len - at != 2 + 2 * (uint32_t)get_be16(o->data + at)))
		bad = "the option's length doesn't fit its number of information requests";
	if (bad)
		return refuse(c, o, NBD_REP_ERR_INVALID, bad);
	if (!ours)
		return refuse(c, o, NBD_REP_ERR_UNKNOWN, "the only export has an empty name");
	if (!send_info(c, o) || ack(c, o) == NEXT_CLOSE)
		return NEXT_CLOSE;
	return o->number == NBD_OPT_GO ? NEXT_TRANSMISSION : NEXT_OPTION;
}

static enum next on_structured_reply(struct connection *c, const struct option *o)
{
	if (o->len)
		return refuse(c, o, NBD_REP_ERR_INVALID, "STRUCTURED_REPLY takes no data");
	c->structured = true;
	return ack(c, o);
}

/* Whether a query means this context. LIST also takes a namespace alone. */
static bool query_matches(const struct option *o, const char *context, const unsigned char *query, uint32_t len)
{
	size_t prefix = (size_t)(strchr(context, ':') - context) + 1;

	if (len == strlen(context) && !memcmp(query, context, len))
		return true;
	return o->number == NBD_OPT_LIST_META_CONTEXT && len == prefix && !memcmp(query, context, len);
}

/* Walks the queries; NULL when they are well-formed. */
static const char *match_queries(const struct option *o, uint32_t at, size_t offered, bool ret_matched[CONTEXTS])
{
	uint32_t n, len;

	if (o->len - at < 4)
		return "the option ends before its number of queries";
	n = get_be32(o->data + at);
	for (size_t i = 0; i < offered; i++)
		ret_matched[i] = !n && o->number == NBD_OPT_LIST_META_CONTEXT;
	for (at += 4; n; n--, at += len) {
		if (o->len - at < 4)
			return "the option ends before a query";
		len = get_be32(o->data + at);
		at += 4;
		if (len > NBD_NAME_MAX || len > o->len - at)
			return "a query is longer than the option";
		for (size_t i = 0; i < offered; i++)
			ret_matched[i] |= query_matches(o, contexts[i], o->data + at, len);
	}
	return at == o->len ? NULL : "bytes follow the last query";
}

static bool name_context(struct connection *c, const struct option *o, size_t i)
{
	unsigned char id[4];
	AUTO(buf_done) struct buf reply = BUF_INIT(NBD_NAME_MAX);

	put_be32(id, o->number == NBD_OPT_SET_META_CONTEXT ? (uint32_t)i + 1 : 0);
	if (buf_add(&reply, id, sizeof id) < 0 || buf_adds(&reply, contexts[i]) < 0)
		return false;
	return option_reply(c, o, NBD_REP_META_CONTEXT, reply.data, reply.len);
}

static enum next on_meta_context(struct connection *c, const struct option *o)
{
	bool set = o->number == NBD_OPT_SET_META_CONTEXT, ours, matched[CONTEXTS] = {false};
	uint32_t at;
	const char *bad = option_name(o, &at, &ours);

	if (set)
		c->allocation = c->hashes = false;
	if (!bad)
		bad = match_queries(o, at, c->server->o.remote ? CONTEXTS : 1, matched);
	if (!bad && set && !c->structured)
		bad = "structured replies must be agreed before";
	if (bad)
		return refuse(c, o, NBD_REP_ERR_INVALID, bad);
	if (!ours)
		return refuse(c, o, NBD_REP_ERR_UNKNOWN, "the only export has an empty name");
	for (size_t i = 0; i < CONTEXTS; i++)
		if (matched[i] && !name_context(c, o, i))
			return NEXT_CLOSE;
	if (set) {
		c->allocation = matched[0];
		c->hashes = matched[1];
	}
	return ack(c, o);
}

static const struct {
	uint32_t number;
	enum next (*handle)(struct connection *c, const struct option *o);
} option_table[] = {
    {NBD_OPT_EXPORT_NAME, on_export_name},
    {NBD_OPT_ABORT, on_abort},
    {NBD_OPT_LIST, on_list},
    {NBD_OPT_INFO, on_info},
    {NBD_OPT_GO, on_info},
    {NBD_OPT_STRUCTURED_REPLY, on_structured_reply},
    {NBD_OPT_LIST_META_CONTEXT, on_meta_context},
    {NBD_OPT_SET_META_CONTEXT, on_meta_context},
};

static enum next handle_option(struct connection *c, const struct option *o)
{
	for (size_t i = 0; i < sizeof option_table / sizeof *option_table; i++)
		if (option_table[i].number == o->number)
			return option_table[i].handle(c, o);
	return refuse(c, o, NBD_REP_ERR_UNSUP, "this option is not supported");
}

static enum next read_option(struct connection *c)
{
	unsigned char head[16];
	AUTO_FREE unsigned char *data = NULL;
	struct option o;

	if (!stream_take(c->stream, head, sizeof head) || get_be64(head) != NBD_OPTION_MAGIC)
		return NEXT_CLOSE;
	o.number = get_be32(head + 8);
	o.len = get_be32(head + 12);
	if (o.len > NBD_OPTION_MAX)
		return NEXT_CLOSE;
	data = malloc(o.len + 1);
	if (!data || !stream_take(c->stream, data, o.len))
		return NEXT_CLOSE;
	o.data = data;
	return handle_option(c, &o);
}

/* True when the client may now send requests. */
static bool negotiate(struct connection *c)
{
	unsigned char hello[18], answer[4];
	enum next next = NEXT_OPTION;
	uint32_t flags;

	put_be64(hello, NBD_MAGIC);
	put_be64(hello + 8, NBD_OPTION_MAGIC);
	put_be16(hello + 16, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	if (!stream_give(c->stream, hello, sizeof hello, NULL, 0) || !stream_take(c->stream, answer, sizeof answer))
		return false;
	flags = get_be32(answer);
	if (flags & ~(uint32_t)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES))
		return false;
	c->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
	while (next == NEXT_OPTION)
		next = read_option(c);
	return next == NEXT_TRANSMISSION;
}

/* ---- transmission ---- */

struct request {
	uint16_t flags, type;
	unsigned char cookie[8]; /* returned as it came */
	uint64_t off;
	uint32_t len;
};

/* A thread's buffer for payloads. */
struct payload {
	char *data;
	size_t cap;
};

static char *payload_room(struct payload *p, size_t len)
{
	char *data;

	if (len <= p->cap)
		return p->data;
	data = realloc(p->data, len);
	if (!data)
		return NULL;
	p->cap = len;
	return p->data = data;
}

static void payload_done(struct payload *p)
{
	free(p->data);
	*p = (struct payload){0};
}

static bool locked_give(struct connection *c, const void *head, size_t head_len, const void *body, size_t body_len)
{
	bool ok;

	pthread_mutex_lock(&c->writing);
	ok = stream_give(c->stream, head, head_len, body, body_len);
	pthread_mutex_unlock(&c->writing);
	return ok;
}

/* One chunk: `front` bytes of the payload stand in head behind the chunk's header of 20 bytes. */
enum { CHUNK_HEADER = 20, CHUNK_FRONT_MAX = 20 };

static bool give_piece(struct connection *c, const struct request *r, unsigned type, bool last,
		       unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX], size_t front, const void *body,
		       size_t body_len)
{
	put_be32(head, NBD_STRUCTURED_REPLY_MAGIC);
	put_be16(head + 4, last ? NBD_REPLY_FLAG_DONE : 0);
	put_be16(head + 6, (uint16_t)type);
	memcpy(head + 8, r->cookie, sizeof r->cookie);
	put_be32(head + 16, (uint32_t)(front + body_len));
	return locked_give(c, head, CHUNK_HEADER + front, body, body_len);
}

/* The last one. */
static bool give_chunk(struct connection *c, const struct request *r, unsigned type,
		       unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX], size_t front, const void *body,
		       size_t body_len)
{
	return give_piece(c, r, type, true, head, front, body, body_len);
}

static bool give_simple(struct connection *c, const struct request *r, uint32_t error, const void *body, size_t len)
{
	unsigned char head[16];

	put_be32(head, NBD_SIMPLE_REPLY_MAGIC);
	put_be32(head + 4, error);
	memcpy(head + 8, r->cookie, sizeof r->cookie);
	return locked_give(c, head, sizeof head, body, len);
}

static bool give_done(struct connection *c, const struct request *r)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	if (!c->structured)
		return give_simple(c, r, 0, NULL, 0);
	return give_chunk(c, r, NBD_REPLY_TYPE_NONE, head, 0, NULL, 0);
}

static bool give_error(struct connection *c, const struct request *r, uint32_t error, const char *why)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];
	size_t len = strlen(why);

	if (!c->structured)
		return give_simple(c, r, error, NULL, 0);
	put_be32(head + CHUNK_HEADER, error);
	put_be16(head + CHUNK_HEADER + 4, (uint16_t)len);
	return give_chunk(c, r, NBD_REPLY_TYPE_ERROR, head, 6, why, len);
}

/* The block failed: the owner of the server hears it too. */
static bool give_failure(struct connection *c, const struct request *r, const struct err *err)
{
	const struct nbd_server_options *o = &c->server->o;

	log_debug("nbd: %s", err->text);
	if (o->failed)
		o->failed(err, o->opaque);
	return give_error(c, r, err->sys == ENOSPC || err->sys == EDQUOT ? NBD_ENOSPC : NBD_EIO, err->text);
}

/* Reads as zeros by the map alone. */
static bool known_zero(struct block *b, const struct request *r)
{
	struct extent e;

	return block_extent(b, r->off, r->len, &e, NULL) == 0 && e.kind != EXTENT_DATA && e.len == r->len;
}

static bool give_hole(struct connection *c, const struct request *r, uint64_t off, uint32_t len, bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	put_be64(head + CHUNK_HEADER, off);
	put_be32(head + CHUNK_HEADER + 8, len);
	return give_piece(c, r, NBD_REPLY_TYPE_OFFSET_HOLE, last, head, 12, NULL, 0);
}

static bool give_hash(struct connection *c, const struct request *r, const char *data, uint64_t off, uint32_t len,
		      bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	put_be64(head + CHUNK_HEADER, off);
	put_be32(head + CHUNK_HEADER + 8, len);
	put_be64(head + CHUNK_HEADER + 12, hash_xxh3(data, len));
	return give_piece(c, r, NBD_REPLY_TYPE_REHOST_HASH, last, head, 20, NULL, 0);
}

static bool give_data(struct connection *c, const struct request *r, const char *data, uint64_t off, uint32_t len,
		      bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	put_be64(head + CHUNK_HEADER, off);
	if (!give_piece(c, r, NBD_REPLY_TYPE_OFFSET_DATA, last && !c->hashes, head, 8, data, len))
		return false;
	return !c->hashes || give_hash(c, r, data, off, len, last);
}

/* What was read, its zeros as holes. */
static bool give_runs(struct connection *c, const struct request *r, const char *data)
{
	for (uint32_t at = 0, len; at < r->len; at += len) {
		bool zero = all_zeros(data + at, len = (uint32_t)min_u64(SPARSE_STEP, r->len - at));

		while (at + len < r->len) {
			uint32_t step = (uint32_t)min_u64(SPARSE_STEP, r->len - at - len);

			if (all_zeros(data + at + len, step) != zero)
				break;
			len += step;
		}
		if (!(zero ? give_hole(c, r, r->off + at, len, at + len == r->len)
			   : give_data(c, r, data + at, r->off + at, len, at + len == r->len)))
			return false;
	}
	return true;
}

static bool on_read(struct connection *c, const struct request *r, struct payload *p)
{
	struct block *b = c->server->o.block;
	struct err err = ERR_INIT;

	if (r->len > NBD_PAYLOAD_MAX)
		return give_error(c, r, NBD_EOVERFLOW, "a read of more than 32 MiB");
	if (!r->len)
		return give_done(c, r);
	if (c->structured && known_zero(b, r))
		return give_hole(c, r, r->off, r->len, true);
	if (!payload_room(p, r->len))
		return give_error(c, r, NBD_ENOMEM, "out of memory");
	if (block_pread(b, p->data, r->len, r->off, &err) < 0)
		return give_failure(c, r, &err);
	if (!c->structured)
		return give_simple(c, r, 0, p->data, r->len);
	if (c->server->o.remote && !(r->flags & NBD_CMD_FLAG_DF))
		return give_runs(c, r, p->data);
	return give_data(c, r, p->data, r->off, r->len, true);
}

/* The end of every command that changes something. */
static bool give_changed(struct connection *c, const struct request *r, int result, struct err *err)
{
	if (result == 0 && r->flags & NBD_CMD_FLAG_FUA)
		result = block_flush(c->server->o.block, err);
	return result < 0 ? give_failure(c, r, err) : give_done(c, r);
}

static bool on_write(struct connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, block_pwrite(c->server->o.block, p->data, r->len, r->off, &err), &err);
}

static bool on_flush(struct connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, c->server->o.readonly ? 0 : block_flush(c->server->o.block, &err), &err);
}

static bool on_trim(struct connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	if (!c->server->o.trim)
		return give_error(c, r, NBD_EINVAL, "trim was not offered");
	return give_changed(c, r, c->server->o.trim(c->server->o.block, r->off, r->len, &err), &err);
}

static bool on_write_zeroes(struct connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, block_zero(c->server->o.block, r->off, r->len, &err), &err);
}

static uint32_t extent_flags(enum extent_kind kind)
{
	switch (kind) {
	case EXTENT_HOLE:
		return NBD_STATE_HOLE | NBD_STATE_ZERO;
	case EXTENT_ZERO:
		return NBD_STATE_ZERO;
	case EXTENT_DATA:
	case EXTENT_UNKNOWN:
		break;
	}
	return 0;
}

struct status {
	unsigned char wire[8 * STATUS_MAX]; /* length and flags, 32 bits each */
	size_t n;
};

/* Descriptors from the request's start on, neighbours merged; may stop before its end. */
static int collect_status(struct block *b, const struct request *r, struct status *s, struct err *err)
{
	size_t max = r->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : STATUS_MAX;
	uint64_t off = r->off, end = r->off + r->len;
	struct extent e;

	s->n = 0;
	for (unsigned steps = 0; off < end && steps < STATUS_STEPS; steps++, off += e.len) {
		unsigned char *last = s->wire + 8 * (s->n ? s->n - 1 : 0);

		if (block_extent(b, off, end - off, &e, err) < 0)
			return -1;
		if (s->n && get_be32(last + 4) == extent_flags(e.kind)) {
			put_be32(last, get_be32(last) + (uint32_t)e.len);
			continue;
		}
		if (s->n == max)
			return 0;
		put_be32(s->wire + 8 * s->n, (uint32_t)e.len);
		put_be32(s->wire + 8 * s->n + 4, extent_flags(e.kind));
		s->n++;
	}
	return 0;
}

static bool on_block_status(struct connection *c, const struct request *r, struct payload *p)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];
	struct err err = ERR_INIT;
	struct status s;

	if (!c->allocation)
		return give_error(c, r, NBD_EINVAL, "no meta context was agreed");
	if (!r->len)
		return give_error(c, r, NBD_EINVAL, "block status of no bytes");
	if (collect_status(c->server->o.block, r, &s, &err) < 0)
		return give_failure(c, r, &err);
	put_be32(head + CHUNK_HEADER, ALLOCATION_ID);
	return give_chunk(c, r, NBD_REPLY_TYPE_BLOCK_STATUS, head, 4, s.wire, 8 * s.n);
}

static const struct command {
	bool (*handle)(struct connection *c, const struct request *r, struct payload *p); /* false: peer gone */
	uint16_t flags;									  /* that it takes */
	bool writes, has_range;
} commands[] = {
    [NBD_CMD_READ] = {on_read, NBD_CMD_FLAG_DF, false, true},
    [NBD_CMD_WRITE] = {on_write, NBD_CMD_FLAG_FUA, true, true},
    [NBD_CMD_FLUSH] = {on_flush, 0, false, false},
    [NBD_CMD_TRIM] = {on_trim, NBD_CMD_FLAG_FUA, true, true},
    [NBD_CMD_WRITE_ZEROES] = {on_write_zeroes, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE, true, true},
    [NBD_CMD_BLOCK_STATUS] = {on_block_status, NBD_CMD_FLAG_REQ_ONE, false, true},
};

static bool serve_request(struct connection *c, const struct request *r, struct payload *p)
{
	const struct command *cmd = r->type < sizeof commands / sizeof *commands ? &commands[r->type] : NULL;

	if (!cmd || !cmd->handle)
		return give_error(c, r, NBD_EINVAL, "this command is not supported");
	if (r->flags & ~cmd->flags)
		return give_error(c, r, NBD_EINVAL, "the command doesn't take these flags");
	if (cmd->writes && c->server->o.readonly)
		return give_error(c, r, NBD_EPERM, "the export is read-only");
	if (cmd->has_range && !range_inside(r->off, r->len, c->server->o.block->size))
		return give_error(c, r, cmd->writes ? NBD_ENOSPC : NBD_EINVAL,
				  "the range ends behind the export's end");
	return cmd->handle(c, r, p);
}

/* Reads a request with its payload; false when there are no more. A payload that is too long ends the connection: its
 * bytes would have to be read to find the next request. */
static bool take_request(struct connection *c, struct request *r, struct payload *p)
{
	unsigned char wire[28];

	if (!stream_take(c->stream, wire, sizeof wire) || get_be32(wire) != NBD_REQUEST_MAGIC)
		return false;
	r->flags = get_be16(wire + 4);
	r->type = get_be16(wire + 6);
	memcpy(r->cookie, wire + 8, sizeof r->cookie);
	r->off = get_be64(wire + 16);
	r->len = get_be32(wire + 24);
	if (r->type == NBD_CMD_DISC)
		return false;
	if (r->type != NBD_CMD_WRITE)
		return true;
	return r->len <= NBD_PAYLOAD_MAX && payload_room(p, r->len + 1) && stream_take(c->stream, p->data, r->len);
}

static bool next_request(struct connection *c, struct request *r, struct payload *p)
{
	bool got;

	pthread_mutex_lock(&c->reading);
	if (!c->over)
		c->over = !take_request(c, r, p);
	got = !c->over;
	pthread_mutex_unlock(&c->reading);
	return got;
}

static void *transmit(void *opaque)
{
	struct connection *c = opaque;
	struct payload p = {0};
	struct request r;

	while (next_request(c, &r, &p)) {
		if (!serve_request(c, &r, &p))
			stream_shut(c->stream, SHUT_RDWR); /* ends the other threads' reads too */
		if (p.cap > KEEP_BUFFER)
			payload_done(&p);
	}
	payload_done(&p);
	return NULL;
}

/* ---- connections ---- */

static void run_threads(struct connection *c)
{
	pthread_t threads[THREADS_MAX];
	unsigned n = 0;

	while (n + 1 < c->server->o.threads && pthread_create(&threads[n], NULL, transmit, c) == 0)
		n++;
	transmit(c);
	while (n)
		pthread_join(threads[--n], NULL);
}

static void *run_connection(void *opaque)
{
	struct connection *c = opaque;
	struct nbd_server *s = c->server;

	if (negotiate(c))
		run_threads(c);
	pthread_mutex_lock(&s->lock);
	stream_shut(c->stream, SHUT_RDWR);
	c->finished = true;
	s->active--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void free_connection(struct connection *c)
{
	stream_close(c->stream);
	pthread_mutex_destroy(&c->reading);
	pthread_mutex_destroy(&c->writing);
	free(c);
}

/* Joins and frees those that are finished; called with the lock held, which a finished thread needs no more. */
static void reap(struct nbd_server *s)
{
	for (struct connection **at = &s->connections; *at;) {
		struct connection *c = *at;

		if (!c->finished) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		pthread_join(c->thread, NULL);
		free_connection(c);
	}
}

static struct connection *new_connection(struct nbd_server *s, struct stream *stream)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->server = s;
	c->stream = stream;
	pthread_mutex_init(&c->reading, NULL);
	pthread_mutex_init(&c->writing, NULL);
	return c;
}

static void add_connection(struct nbd_server *s, int fd)
{
	struct stream *stream = NULL;
	struct connection *c = stream_of_fd(fd, &stream, NULL) == 0 ? new_connection(s, stream) : NULL;

	if (!c) {
		stream ? stream_close(stream) : (void)close(fd);
		return;
	}
	pthread_mutex_lock(&s->lock);
	reap(s);
	if (s->active < CONNECTIONS_MAX && pthread_create(&c->thread, NULL, run_connection, c) == 0) {
		c->next = s->connections;
		s->connections = c;
		s->active++;
		c = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (c) {
		log_warn("nbd: connection refused: %d are open or no thread is left", CONNECTIONS_MAX);
		free_connection(c);
	}
}

static void *accept_all(void *opaque)
{
	struct nbd_server *s = opaque;
	struct pollfd on[2] = {{s->o.listen_fd, POLLIN, 0}, {s->wake, POLLIN, 0}}; /* -1 is never ready */

	for (;;) {
		int fd;

		if (poll(on, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (on[1].revents)
			return NULL;
		if (!on[0].revents)
			continue;
		fd = accept4(s->o.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			add_connection(s, fd);
		else
			poll(&on[1], 1, ACCEPT_PAUSE_MS); /* out of descriptors: not in a busy loop */
	}
}

static void free_server(struct nbd_server *s)
{
	if (s->wake >= 0)
		close(s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s);
}

int nbd_server_start(const struct nbd_server_options *options, struct nbd_server **ret, struct err *err)
{
	struct nbd_server *s = calloc(1, sizeof *s);
	pthread_condattr_t attr;

	if (!s)
		return err_nomem(err);
	s->o = *options;
	s->o.threads = (unsigned)min_u64(s->o.threads ? s->o.threads : THREADS_DEFAULT, THREADS_MAX);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	s->wake = eventfd(0, EFD_CLOEXEC);
	if (s->wake < 0 || (errno = pthread_create(&s->acceptor, NULL, accept_all, s)) != 0) {
		free_server(s);
		return err_sys(err, ERR_TEMPFAIL, "cannot start an NBD server");
	}
	*ret = s;
	return 0;
}

int nbd_server_serve(struct nbd_server *s, struct stream *stream, struct err *err)
{
	struct connection *c = new_connection(s, stream);

	if (!c) {
		stream_close(stream);
		return err_nomem(err);
	}
	if (negotiate(c))
		run_threads(c);
	free_connection(c);
	return 0;
}

/* Called with the lock held. */
static void shut_all(struct nbd_server *s, int how)
{
	for (struct connection *c = s->connections; c; c = c->next)
		if (!c->finished)
			stream_shut(c->stream, how);
}

void nbd_server_stop(struct nbd_server *s)
{
	struct timespec deadline;
	int late = 0;

	if (!s)
		return;
	if (eventfd_write(s->wake, 1) == 0)
		pthread_join(s->acceptor, NULL);
	if (s->o.listen_fd >= 0)
		close(s->o.listen_fd);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += STOP_SECONDS;
	pthread_mutex_lock(&s->lock);
	shut_all(s, SHUT_RD);
	while (s->active && !late)
		late = pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
	shut_all(s, SHUT_RDWR);
	while (s->active)
		pthread_cond_wait(&s->changed, &s->lock);
	reap(s);
	pthread_mutex_unlock(&s->lock);
	free_server(s);
}
