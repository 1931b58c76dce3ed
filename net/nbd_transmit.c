/* Requests of an NBD client and what they are answered: simple and structured replies. */
#include "net/nbd_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/zeros.h"
#include "formats/ledger.h"

enum {
	KEEP_BUFFER = 1 << 20,	/* a larger one is given back after its request */
	STATUS_MAX = 1024,	/* descriptors in a block status reply */
	STATUS_STEPS = 8192,	/* extents asked for one */
	SPARSE_STEP = 64 << 10, /* zeros in a reply are looked for in steps of this */
	PACK_MIN = 4096,	/* bytes of a chunk that is packed */
	PACK_MAX = 2 << 20,
	PACK_GAIN = 8, /* an eighth must be saved */
	SKIP_MAX = 31, /* chunks */
};

struct request {
	uint16_t flags, type;
	unsigned char cookie[8]; /* returned as it came */
	uint64_t off;
	uint32_t len;
};

/* A thread's buffer for payloads, and what it packs with. */
struct payload {
	char *data;
	size_t cap;
	struct encoder *zstd; /* NULL: not needed yet */
	char *packed;	      /* PACK_MAX bytes, with zstd */
	unsigned skip,
	    skipped; /* data that didn't get smaller: so many chunks behind it aren't tried; how many weren't */
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
	p->data = NULL;
	p->cap = 0;
}

static void packer_done(struct payload *p)
{
	encoder_free(p->zstd);
	free(p->packed);
}

static bool packer_room(struct payload *p)
{
	if (!p->zstd)
		p->zstd = encoder_new(CODEC_ZSTD, 0);
	if (!p->packed)
		p->packed = malloc(PACK_MAX);
	return p->zstd && p->packed;
}

/* Packs len bytes; 0: it isn't worth it. After data that don't get smaller others aren't tried for a while: it is often
 * one film behind the other. */
static size_t pack(struct payload *p, const char *data, size_t len)
{
	size_t n;

	if (len < PACK_MIN || len > PACK_MAX || !packer_room(p))
		return 0;
	if (p->skipped < p->skip) {
		p->skipped++;
		return 0;
	}
	n = encoder_run(p->zstd, data, len, p->packed, len - len / PACK_GAIN);
	p->skip = n ? 0 : (unsigned)min_u64(SKIP_MAX, 2 * (uint64_t)p->skip + 1);
	p->skipped = 0;
	return n;
}

static bool locked_give(struct nbd_connection *c, const void *head, size_t head_len, const void *body, size_t body_len)
{
	bool ok;

	pthread_mutex_lock(&c->writing);
	ok = stream_give(c->stream, head, head_len, body, body_len);
	pthread_mutex_unlock(&c->writing);
	return ok;
}

/* One chunk: `front` bytes of the payload stand in head behind the chunk's header of 20 bytes. */
enum { CHUNK_HEADER = 20, CHUNK_FRONT_MAX = 20 };

static bool give_piece(struct nbd_connection *c, const struct request *r, unsigned type, bool last,
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
static bool give_chunk(struct nbd_connection *c, const struct request *r, unsigned type,
		       unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX], size_t front, const void *body,
		       size_t body_len)
{
	return give_piece(c, r, type, true, head, front, body, body_len);
}

static bool give_simple(struct nbd_connection *c, const struct request *r, uint32_t error, const void *body, size_t len)
{
	unsigned char head[16];

	put_be32(head, NBD_SIMPLE_REPLY_MAGIC);
	put_be32(head + 4, error);
	memcpy(head + 8, r->cookie, sizeof r->cookie);
	return locked_give(c, head, sizeof head, body, len);
}

static bool give_done(struct nbd_connection *c, const struct request *r)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	if (!c->structured)
		return give_simple(c, r, 0, NULL, 0);
	return give_chunk(c, r, NBD_REPLY_TYPE_NONE, head, 0, NULL, 0);
}

static bool give_error(struct nbd_connection *c, const struct request *r, uint32_t error, const char *why)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];
	size_t len = strlen(why);

	if (!c->structured)
		return give_simple(c, r, error, NULL, 0);
	put_be32(head + CHUNK_HEADER, error);
	put_be16(head + CHUNK_HEADER + 4, (uint16_t)len);
	return give_chunk(c, r, NBD_REPLY_TYPE_ERROR, head, 6, why, len);
}

/* Only EIO says that the medium can't be read. */
static uint32_t error_of(const struct err *err)
{
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		return NBD_ENOSPC;
	if (err->sys == EBADMSG)
		return NBD_EBADMSG;
	if (err->sys == ENOMEM || (err->code == ERR_INTERNAL && !err->sys))
		return NBD_ENOMEM;
	return err->code == ERR_TEMPFAIL || err->code == ERR_HOST ? NBD_ESHUTDOWN : NBD_EIO;
}

