/* The machine's side: one control connection, a few for each disk, all redialled until the host is done. */
#include "net/dial.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "formats/ledger.h"
#include "formats/sample.h"
#include "net/address.h"
#include "net/frame.h"
#include "net/nbd_server.h"
#include "net/tls.h"
#include "net/token.h"

enum {
	LANES_MAX = 8, /* connections a disk that a host may ask for */
	PING_SECONDS = 10,
	SILENT_SECONDS = 30,
	PAUSE_FIRST = 1, /* seconds between two dials, doubled up to the last */
	PAUSE_LAST = 15,
	TICK_MS = 250,
};

struct lane {
	struct dialer *dialer;
	unsigned disk, number; /* among those of the disk */
	pthread_t thread;
	int fd; /* under the dialer's lock: of the connection it is on; -1: none. Its own duplicate, for shutdown() */
};

/* A disk, and how much of it was read. */
struct counted {
	struct block b;
	struct block *disk; /* borrowed */
	atomic_uint_fast64_t *sum;
	struct ledger *ledger; /* what was sent */
};

struct dialer {
	const struct dial_options *o;
	struct token token;
	char host[256], port[8], session[33];
	struct json *inventory;
	uint64_t began; /* seconds since the system was started */
	struct counted disks[DIAL_DISKS_MAX];
	struct nbd_server *servers[DIAL_DISKS_MAX];
	atomic_uint_fast64_t read;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool over;
	struct lane *lanes;
	unsigned nlanes;
	/* the control connection */
	struct dial_progress progress;
	char text[512];
	bool welcomed;
	time_t answered; /* when the host did last, or we began */
};

static time_t now(void)
{
	return (time_t)clock_seconds();
}

static bool cancelled(const struct dialer *d)
{
	return d->o->cancel && atomic_load(d->o->cancel);
}

bool dial_token_valid(const char *words)
{
	struct token t;

	return token_parse(words, &t, NULL) == 0;
}

const char *dial_state_name(enum dial_state s)
{
	static const char *const names[] = {[DIAL_CONNECTING] = "connecting",
					    [DIAL_WAITING] = "waiting",
					    [DIAL_CONVERTING] = "converting",
					    [DIAL_DONE] = "done",
					    [DIAL_FAILED] = "failed"};

	return s > DIAL_UNKNOWN && s <= DIAL_FAILED ? names[s] : "unknown";
}

static enum dial_state state_by_name(const char *name)
{
	for (enum dial_state s = DIAL_CONNECTING; s <= DIAL_FAILED; s++)
		if (!strcmp(dial_state_name(s), name))
			return s;
	return DIAL_UNKNOWN;
}

/* ---- what the caller hears ---- */

static void tell(struct dialer *d)
{
	d->progress.text = d->text;
	d->progress.read = atomic_load(&d->read);
	if (d->o->progress)
		d->o->progress(&d->progress, d->o->opaque);
}

static void set_text(struct dialer *d, const char *text)
{
	snprintf(d->text, sizeof d->text, "%.500s", text);
	for (char *c = d->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static void tell_state(struct dialer *d, enum dial_state state, const char *text)
{
	d->progress.state = state;
	set_text(d, text);
	tell(d);
}

/* ---- disks ---- */

static int counted_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct counted *c = (struct counted *)b;

	atomic_fetch_add(c->sum, len);
	if (block_pread(c->disk, buf, len, off, err) < 0)
		return -1;
	ledger_note(c->ledger, buf, len, off);
	return 0;
}

/* From memory where that is possible, else the disk is read once more. */
static int counted_sums(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	struct counted *c = (struct counted *)b;

	for (size_t i = 0; i < n; i++)
		if ((anew || !ledger_recall(c->ledger, &e[i])) && ledger_read(&e[i], c->disk, err) < 0)
			return -1;
	return 0;
}

static int counted_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	return block_extent(((struct counted *)b)->disk, off, max, ret, err);
}

static const struct block_ops counted_ops = {
    .name = "disk", .pread = counted_pread, .extent = counted_extent, .sums = counted_sums};

/* A disk as the host sees it, and what it must know of it beforehand. */
static int offer_disk(struct dialer *d, size_t i, struct json *describe, struct err *err)
{
	struct block *disk = d->o->disks[i];
	struct counted *c = &d->disks[i];
	struct nbd_server_options o = {.listen_fd = -1, .block = &c->b, .readonly = true, .remote = true, .threads = 1};
	uint64_t hash = 0;
	char identity[17];

	c->b = *disk;
	c->b.ops = &counted_ops;
	c->disk = disk;
	c->sum = &d->read;
	c->ledger = ledger_new(disk->size);
	if (!c->ledger)
		return err_nomem(err);
	if (sample_block(disk, &hash, err) < 0)
		return -1;
	snprintf(identity, sizeof identity, "%016" PRIx64, hash);
	js_set_u64(describe, "size", disk->size);
	js_set_u64(describe, "logical_sector", disk->logical_sector);
	js_set_u64(describe, "physical_sector", disk->physical_sector);
	js_set_str(describe, "identity", identity);
	return nbd_server_start(&o, &d->servers[i], err);
}

