/* An NBD client says what it wants (newstyle negotiation). */
#include "net/nbd_connection.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"

/* Which of them there are is said by their number: the last one is a machine's. */
static const char *const contexts[NBD_CONTEXTS] = {NBD_CONTEXT_ALLOCATION, NBD_CONTEXT_HASH, NBD_CONTEXT_ZSTD,
						   NBD_CONTEXT_LEDGER};

enum next { NEXT_OPTION, NEXT_TRANSMISSION, NEXT_CLOSE };

struct option {
	uint32_t number, len;
	const unsigned char *data; /* len bytes */
};

static bool option_reply(struct nbd_connection *c, const struct option *o, uint32_t type, const void *data, size_t len)
{
	unsigned char head[20];

	put_be64(head, NBD_OPT_REPLY_MAGIC);
	put_be32(head + 8, o->number);
	put_be32(head + 12, type);
	put_be32(head + 16, (uint32_t)len);
	return stream_give(c->stream, head, sizeof head, data, len);
}

/* A reply after which negotiation goes on; errors carry their reason as text. */
static enum next ack(struct nbd_connection *c, const struct option *o)
{
	return option_reply(c, o, NBD_REP_ACK, NULL, 0) ? NEXT_OPTION : NEXT_CLOSE;
}

static enum next refuse(struct nbd_connection *c, const struct option *o, uint32_t type, const char *why)
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
static enum next on_export_name(struct nbd_connection *c, const struct option *o)
{
	unsigned char reply[8 + 2 + 124] = {0};

	if (o->len)
		return NEXT_CLOSE;
	put_be64(reply, c->options->block->size);
	put_be16(reply + 8, transmission_flags(c->options));
	return stream_give(c->stream, reply, c->no_zeroes ? 10 : sizeof reply, NULL, 0) ? NEXT_TRANSMISSION
											: NEXT_CLOSE;
}

static enum next on_abort(struct nbd_connection *c, const struct option *o)
{
	ack(c, o);
	return NEXT_CLOSE;
}

static enum next on_list(struct nbd_connection *c, const struct option *o)
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

static bool send_info(struct nbd_connection *c, const struct option *o)
{
	unsigned char export[12], sizes[14];
	const struct block *b = c->options->block;

	put_be16(export, NBD_INFO_EXPORT);
	put_be64(export + 2, b->size);
	put_be16(export + 10, transmission_flags(c->options));
	put_be16(sizes, NBD_INFO_BLOCK_SIZE);
	put_be32(sizes + 2, 1);
	put_be32(sizes + 6, (uint32_t)max_u64(4096, b->physical_sector));
	put_be32(sizes + 10, NBD_PAYLOAD_MAX);
	return option_reply(c, o, NBD_REP_INFO, export, sizeof export) &&
	       option_reply(c, o, NBD_REP_INFO, sizes, sizeof sizes);
}

/* INFO and GO differ only in what comes after. */
static enum next on_info(struct nbd_connection *c, const struct option *o)
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

static enum next on_structured_reply(struct nbd_connection *c, const struct option *o)
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
static const char *match_queries(const struct option *o, uint32_t at, size_t offered, bool ret_matched[NBD_CONTEXTS])
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

static bool name_context(struct nbd_connection *c, const struct option *o, size_t i)
{
	unsigned char id[4];
	AUTO(buf_done) struct buf reply = BUF_INIT(NBD_NAME_MAX);

	put_be32(id, o->number == NBD_OPT_SET_META_CONTEXT ? (uint32_t)i + 1 : 0);
	if (buf_add(&reply, id, sizeof id) < 0 || buf_adds(&reply, contexts[i]) < 0)
		return false;
	return option_reply(c, o, NBD_REP_META_CONTEXT, reply.data, reply.len);
}

/* How many of the contexts there are for this client. */
static size_t contexts_offered(const struct nbd_server_options *o)
{
	if (!o->remote)
		return 1;
	return o->block->ops->sums ? NBD_CONTEXTS : NBD_CONTEXTS - 1;
}

static enum next on_meta_context(struct nbd_connection *c, const struct option *o)
{
	bool set = o->number == NBD_OPT_SET_META_CONTEXT, ours, matched[NBD_CONTEXTS] = {false};
	uint32_t at;
	const char *bad = option_name(o, &at, &ours);

	if (set)
		c->allocation = c->hashes = c->packed = c->ledger = false;
	if (!bad)
		bad = match_queries(o, at, contexts_offered(c->options), matched);
	if (!bad && set && !c->structured)
		bad = "structured replies must be agreed before";
	if (bad)
		return refuse(c, o, NBD_REP_ERR_INVALID, bad);
	if (!ours)
		return refuse(c, o, NBD_REP_ERR_UNKNOWN, "the only export has an empty name");
	for (size_t i = 0; i < NBD_CONTEXTS; i++)
		if (matched[i] && !name_context(c, o, i))
			return NEXT_CLOSE;
	if (set) {
		c->allocation = matched[0];
		c->hashes = matched[1];
		c->packed = matched[2];
		c->ledger = matched[3];
	}
	return ack(c, o);
}

static const struct {
	uint32_t number;
	enum next (*handle)(struct nbd_connection *c, const struct option *o);
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

static enum next handle_option(struct nbd_connection *c, const struct option *o)
{
	for (size_t i = 0; i < sizeof option_table / sizeof *option_table; i++)
		if (option_table[i].number == o->number)
			return option_table[i].handle(c, o);
	return refuse(c, o, NBD_REP_ERR_UNSUP, "this option is not supported");
}

static enum next read_option(struct nbd_connection *c)
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
bool nbd_negotiate(struct nbd_connection *c)
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
