/* A pool of NBD connections as a read-only block. */
#include "net/nbd_block.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "formats/ledger.h"
#include "formats/throttle.h"
#include "net/nbd_protocol.h"
#include "net/packing.h"

/* For one request. */
enum {
	WRONG_MAX = 5,	/* connections with a wrong answer, or none in time: then it isn't the connection */
	LOST_MAX = 100, /* connections that broke: each is dialled again after a second at least */
};

struct lane {
	struct nbd_client *client; /* NULL: the place is free */
	bool busy;
	bool dropped;	 /* while it was busy */
	unsigned number; /* the one that its client gave it, and 1; 0: none */
};

struct nbd_block {
	struct block b;
	struct nbd_block_options o;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct lane lanes[NBD_BLOCK_LANES_MAX];
	atomic_bool given_up;	 /* set under the lock */
	uint64_t alone_since_ms; /* no lane has been there since; 0: there is one */
	struct nbd_block_stats stats;
	struct packing packing;
	/* the last answer about extents */
	struct extent extents[NBD_CLIENT_EXTENTS_MAX];
	size_t nextents;
};

/* ---- lanes ---- */

static bool has_lane(const struct nbd_block *n)
{
	for (unsigned i = 0; i < NBD_BLOCK_LANES_MAX; i++)
		if (n->lanes[i].client)
			return true;
	return false;
}

/* Called with the lock held. */
static void note_lanes(struct nbd_block *n)
{
	if (has_lane(n))
		n->alone_since_ms = 0;
	else if (!n->alone_since_ms)
		n->alone_since_ms = clock_ms();
}

static struct lane *free_lane(struct nbd_block *n)
{
	for (unsigned i = 0; i < NBD_BLOCK_LANES_MAX; i++)
		if (n->lanes[i].client && !n->lanes[i].busy)
			return &n->lanes[i];
	return NULL;
}