static int offer_disks(struct dialer *d, struct err *err)
{
	const struct json *list = js_get(d->o->inventory, "disks");
	struct json *filled = js_array();

	if (!d->o->ndisks || d->o->ndisks > DIAL_DISKS_MAX || js_count(list) != d->o->ndisks) {
		js_free(filled);
		return err_set(err, ERR_USAGE, "%zu disks are offered, the inventory has %zu: 1 to %d are expected",
			       d->o->ndisks, js_count(list), DIAL_DISKS_MAX);
	}
	d->inventory = js_copy(d->o->inventory);
	js_set_str(d->inventory, "type", "inventory");
	js_set(d->inventory, "disks", filled);
	for (size_t i = 0; i < d->o->ndisks; i++) {
		tell(d); /* a disk's samples may take their time */
		if (cancelled(d))
			return err_set(err, ERR_INTERRUPTED, "cancelled");
		if (offer_disk(d, i, js_add(filled, js_copy(js_at(list, i))), err) < 0)
			return err_wrap(err, "disk %zu", i + 1);
	}
	return 0;
}

/* ---- connections ---- */

static int dial(const struct dialer *d, struct stream **ret, struct err *err)
{
	int fd = address_connect(d->host, d->port, err);

	if (fd < 0)
		return -1;
	if (tls_connect(fd, &d->token, ret, err) < 0) {
		close(fd);
		return -1;
	}
	stream_patience(*ret, SILENT_SECONDS);
	return 0;
}

static struct json *hello(const struct dialer *d, const char *role)
{
	struct json *j = frame_new("hello");

	js_set_str(j, "role", role);
	js_set_str(j, "session", d->session);
	return j;
}

/* The host's answer to who we are. */
static int await_welcome(struct stream *s, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *answer = NULL;

	if (frame_receive(s, FRAME_MAX, &answer, err) < 0)
		return -1;
	if (!strcmp(frame_type(answer), "refused"))
		return err_set(err, ERR_BLOCKED, "the host refuses: %.400s", js_get_str(answer, "reason", "no reason"));
	if (strcmp(frame_type(answer), "welcome") != 0)
		return err_set(err, ERR_CORRUPT, "the host's answer is neither a welcome nor a refusal");
	if (ret)
		*ret = take_ptr(&answer);
	return 0;
}

/* Waits, but not beyond the end. */
static void pause_for(struct dialer *d, unsigned seconds)
{
	const struct timespec until = clock_at(clock_ms() + seconds * UINT64_C(1000));

	pthread_mutex_lock(&d->lock);
	while (!d->over && pthread_cond_clockwait(&d->changed, &d->lock, CLOCK_MONOTONIC, &until) == 0)
		;
	pthread_mutex_unlock(&d->lock);
}

static unsigned longer(unsigned pause)
{
	return (unsigned)min_u64(2 * (uint64_t)pause, PAUSE_LAST);
}

/* ---- lanes ---- */

/* From now on end_lanes() ends this connection; false: it is over already. */
static bool hold(struct lane *l, const struct stream *s)
{
	bool ret;

	pthread_mutex_lock(&l->dialer->lock);
	l->fd = dup(s->fd);
	ret = !l->dialer->over;
	pthread_mutex_unlock(&l->dialer->lock);
	return ret;
}

static void let_go(struct lane *l)
{
	pthread_mutex_lock(&l->dialer->lock);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	pthread_mutex_unlock(&l->dialer->lock);
}

static int serve_lane(struct lane *l, struct err *err)
{
	AUTO(stream_closep) struct stream *s = NULL;
	struct json *j = hello(l->dialer, "disk");

	js_set_u64(j, "disk", l->disk);
	js_set_u64(j, "lane", l->number);
	if (dial(l->dialer, &s, err) < 0) {
		js_free(j);
		return -1;
	}
	if (frame_send(s, j, err) < 0 || await_welcome(s, NULL, err) < 0)
		return -1;
	stream_patience(s, 0); /* until the host reads something; keepalive tells when it is gone */
	if (!hold(l, s))
		return -1;
	return nbd_server_serve(l->dialer->servers[l->disk], take_ptr(&s), err);
}