/* The block failed: the owner of the server hears it too. */
static bool give_failure(struct nbd_connection *c, const struct request *r, const struct err *err)
{
	const struct nbd_server_options *o = c->options;

	log_debug("nbd: %s", err->text);
	if (o->failed)
		o->failed(err, o->opaque);
	return give_error(c, r, error_of(err), err->text);
}

/* Reads as zeros by the map alone. */
static bool known_zero(struct block *b, const struct request *r)
{
	struct extent e;

	return block_extent(b, r->off, r->len, &e, NULL) == 0 && e.kind != EXTENT_DATA && e.len == r->len;
}

static bool give_hole(struct nbd_connection *c, const struct request *r, uint64_t off, uint32_t len, bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	put_be64(head + CHUNK_HEADER, off);
	put_be32(head + CHUNK_HEADER + 8, len);
	return give_piece(c, r, NBD_REPLY_TYPE_OFFSET_HOLE, last, head, 12, NULL, 0);
}

static bool give_hash(struct nbd_connection *c, const struct request *r, const char *data, uint64_t off, uint32_t len,
		      bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];

	put_be64(head + CHUNK_HEADER, off);
	put_be32(head + CHUNK_HEADER + 8, len);
	put_be64(head + CHUNK_HEADER + 12, hash_xxh3(data, len));
	return give_piece(c, r, NBD_REPLY_TYPE_REHOST_HASH, last, head, 20, NULL, 0);
}

static bool give_data(struct nbd_connection *c, const struct request *r, struct payload *p, const char *data,
		      uint64_t off, uint32_t len, bool last)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];
	size_t packed = r->flags & NBD_CMD_FLAG_REHOST_ZSTD && c->packed ? pack(p, data, len) : 0;

	put_be64(head + CHUNK_HEADER, off);
	put_be32(head + CHUNK_HEADER + 8, len);
	if (!(packed ? give_piece(c, r, NBD_REPLY_TYPE_REHOST_ZSTD, last && !c->hashes, head, 12, p->packed, packed)
		     : give_piece(c, r, NBD_REPLY_TYPE_OFFSET_DATA, last && !c->hashes, head, 8, data, len)))
		return false;
	return !c->hashes || give_hash(c, r, data, off, len, last);
}

/* What was read, its zeros as holes. */
static bool give_runs(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	const char *data = p->data;

	for (uint32_t at = 0, len; at < r->len; at += len) {
		bool zero = all_zeros(data + at, len = (uint32_t)min_u64(SPARSE_STEP, r->len - at));

		while (at + len < r->len) {
			uint32_t step = (uint32_t)min_u64(SPARSE_STEP, r->len - at - len);

			if (all_zeros(data + at + len, step) != zero)
				break;
			len += step;
		}
		if (!(zero ? give_hole(c, r, r->off + at, len, at + len == r->len)
			   : give_data(c, r, p, data + at, r->off + at, len, at + len == r->len)))
			return false;
	}
	return true;
}

static bool on_read(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct block *b = c->options->block;
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
	if (c->options->remote && !(r->flags & NBD_CMD_FLAG_DF))
		return give_runs(c, r, p);
	return give_data(c, r, p, p->data, r->off, r->len, true);
}

/* The end of every command that changes something. */
static bool give_changed(struct nbd_connection *c, const struct request *r, int result, struct err *err)
{
	if (result == 0 && r->flags & NBD_CMD_FLAG_FUA)
		result = block_flush(c->options->block, err);
	return result < 0 ? give_failure(c, r, err) : give_done(c, r);
}

static bool on_write(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, block_pwrite(c->options->block, p->data, r->len, r->off, &err), &err);
}

static bool on_flush(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, c->options->readonly ? 0 : block_flush(c->options->block, &err), &err);
}

static bool on_trim(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	if (!c->options->trim)
		return give_error(c, r, NBD_EINVAL, "trim was not offered");
	return give_changed(c, r, c->options->trim(c->options->block, r->off, r->len, &err), &err);
}

static bool on_write_zeroes(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct err err = ERR_INIT;

	return give_changed(c, r, block_zero(c->options->block, r->off, r->len, &err), &err);
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

static bool on_block_status(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX];
	struct err err = ERR_INIT;
	struct status s;

	if (!c->allocation)
		return give_error(c, r, NBD_EINVAL, "no meta context was agreed");
	if (!r->len)
		return give_error(c, r, NBD_EINVAL, "block status of no bytes");
	if (collect_status(c->options->block, r, &s, &err) < 0)
		return give_failure(c, r, &err);
	put_be32(head + CHUNK_HEADER, NBD_ALLOCATION_ID);
	return give_chunk(c, r, NBD_REPLY_TYPE_BLOCK_STATUS, head, 4, s.wire, 8 * s.n);
}