/* False when there is nothing to wait for any more; called with the lock held. */
static bool wait_for_lane(struct nbd_block *n)
{
	struct timespec until;

	if (n->given_up)
		return false;
	if (!n->alone_since_ms) {
		pthread_cond_wait(&n->changed, &n->lock);
		return true;
	}
	until = clock_at(n->alone_since_ms + n->o.patience_seconds * UINT64_C(1000));
	return pthread_cond_clockwait(&n->changed, &n->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT || has_lane(n);
}

static int take_lane(struct nbd_block *n, struct lane **ret, struct err *err)
{
	bool there = true;

	pthread_mutex_lock(&n->lock);
	while (there && (n->given_up || !(*ret = free_lane(n))))
		there = wait_for_lane(n);
	if (there)
		(*ret)->busy = true;
	pthread_mutex_unlock(&n->lock);
	return there ? 0 : err_set(err, ERR_TEMPFAIL, "the machine is no longer connected");
}

/* After a request; broken: the connection is of no more use. */
static void give_lane(struct nbd_block *n, struct lane *lane, bool broken)
{
	struct nbd_client *dead = NULL;

	pthread_mutex_lock(&n->lock);
	lane->busy = false;
	if (broken || lane->dropped) {
		dead = lane->client;
		*lane = (struct lane){0};
		n->stats.lost++;
	}
	note_lanes(n);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	if (dead)
		nbd_client_drop(dead);
}

/* Ends a connection that is there. Called with the lock held; what it returns is to be closed without: NULL when a
 * request still has it, which fails now. */
static struct nbd_client *end_lane(struct lane *lane)
{
	struct nbd_client *idle = lane->busy ? NULL : lane->client;

	if (idle) {
		*lane = (struct lane){0};
		return idle;
	}
	lane->dropped = true;
	stream_shut(nbd_client_stream(lane->client), SHUT_RDWR);
	return NULL;
}

/* Called with the lock held. */
static struct nbd_client *end_numbered(struct nbd_block *n, unsigned number)
{
	for (struct lane *lane = n->lanes; number && lane < n->lanes + NBD_BLOCK_LANES_MAX; lane++)
		if (lane->client && !lane->dropped && lane->number == number)
			return end_lane(lane);
	return NULL;
}

static int add(struct nbd_block *n, struct nbd_client *c, unsigned number, struct err *err)
{
	struct nbd_client *replaced;
	struct lane *lane = NULL;
	struct block *b = &n->b;

	if (nbd_client_size(c) != b->size) {
		err_set(err, ERR_CORRUPT, "disk '%s' has %" PRIu64 " bytes now, it had %" PRIu64, b->name,
			nbd_client_size(c), b->size);
		nbd_client_drop(c);
		return -1;
	}
	pthread_mutex_lock(&n->lock);
	replaced = end_numbered(n, number);
	for (unsigned i = 0; i < NBD_BLOCK_LANES_MAX && !n->given_up && !lane; i++)
		if (!n->lanes[i].client)
			lane = &n->lanes[i];
	if (lane)
		*lane = (struct lane){.client = c, .number = number};
	note_lanes(n);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	if (replaced)
		nbd_client_drop(replaced);
	if (lane)
		return 0;
	nbd_client_drop(c);
	return err_set(err, ERR_TEMPFAIL, "disk '%s' has %d connections: no more are taken", b->name,
		       NBD_BLOCK_LANES_MAX);
}

int nbd_block_add(struct block *b, struct nbd_client *c, struct err *err)
{
	return add((struct nbd_block *)b, c, 0, err);
}

int nbd_block_renew(struct block *b, unsigned number, struct nbd_client *c, struct err *err)
{
	return add((struct nbd_block *)b, c, number + 1, err);
}

void nbd_block_drop_lanes(struct block *b)
{
	struct nbd_block *n = (struct nbd_block *)b;
	struct nbd_client *dead[NBD_BLOCK_LANES_MAX], *idle;
	unsigned ndead = 0;

	pthread_mutex_lock(&n->lock);
	for (struct lane *lane = n->lanes; lane < n->lanes + NBD_BLOCK_LANES_MAX; lane++) {
		idle = lane->client ? end_lane(lane) : NULL;
		if (idle)
			dead[ndead++] = idle;
	}
	note_lanes(n);
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	while (ndead)
		nbd_client_drop(dead[--ndead]);
}

void nbd_block_give_up(struct block *b)
{
	struct nbd_block *n = (struct nbd_block *)b;

	pthread_mutex_lock(&n->lock);
	n->given_up = true;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	if (n->o.throttle)
		throttle_wake(n->o.throttle);
	nbd_block_drop_lanes(b);
}

void nbd_block_stats(struct block *b, struct nbd_block_stats *ret)
{
	struct nbd_block *n = (struct nbd_block *)b;

	pthread_mutex_lock(&n->lock);
	*ret = n->stats;
	for (unsigned i = 0; i < NBD_BLOCK_LANES_MAX; i++)
		ret->lanes += n->lanes[i].client != NULL;
	pthread_mutex_unlock(&n->lock);
}

/* ---- the block ---- */

struct attempts {
	unsigned wrong, lost;
};

/* Another connection wouldn't help: the server itself says no, or we are at fault. */
static bool is_final(const struct err *failure)
{
	return failure->sys || (failure->code != ERR_TEMPFAIL && failure->code != ERR_CORRUPT);
}

/* After an attempt that broke its connection: whether there is to be another one. */
static int count_failure(struct attempts *a, bool late, const struct err *failure, struct err *err)
{
	if (failure->code == ERR_TEMPFAIL && !late)
		return ++a->lost < LOST_MAX ? 0 : err_set(err, ERR_TEMPFAIL, "%s, %d times", failure->text, LOST_MAX);
	if (++a->wrong < WRONG_MAX)
		return 0;
	if (late)
		return err_set(err, ERR_UNREADABLE, "no answer in time on %d connections", WRONG_MAX);
	err_set(err, ERR_CORRUPT, "%s, after attempts on %d connections", failure->text, WRONG_MAX);
	if (err)
		err->sys = EBADMSG;
	return -1;
}

/* Repeats fn on one connection after the other until it comes through, the server itself says no, or it has failed too
 * often. */
static int with_lane(struct nbd_block *n, int (*fn)(struct nbd_client *c, void *opaque, struct err *err), void *opaque,
		     struct err *err)
{
	struct err failure = ERR_INIT;
	struct attempts attempts = {0};
	struct lane *lane;

	for (;;) {
		bool late;
		int got;

		if (take_lane(n, &lane, err) < 0)
			return failure.code ? err_wrap(err, "%s", failure.text) : -1;
		err_clear(&failure);
		got = fn(lane->client, opaque, &failure);
		late = got < 0 && stream_late(nbd_client_stream(lane->client));
		give_lane(n, lane, got < 0 && !is_final(&failure));
		if (got == 0)
			return 0;
		if (is_final(&failure)) {
			if (err)
				*err = failure;
			return -1;
		}
		if (count_failure(&attempts, late, &failure, err) < 0)
			return -1;
		log_debug("disk '%s': %s: once more", n->b.name, failure.text);
	}
}

struct piece {
	char *buf;
	size_t len, sent, saved;
	uint64_t off, begun;
	bool packed;
};

static int read_piece(struct nbd_client *c, void *opaque, struct err *err)
{
	struct piece *p = opaque;

	nbd_client_pack(c, p->packed);
	if (nbd_client_read(c, p->buf, p->len, p->off, &p->sent, err) < 0)
		return -1;
	p->saved = nbd_client_saved(c);
	return 0;
}

static void begin_piece(struct nbd_block *n, struct piece *p)
{
	pthread_mutex_lock(&n->lock);
	p->packed = n->o.may_pack && packing_wanted(&n->packing);
	pthread_mutex_unlock(&n->lock);
	p->begun = clock_ns();
}

/* The limit is for what the network carries. */
static void count(struct nbd_block *n, const struct piece *p)
{
	if (n->o.throttle && p->sent)
		throttle_wait_until(n->o.throttle, p->sent - p->saved, &n->given_up);
	pthread_mutex_lock(&n->lock);
	n->stats.read += p->sent;
	n->stats.saved += p->saved;
	packing_note(&n->packing, p->packed, p->sent, clock_ns() - p->begun);
	pthread_mutex_unlock(&n->lock);
}

static int nbd_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct nbd_block *n = (struct nbd_block *)b;

	for (size_t at = 0; at < len;) {
		struct piece p = {
		    .buf = (char *)buf + at, .len = min_u64(NBD_CLIENT_READ_MAX, len - at), .off = off + at};

		begin_piece(n, &p);
		if (with_lane(n, read_piece, &p, err) < 0)
			return -1;
		count(n, &p);
		at += p.len;
	}
	return 0;
}