static void *run_lane(void *opaque)
{
	struct lane *l = opaque;
	unsigned pause = PAUSE_FIRST;

	while (!l->dialer->over) {
		struct err err = ERR_INIT;
		int got = serve_lane(l, &err);

		let_go(l);
		if (got < 0)
			log_debug("disk %u: %s", l->disk + 1, err.text);
		if (l->dialer->over)
			break;
		pause = got < 0 ? longer(pause) : PAUSE_FIRST;
		pause_for(l->dialer, pause);
	}
	return NULL;
}

static void start_lanes(struct dialer *d, unsigned a_disk)
{
	unsigned n = (unsigned)(a_disk * d->o->ndisks);

	if (d->nlanes)
		return;
	d->lanes = calloc(n, sizeof *d->lanes);
	for (unsigned i = 0; d->lanes && i < n; i++) {
		struct lane *l = &d->lanes[i];

		*l = (struct lane){
		    .dialer = d, .disk = i % (unsigned)d->o->ndisks, .number = i / (unsigned)d->o->ndisks, .fd = -1};
		if (pthread_create(&l->thread, NULL, run_lane, l) != 0)
			return;
		d->nlanes++;
	}
}

/* Called with the lock held. */
static void shut_lanes(const struct dialer *d)
{
	for (unsigned i = 0; i < d->nlanes; i++)
		if (d->lanes[i].fd >= 0)
			shutdown(d->lanes[i].fd, SHUT_RDWR);
}

/* The control connection was lost, and with it these, whether the network has told us of each or not. */
static void redial_lanes(struct dialer *d)
{
	pthread_mutex_lock(&d->lock);
	shut_lanes(d);
	pthread_mutex_unlock(&d->lock);
}

static void end_lanes(struct dialer *d)
{
	pthread_mutex_lock(&d->lock);
	d->over = true;
	shut_lanes(d);
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; i < d->nlanes; i++)
		pthread_join(d->lanes[i].thread, NULL);
}

/* ---- control ---- */

/* The battery clock has gone on since the inventory was made. */
static struct json *inventory_now(const struct dialer *d)
{
	struct json *ret = js_copy(d->inventory);
	uint64_t clock = js_get_u64(ret, "battery_clock", 0);

	if (clock)
		js_set_u64(ret, "battery_clock", clock + clock_uptime() - d->began);
	return ret;
}

static int introduce(struct dialer *d, struct stream *s, struct err *err)
{
	AUTO(js_freep) struct json *welcome = NULL;
	uint64_t lanes;

	if (frame_send(s, hello(d, "control"), err) < 0 || frame_send(s, inventory_now(d), err) < 0 ||
	    await_welcome(s, &welcome, err) < 0)
		return -1;
	lanes = js_get_u64(welcome, "lanes", 1);
	if (!lanes || lanes > LANES_MAX)
		return err_set(err, ERR_CORRUPT, "the host asks for %" PRIu64 " connections: 1 to %d are expected",
			       lanes, LANES_MAX);
	d->welcomed = true;
	start_lanes(d, (unsigned)lanes);
	tell_state(d, DIAL_WAITING, "");
	return 0;
}

/* 1: the host has said its last word. */
static int on_state(struct dialer *d, const struct json *frame, struct err *err)
{
	enum dial_state state = state_by_name(js_get_str(frame, "state", ""));

	d->progress.done = js_get_u64(frame, "done", 0);
	d->progress.total = js_get_u64(frame, "total", 0);
	tell_state(d, state, js_get_str(frame, "text", ""));
	if (state == DIAL_DONE)
		return 1;
	if (state == DIAL_FAILED)
		return err_set(err, ERR_CONVERT, "%s", *d->text ? d->text : "the conversion failed");
	return 0;
}

static int on_frame(struct dialer *d, struct stream *s, struct err *err)
{
	AUTO(js_freep) struct json *frame = NULL;

	if (frame_receive(s, FRAME_MAX, &frame, err) < 0)
		return -1;
	if (!strcmp(frame_type(frame), "state"))
		return on_state(d, frame, err);
	if (!strcmp(frame_type(frame), "refused"))
		return err_set(err, ERR_BLOCKED, "the host refuses: %.400s", js_get_str(frame, "reason", "no reason"));
	return 0;
}

