/* Connections: who has no token hears nothing; who has one is a machine's control connection or one of its disks'. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "net/address.h"
#include "net/frame.h"
#include "net/tls.h"
#include "run/partial.h"
#include "run/serve/live.h"

enum {
	CONNECTIONS_MAX = 2048, /* control connections that stay; the disks' belong to their blocks */
	STACK_BYTES = 512 << 10,
	LANES = 4, /* connections that a machine is to open for each disk */
	SILENT_SECONDS = 30,
	READ_SECONDS = 180, /* a disk tries hard at a bad sector; that the peer is gone TCP finds out before */
	TICK_MS = 250,
	PAUSE_MS = 50,
};

struct caller {
	struct serve *serve;
	int fd;
	uint64_t origin; /* what one host has for itself: an IPv4 address, an IPv6 network of 64 bits */
	unsigned place;	 /* among the strangers, as long as it is one */
	char address[ADDRESS_TEXT];
	struct token token;
	bool refused; /* it shall not dial again */
};

/* ---- tokens ---- */

static bool find_token(const char *identity, struct token *ret, void *opaque)
{
	struct serve *s = opaque;
	bool found;

	pthread_mutex_lock(&s->lock);
	found = enrol_find_token(s->enrol, identity, (uint64_t)time(NULL), ret);
	pthread_mutex_unlock(&s->lock);
	return found;
}

static int refuse(struct stream *stream, const char *reason, struct err *err)
{
	struct json *j = frame_new("refused");

	js_set_str(j, "reason", reason);
	return frame_send(stream, j, err);
}

/* ---- a disk ---- */

static struct live *by_session(const struct serve *s, const struct token *token, const char *session)
{
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(token, identity);
	for (struct live *l = s->lives; l; l = l->next)
		if (!strcmp(l->entry->token, identity) && !strcmp(l->entry->session, session))
			return l;
	return NULL;
}