struct question {
	uint64_t off, len;
	struct extent extents[NBD_CLIENT_EXTENTS_MAX];
	size_t n;
};

static int ask_extents(struct nbd_client *c, void *opaque, struct err *err)
{
	struct question *q = opaque;

	return nbd_client_extents(c, q->off, q->len, q->extents, &q->n, err);
}

/* What the last answer has for off. */
static bool known_extent(struct nbd_block *n, uint64_t off, uint64_t max, struct extent *ret)
{
	bool found = false;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->nextents && !found; i++) {
		const struct extent *e = &n->extents[i];

		found = off >= e->off && off - e->off < e->len;
		if (found)
			*ret =
			    (struct extent){.off = off, .len = min_u64(max, e->len - (off - e->off)), .kind = e->kind};
	}
	pthread_mutex_unlock(&n->lock);
	return found;
}

static int nbd_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct nbd_block *n = (struct nbd_block *)b;
	AUTO_FREE struct question *q = NULL;

	if (known_extent(n, off, max, ret))
		return 0;
	q = malloc(sizeof *q);
	if (!q)
		return err_nomem(err);
	q->off = off;
	q->len = b->size - off;
	if (with_lane(n, ask_extents, q, err) < 0)
		return -1;
	pthread_mutex_lock(&n->lock);
	memcpy(n->extents, q->extents, q->n * sizeof *q->extents);
	n->nextents = q->n;
	pthread_mutex_unlock(&n->lock);
	*ret = q->extents[0];
	ret->len = min_u64(ret->len, max);
	return 0;
}

struct inquiry {
	struct ledger_entry *e;
	size_t n;
	bool anew;
};

static int ask_for_sums(struct nbd_client *c, void *opaque, struct err *err)
{
	struct inquiry *q = opaque;

	return nbd_client_sums(c, q->e, q->n, q->anew, err);
}

/* A request at a time, so that each is answered within the patience for one. */
static int nbd_sums(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	for (size_t at = 0; at < n; at += NBD_SUMS_MAX) {
		struct inquiry q = {.e = e + at, .n = (size_t)min_u64(NBD_SUMS_MAX, n - at), .anew = anew};

		if (with_lane((struct nbd_block *)b, ask_for_sums, &q, err) < 0)
			return -1;
	}
	return 0;
}

static void nbd_close(struct block *b)
{
	struct nbd_block *n = (struct nbd_block *)b;

	for (unsigned i = 0; i < NBD_BLOCK_LANES_MAX; i++)
		nbd_client_close(n->lanes[i].client);
	throttle_drop(n->o.throttle);
	pthread_mutex_destroy(&n->lock);
	pthread_cond_destroy(&n->changed);
	free(n);
}

static const struct block_ops ops = {
    .name = "nbd", .pread = nbd_pread, .extent = nbd_extent, .sums = nbd_sums, .close = nbd_close};

int nbd_block_new(const struct nbd_block_options *options, struct block **ret, struct err *err)
{
	struct nbd_block *n = calloc(1, sizeof *n);

	if (!n)
		return err_nomem(err);
	block_init(&n->b, &ops, options->name, options->size);
	n->o = *options;
	n->o.throttle = options->throttle ? throttle_hold(options->throttle) : NULL;
	n->o.name = n->b.name;
	if (options->logical_sector)
		n->b.logical_sector = n->b.physical_sector = options->logical_sector;
	if (options->physical_sector)
		n->b.physical_sector = options->physical_sector;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, NULL);
	note_lanes(n);
	*ret = &n->b;
	return 0;
}
