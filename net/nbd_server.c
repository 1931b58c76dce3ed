/* An NBD server for any block: its connections, a few threads each. */
#include "net/nbd_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "net/nbd_connection.h"

enum {
	CONNECTIONS_MAX = 16, /* qemu uses one, nbdcopy four; each may hold threads × 32 MiB */
	THREADS_DEFAULT = 4,
	THREADS_MAX = 16,
	ACCEPT_PAUSE_MS = 100,
	STOP_SECONDS = 5, /* then a client that doesn't take its replies is cut off */
};

struct nbd_server {
	struct nbd_server_options o;
	int wake; /* eventfd: the acceptor shall end */
	pthread_t acceptor;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct nbd_connection *connections;
	unsigned active; /* not finished */
};

static void run_threads(struct nbd_connection *c)
{
	pthread_t threads[THREADS_MAX];
	unsigned n = 0;

	while (n + 1 < c->server->o.threads && pthread_create(&threads[n], NULL, nbd_transmit, c) == 0)
		n++;
	nbd_transmit(c);
	while (n)
		pthread_join(threads[--n], NULL);
}

static void *run_connection(void *opaque)
{
	struct nbd_connection *c = opaque;
	struct nbd_server *s = c->server;

	if (nbd_negotiate(c))
		run_threads(c);
	pthread_mutex_lock(&s->lock);
	stream_shut(c->stream, SHUT_RDWR);
	c->finished = true;
	s->active--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void free_connection(struct nbd_connection *c)
{
	stream_close(c->stream);
	pthread_mutex_destroy(&c->reading);
	pthread_mutex_destroy(&c->writing);
	free(c);
}

/* Joins and frees those that are finished; called with the lock held, which a finished thread needs no more. */
static void reap(struct nbd_server *s)
{
	for (struct nbd_connection **at = &s->connections; *at;) {
		struct nbd_connection *c = *at;

		if (!c->finished) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		pthread_join(c->thread, NULL);
		free_connection(c);
	}
}

static struct nbd_connection *new_connection(struct nbd_server *s, struct stream *stream)
{
	struct nbd_connection *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->server = s;
	c->options = &s->o;
	c->stream = stream;
	pthread_mutex_init(&c->reading, NULL);
	pthread_mutex_init(&c->writing, NULL);
	return c;
}

static void add_connection(struct nbd_server *s, int fd)
{
	struct stream *stream = NULL;
	struct nbd_connection *c = stream_of_fd(fd, &stream, NULL) == 0 ? new_connection(s, stream) : NULL;

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
	struct nbd_connection *c = new_connection(s, stream);

	if (!c) {
		stream_close(stream);
		return err_nomem(err);
	}
	if (nbd_negotiate(c))
		run_threads(c);
	free_connection(c);
	return 0;
}

/* Called with the lock held. */
static void shut_all(struct nbd_server *s, int how)
{
	for (struct nbd_connection *c = s->connections; c; c = c->next)
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
	deadline = clock_at(clock_ms() + STOP_SECONDS * 1000);
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