/* Whether the machine that says so has such a disk open; looked at twice, as the negotiation takes its time. */
static bool knows_disk(struct serve *s, const struct caller *c, const char *session, uint64_t disk)
{
	struct live *l;
	bool ret;

	pthread_mutex_lock(&s->lock);
	l = by_session(s, &c->token, session);
	ret = l && disk < l->ndisks;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* A connection without a number is another one each time. */
static int add_lane(struct serve *s, const struct caller *c, const struct json *hello, struct nbd_client *client,
		    struct err *err)
{
	uint64_t disk = js_get_u64(hello, "disk", UINT64_MAX), lane = js_get_u64(hello, "lane", LANES);
	struct live *l;
	int ret;

	pthread_mutex_lock(&s->lock);
	l = by_session(s, &c->token, js_get_str(hello, "session", ""));
	if (l && disk < l->ndisks) {
		ret = lane < LANES ? nbd_block_renew(l->disks[disk], (unsigned)lane, client, err)
				   : nbd_block_add(l->disks[disk], client, err);
	} else {
		nbd_client_drop(client);
		ret = err_set(err, ERR_TEMPFAIL, "the machine has left meanwhile");
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* Takes the stream. */
static int serve_disk(struct caller *c, struct stream *stream, const struct json *hello, struct err *err)
{
	const char *session = js_get_str(hello, "session", "");
	uint64_t disk = js_get_u64(hello, "disk", UINT64_MAX);
	struct nbd_client *client;
	int ret;

	if (!knows_disk(c->serve, c, session, disk)) {
		ret = refuse(stream, "this machine and disk are not awaited", err);
		stream_close(stream);
		return ret;
	}
	if (frame_send(stream, frame_new("welcome"), err) < 0) {
		stream_close(stream);
		return -1;
	}
	if (nbd_client_open(stream, &client, err) < 0)
		return -1;
	stream_patience(nbd_client_stream(client), READ_SECONDS);
	return add_lane(c->serve, c, hello, client, err);
}

/* ---- control ---- */

static struct live *live_of_entry(const struct serve *s, const struct enrol_machine *entry)
{
	struct live *l = s->lives;

	while (l && l->entry != entry)
		l = l->next;
	return entry ? l : NULL;
}

/* Another boot of a machine whose last one still answers: two machines that look alike, or the old connection isn't
 * known to be lost yet. Who is told nothing dials again. Called with the lock held. */
static bool is_elsewhere(struct caller *c, const struct json *inventory, const char *session)
{
	const struct enrol_machine *entry = enrol_find(c->serve->enrol, &c->token, inventory);
	const struct live *l = live_of_entry(c->serve, entry);

	return l && l->connected && entry->state != ENROL_DONE && strcmp(entry->session, session) != 0;
}

/* It was cancelled, and another name was chosen, before its conversion has ended. Called with the lock held. */
static bool is_ending(struct caller *c, const struct json *inventory)
{
	const struct enrol_machine *entry = enrol_find(c->serve->enrol, &c->token, inventory);
	const struct live *l = live_of_entry(c->serve, entry);

	return l && l->pid && l->stop && enrol_renames(entry, inventory);
}

/* What was copied under the old name is of no use under the new one. Called with the lock held. */
static void note_name(const struct serve *s, const char *before, const struct enrol_machine *entry)
{
	struct err err = ERR_INIT;
	struct cleaned cleaned;

	if (!*before || !strcmp(before, entry->name))
		return;
	log_info("%s: is called %s from now on", before, entry->name);
	if (partial_clean(s->o->output_dir, before, &cleaned, &err) < 0)
		log_warn("%s: what was copied is not removed: %s", before, err.text);
}

/* Called with the lock held. */
static int take_machine(struct caller *c, const struct json *inventory, const char *session, struct live **ret,
			struct err *err)
{
	struct serve *s = c->serve;
	struct enrol_machine *entry = enrol_find(s->enrol, &c->token, inventory);
	char before[ENROL_NAME_TEXT];
	enum enrol_change change;
	struct live *l;

	snprintf(before, sizeof before, "%s", entry ? entry->name : "");
	if (is_ending(c, inventory))
		return err_set(err, ERR_TEMPFAIL, "its conversion is still ending");
	if (is_elsewhere(c, inventory, session))
		return err_set(err, ERR_TEMPFAIL,
			       "another live system with this machine's hardware is still connected");
	if (enrol_machine(s->enrol, &c->token, inventory, session, (uint64_t)time(NULL), &entry, &change, err) < 0) {
		c->refused = true;
		return -1;
	}
	note_name(s, before, entry);
	l = live_of(s, entry);
	if (!l)
		return err_nomem(err);
	snprintf(entry->address, sizeof entry->address, "%.60s", c->address);
	s->dirty = true;
	*ret = l;
	if (entry->state == ENROL_DONE)
		return 0;
	if (change == ENROL_REBOOTED)
		live_drop_lanes(l);
	if (change == ENROL_OTHER_DISKS)
		entry->anew = l->stop = true;
	if (!l->ndisks || change == ENROL_OTHER_DISKS)
		return live_open(l, inventory, err);
	/* Cancelled, and cards or other things were chosen anew. One that goes on keeps what it began with. */
	if (change == ENROL_REBOOTED && (!l->pid || l->stop))
		return live_describe(l, inventory, err);
	return 0;
}

static void log_machine(const struct live *l, const struct caller *c, const char *what)
{
	log_info("%s: %s from %s: %u disk%s, %llu MiB", l->entry->name, what, c->address, l->entry->ndisks,
		 l->entry->ndisks == 1 ? "" : "s", (unsigned long long)(l->entry->size >> 20));
}

/* The machine is ours: *ret_control tells this connection from later ones. */
static int enrol(struct caller *c, const struct json *inventory, const char *session, struct live **ret,
		 unsigned *ret_control, struct err *err)
{
	struct serve *s = c->serve;
	int got;

	pthread_mutex_lock(&s->lock);
	got = take_machine(c, inventory, session, ret, err);
	if (got == 0)
		got = enrol_save(s->enrol, s->dirfd, err);
	if (got == 0) {
		*ret_control = ++(*ret)->control;
		(*ret)->connected = true;
		(*ret)->attempts = 0;
		log_machine(*ret, c, "connected");
	}
	pthread_mutex_unlock(&s->lock);
	return got;
}

static int check_inventory(const struct json *inventory, struct err *err)
{
	AUTO(machine_freep) struct machine *m = machine_new();

	if (!m)
		return err_nomem(err);
	if (strcmp(frame_type(inventory), "inventory") != 0)
		return err_set(err, ERR_CORRUPT, "an inventory was expected");
	return physical_parse(inventory, m, err);
}

static int welcome(struct live *l, struct stream *stream, struct err *err)
{
	struct json *j = frame_new("welcome");

	js_set_str(j, "machine", l->entry->name);
	js_set_u64(j, "lanes", LANES);
	return frame_send(stream, j, err);
}

struct seen {
	enum enrol_state state;
	uint64_t done;
	char text[256];
	time_t told;
};

static struct json *state_frame(const struct enrol_machine *m)
{
	struct json *j = frame_new("state");

	js_set_str(j, "state", enrol_state_name(m->state));
	js_set_str(j, "text", m->text);
	js_set_u64(j, "done", m->done);
	js_set_u64(j, "total", m->total);
	return j;
}

/* What is new since it was told last, at most once a second; *ret_over: it was the last word, or another connection
 * has taken over. */
static struct json *news(struct live *l, unsigned control, struct seen *seen, bool *ret_over)
{
	const struct enrol_machine *m = l->entry;
	struct json *ret = NULL;

	pthread_mutex_lock(&l->serve->lock);
	*ret_over = l->control != control || ((m->state == ENROL_DONE || m->state == ENROL_FAILED) && !l->pid);
	if (l->control == control && (*ret_over || serve_now() != seen->told) &&
	    (m->state != seen->state || m->done != seen->done || strcmp(m->text, seen->text) != 0)) {
		*seen = (struct seen){.state = m->state, .done = m->done, .told = serve_now()};
		memcpy(seen->text, m->text, sizeof seen->text);
		ret = state_frame(m);
	}
	pthread_mutex_unlock(&l->serve->lock);
	return ret;
}

static void cancel(struct live *l)
{
	pthread_mutex_lock(&l->serve->lock);
	l->connected = false;
	l->stop = l->pid != 0;
	pthread_mutex_unlock(&l->serve->lock);
}

/* 1: the machine has left. */
static int on_frame(struct live *l, struct stream *stream, struct err *err)
{
	AUTO(js_freep) struct json *frame = NULL;

	if (frame_receive(stream, FRAME_SHORT, &frame, err) < 0)
		return -1;
	if (!strcmp(frame_type(frame), "ping"))
		return frame_send(stream, frame_new("pong"), err);
	if (strcmp(frame_type(frame), "cancel") != 0)
		return err_set(err, ERR_CORRUPT, "an unexpected frame");
	cancel(l);
	return 1;
}

static int converse(struct live *l, unsigned control, struct stream *stream, struct err *err)
{
	struct seen seen = {.state = ENROL_UNKNOWN};
	time_t heard = serve_now();
	bool over = false;

	while (!over) {
		struct json *j = news(l, control, &seen, &over);
		int got = 0;

		if (j && frame_send(stream, j, err) < 0)
			return -1;
		if (over)
			break;
		if (stream_wait(stream, TICK_MS)) {
			got = on_frame(l, stream, err);
			heard = serve_now();
		}
		if (got)
			return got < 0 ? -1 : 0;
		if (serve_now() - heard > SILENT_SECONDS)
			return err_set(err, ERR_TEMPFAIL, "nothing was heard for %d seconds", SILENT_SECONDS);
	}
	return 0;
}

static void leave(struct live *l, unsigned control)
{
	pthread_mutex_lock(&l->serve->lock);
	if (l->control == control)
		l->connected = false;
	pthread_mutex_unlock(&l->serve->lock);
}

static int serve_machine(struct live *l, unsigned control, struct stream *stream, struct err *err)
{
	int ret = welcome(l, stream, err);

	if (ret == 0)
		ret = converse(l, control, stream, err);
	leave(l, control);
	return ret;
}

static int serve_control(struct caller *c, struct stream *stream, const struct json *hello, struct err *err)
{
	AUTO(js_freep) struct json *inventory = NULL;
	const char *session = js_get_str(hello, "session", "");
	unsigned control = 0;
	struct live *l;

	if (frame_receive(stream, FRAME_MAX, &inventory, err) < 0)
		return -1;
	if (check_inventory(inventory, err) < 0)
		c->refused = err->code == ERR_CORRUPT;
	else if (enrol(c, inventory, session, &l, &control, err) == 0)
		return serve_machine(l, control, stream, err);
	if (!c->refused) /* the host's trouble: the machine dials again */
		return -1;
	log_warn("%s: refused: %s", c->address, err->text);
	return refuse(stream, err->text, NULL);
}
/* ---- connections ---- */

/* Takes the stream. */
static int serve_stream(struct caller *c, struct stream *stream, struct err *err)
{
	AUTO(stream_closep) struct stream *s = stream;
	AUTO(js_freep) struct json *hello = NULL;
	const char *role;

	stream_patience(s, SILENT_SECONDS);
	if (frame_receive(s, FRAME_SHORT, &hello, err) < 0)
		return -1;
	role = js_get_str(hello, "role", "");
	if (strcmp(frame_type(hello), "hello") != 0 || strlen(js_get_str(hello, "session", "")) != 32)
		return err_set(err, ERR_CORRUPT, "no hello");
	if (!strcmp(role, "disk"))
		return serve_disk(c, take_ptr(&s), hello, err);
	if (!strcmp(role, "control"))
		return serve_control(c, s, hello, err);
	return err_set(err, ERR_CORRUPT, "an unknown role");
}

/* No longer a stranger; true: it had to make way for another. */
static bool leave_place(struct caller *c)
{
	struct serve *s = c->serve;
	bool evicted;

	pthread_mutex_lock(&s->lock);
	evicted = door_evicted(&s->door, c->place);
	door_leave(&s->door, c->place);
	pthread_mutex_unlock(&s->lock);
	return evicted;
}

/* Who has a token: as many connections as its machines need. */
static bool admit(struct caller *c)
{
	struct serve *s = c->serve;
	bool ret;

	pthread_mutex_lock(&s->lock);
	ret = door_admit(&s->door, &c->token, enrol_uses(s->enrol, &c->token));
	s->connections += ret;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void dismiss(struct caller *c)
{
	struct serve *s = c->serve;

	pthread_mutex_lock(&s->lock);
	door_dismiss(&s->door, &c->token);
	s->connections--;
	pthread_mutex_unlock(&s->lock);
}

/* Takes the stream. */
static void serve_known(struct caller *c, struct stream *stream)
{
	struct err err = ERR_INIT;

	if (!admit(c)) {
		log_warn("%s: refused: too many connections with one token", c->address);
		stream_close(stream);
		return;
	}
	if (serve_stream(c, stream, &err) < 0)
		log_info("%s: connection ended: %s", c->address, err.text);
	dismiss(c);
}

static void *receive(void *opaque)
{
	struct caller *c = opaque;
	struct stream *stream = NULL;
	struct err err = ERR_INIT;
	int got;

	address_tune(c->fd);
	got = tls_accept(c->fd, find_token, c->serve, &c->token, &stream, &err);
	if (leave_place(c) && got < 0)
		err_set(&err, ERR_POLICY, "it made way for others, having shown no token");
	if (got < 0) {
		close(c->fd);
		log_warn("%s: refused: %s", c->address, err.text);
	} else {
		serve_known(c, stream);
	}
	explicit_bzero(&c->token, sizeof c->token);
	free(c);
	return NULL;
}

static bool is_crowded(struct serve *s)
{
	bool ret;

	pthread_mutex_lock(&s->lock);
	ret = s->connections >= CONNECTIONS_MAX;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* What one host has for itself: an IPv4 address, an IPv6 network of 64 bits. */
static uint64_t origin_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} peer = {.v6 = {0}};
	socklen_t len = sizeof peer;
	const unsigned char *ip = peer.v6.sin6_addr.s6_addr;

	if (getpeername(fd, &peer.any, &len) < 0)
		return 0;
	if (peer.any.sa_family == AF_INET)
		return peer.v4.sin_addr.s_addr;
	return IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr) ? get_le32(ip + 12) : get_le64(ip);
}

/* Knocks until there is an answer: others wait in the kernel's queue meanwhile. False: its address has as many as it
 * gets. */
static bool take_place(struct caller *c)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	struct serve *s = c->serve;
	enum door_answer answer;
	int evicted;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		answer = door_knock(&s->door, c->origin, clock_ms(), &c->place, &evicted);
		if (evicted >= 0)
			shutdown(s->stranger_fds[evicted], SHUT_RDWR);
		if (answer == DOOR_OPEN)
			s->stranger_fds[c->place] = c->fd;
		pthread_mutex_unlock(&s->lock);
		if (answer != DOOR_FULL)
			return answer == DOOR_OPEN;
		nanosleep(&pause, NULL);
	}
}

static void start_thread(struct caller *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int e;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	e = pthread_create(&thread, &attr, receive, c);
	pthread_attr_destroy(&attr);
	if (!e)
		return;
	leave_place(c);
	close(c->fd);
	free(c);
}

/* Takes fd. */
static int begin(struct serve *s, int fd)
{
	struct caller *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return -1;
	}
	*c = (struct caller){.serve = s, .fd = fd, .origin = origin_of(fd)};
	address_peer(fd, c->address);
	if (take_place(c)) {
		start_thread(c);
		return 0;
	}
	log_warn("%s: refused: %d handshakes from this address are under way", c->address, DOOR_STRANGERS_OF_ONE);
	close(fd);
	free(c);
	return 0;
}

/* Those that there is no room for wait in the kernel's queue. */
static void *accept_all(void *opaque)
{
	struct serve *s = opaque;
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	for (;;) {
		int fd;

		while (is_crowded(s))
			nanosleep(&pause, NULL);
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || begin(s, fd) < 0)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

int listener_start(struct serve *s, struct err *err)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, accept_all, s);
	if (errno)
		return err_sys(err, ERR_HOST, "cannot start a thread");
	pthread_detach(thread);
	return 0;
}