/* What the machine has of these blocks; the request's payload names them. */
static bool on_sums(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	struct ledger_entry e[NBD_SUMS_MAX];
	unsigned char head[CHUNK_HEADER + CHUNK_FRONT_MAX], sums[8 * NBD_SUMS_MAX];
	size_t n = r->len / NBD_SUMS_ENTRY;
	struct err err = ERR_INIT;

	if (!c->ledger || !n || r->len % NBD_SUMS_ENTRY)
		return give_error(c, r, NBD_EINVAL, "these are no blocks to sum up");
	for (size_t i = 0; i < n; i++) {
		e[i].off = get_be64(p->data + i * NBD_SUMS_ENTRY);
		memcpy(e[i].blocks, p->data + i * NBD_SUMS_ENTRY + 8, sizeof e[i].blocks);
	}
	if (block_sums(c->options->block, e, n, r->flags & NBD_CMD_FLAG_REHOST_ANEW, &err) < 0)
		return err.code == ERR_UNSUPPORTED ? give_error(c, r, NBD_ENOTSUP, "the machine keeps no ledger")
						   : give_failure(c, r, &err);
	for (size_t i = 0; i < n; i++)
		put_be64(sums + 8 * i, e[i].sum);
	return give_chunk(c, r, NBD_REPLY_TYPE_REHOST_SUMS, head, 0, sums, 8 * n);
}

static const struct command {
	bool (*handle)(struct nbd_connection *c, const struct request *r, struct payload *p); /* false: peer gone */
	uint16_t flags;									      /* that it takes */
	bool writes, has_range;
} commands[] = {
    [NBD_CMD_READ] = {on_read, NBD_CMD_FLAG_DF | NBD_CMD_FLAG_REHOST_ZSTD, false, true},
    [NBD_CMD_WRITE] = {on_write, NBD_CMD_FLAG_FUA, true, true},
    [NBD_CMD_FLUSH] = {on_flush, 0, false, false},
    [NBD_CMD_TRIM] = {on_trim, NBD_CMD_FLAG_FUA, true, true},
    [NBD_CMD_WRITE_ZEROES] = {on_write_zeroes, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE, true, true},
    [NBD_CMD_BLOCK_STATUS] = {on_block_status, NBD_CMD_FLAG_REQ_ONE, false, true},
};

static const struct command *command_of(unsigned type)
{
	static const struct command sums = {on_sums, NBD_CMD_FLAG_REHOST_ANEW, false, false};

	if (type == NBD_CMD_REHOST_SUMS)
		return &sums;
	return type < sizeof commands / sizeof *commands ? &commands[type] : NULL;
}

static bool serve_request(struct nbd_connection *c, const struct request *r, struct payload *p)
{
	const struct command *cmd = command_of(r->type);

	if (!cmd || !cmd->handle)
		return give_error(c, r, NBD_EINVAL, "this command is not supported");
	if (r->flags & ~cmd->flags)
		return give_error(c, r, NBD_EINVAL, "the command doesn't take these flags");
	if (cmd->writes && c->options->readonly)
		return give_error(c, r, NBD_EPERM, "the export is read-only");
	if (cmd->has_range && !range_inside(r->off, r->len, c->options->block->size))
		return give_error(c, r, cmd->writes ? NBD_ENOSPC : NBD_EINVAL,
				  "the range ends behind the export's end");
	return cmd->handle(c, r, p);
}

/* Reads a request with its payload; false when there are no more. A payload that is too long ends the connection: its
 * bytes would have to be read to find the next request. */
static bool take_request(struct nbd_connection *c, struct request *r, struct payload *p)
{
	unsigned char wire[28];
	uint32_t max = NBD_PAYLOAD_MAX;

	if (!stream_take(c->stream, wire, sizeof wire) || get_be32(wire) != NBD_REQUEST_MAGIC)
		return false;
	r->flags = get_be16(wire + 4);
	r->type = get_be16(wire + 6);
	memcpy(r->cookie, wire + 8, sizeof r->cookie);
	r->off = get_be64(wire + 16);
	r->len = get_be32(wire + 24);
	if (r->type == NBD_CMD_DISC)
		return false;
	if (r->type == NBD_CMD_REHOST_SUMS)
		max = c->ledger ? NBD_SUMS_MAX * NBD_SUMS_ENTRY : 0;
	else if (r->type != NBD_CMD_WRITE)
		return true;
	return r->len <= max && payload_room(p, r->len + 1) && stream_take(c->stream, p->data, r->len);
}

static bool next_request(struct nbd_connection *c, struct request *r, struct payload *p)
{
	bool got;

	pthread_mutex_lock(&c->reading);
	if (!c->over)
		c->over = !take_request(c, r, p);
	got = !c->over;
	pthread_mutex_unlock(&c->reading);
	return got;
}

void *nbd_transmit(void *opaque)
{
	struct nbd_connection *c = opaque;
	struct payload p = {0};
	struct request r;

	while (next_request(c, &r, &p)) {
		if (!serve_request(c, &r, &p))
			stream_shut(c->stream, SHUT_RDWR); /* ends the other threads' reads too */
		if (p.cap > KEEP_BUFFER)
			payload_done(&p);
	}
	payload_done(&p);
	packer_done(&p);
	return NULL;
}