/* While nothing comes. */
static int on_tick(struct dialer *d, struct stream *s, time_t *pinged, time_t heard, struct err *err)
{
	if (cancelled(d)) {
		frame_send(s, frame_new("cancel"), NULL);
		return err_set(err, ERR_INTERRUPTED, "cancelled");
	}
	if (now() - heard > SILENT_SECONDS)
		return err_set(err, ERR_TEMPFAIL, "the host has said nothing for %d seconds", SILENT_SECONDS);
	if (now() - *pinged < PING_SECONDS)
		return 0;
	*pinged = now();
	return frame_send(s, frame_new("ping"), err);
}

/* 0: done. */
static int listen_to(struct dialer *d, struct stream *s, struct err *err)
{
	time_t heard = now(), pinged = heard, told = heard;

	for (;;) {
		int got;

		if (stream_wait(s, TICK_MS)) {
			got = on_frame(d, s, err);
			heard = now();
		} else {
			got = 0;
		}
		if (got)
			return got < 0 ? -1 : 0;
		if (on_tick(d, s, &pinged, heard, err) < 0)
			return -1;
		if (now() != told)
			tell(d);
		told = now();
	}
}

static int control(struct dialer *d, struct err *err)
{
	AUTO(stream_closep) struct stream *s = NULL;

	if (dial(d, &s, err) < 0 || introduce(d, s, err) < 0)
		return -1;
	if (listen_to(d, s, err) == 0)
		return 0;
	d->answered = now();
	redial_lanes(d);
	return -1;
}

/* Whether dialling again may help. */
static bool worth_a_retry(const struct dialer *d, const struct err *err)
{
	if (err->code == ERR_POLICY)
		return d->welcomed; /* the host restarts: it knew the token */
	return err->code == ERR_TEMPFAIL || err->code == ERR_CORRUPT || err->code == ERR_HOST;
}

/* The caller hears of it all the while, and may cancel. */
static void pause_between(struct dialer *d, unsigned seconds)
{
	const uint64_t until = clock_ms() + seconds * UINT64_C(1000);

	while (clock_ms() < until && !cancelled(d)) {
		tell(d);
		nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
	}
}

static int keep_dialling(struct dialer *d, struct err *err)
{
	unsigned pause = PAUSE_FIRST;
	time_t answered = now();

	for (;;) {
		if (cancelled(d))
			return err_set(err, ERR_INTERRUPTED, "cancelled");
		if (control(d, err) == 0)
			return 0;
		if (d->answered > answered) {
			answered = d->answered;
			pause = PAUSE_FIRST;
		}
		if (!worth_a_retry(d, err))
			return -1;
		if (d->o->retry_seconds && now() - answered > (time_t)d->o->retry_seconds)
			return err_wrap(err, "the host didn't answer for %u seconds", d->o->retry_seconds);
		tell_state(d, DIAL_CONNECTING, err->text);
		err_clear(err);
		pause_between(d, pause);
		pause = longer(pause);
	}
}

/* ---- all of it ---- */

static int draw_session(char session[33], struct err *err)
{
	unsigned char raw[16];

	if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
		return err_sys(err, ERR_HOST, "cannot get random numbers");
	for (unsigned i = 0; i < sizeof raw; i++)
		snprintf(session + 2 * (size_t)i, 3, "%02x", raw[i]);
	return 0;
}

static void dialer_done(struct dialer *d)
{
	end_lanes(d);
	for (unsigned i = 0; i < DIAL_DISKS_MAX; i++) {
		nbd_server_stop(d->servers[i]);
		ledger_free(d->disks[i].ledger);
	}
	js_free(d->inventory);
	explicit_bzero(&d->token, sizeof d->token);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
	free(d->lanes);
	free(d);
}

int dial_run(const struct dial_options *options, struct err *err)
{
	struct dialer *d = calloc(1, sizeof *d);
	int ret;

	if (!d)
		return err_nomem(err);
	d->o = options;
	d->began = clock_uptime();
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	tell_state(d, DIAL_CONNECTING, "");
	if (address_split(options->server, DIAL_PORT, d->host, d->port, err) < 0 ||
	    token_parse(options->token, &d->token, err) < 0 || draw_session(d->session, err) < 0 ||
	    offer_disks(d, err) < 0)
		ret = -1;
	else
		ret = keep_dialling(d, err);
	dialer_done(d);
	return ret;
}

int dial_check(const char *server, const char *token, struct err *err)
{
	struct dialer *d = calloc(1, sizeof *d);
	AUTO(stream_closep) struct stream *s = NULL;
	int ret = -1;

	if (!d)
		return err_nomem(err);
	if (address_split(server, DIAL_PORT, d->host, d->port, err) == 0 && token_parse(token, &d->token, err) == 0)
		ret = dial(d, &s, err);
	explicit_bzero(&d->token, sizeof d->token);
	free(d);
	return ret;
}
