/* Our own NBD server over a disk in memory, and connections to it that can be broken. */
#ifndef REHOST_TESTS_NET_NBD_HOST_H
#define REHOST_TESTS_NET_NBD_HOST_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/nbd_block.h"
#include "net/nbd_client.h"
#include "net/nbd_server.h"
#include "tests/unit/support/mem_block.h"

enum { SIZE = 4 << 20 };

struct host {
	struct mem_block *disk;
	struct nbd_server *server;
	pthread_t threads[8];
	int far[8]; /* duplicates, to break the connection with */
	struct stream *streams[8];
	unsigned n;
};

struct serving {
	struct nbd_server *server;
	struct stream *stream;
};

static inline void *serve(void *opaque)
{
	struct serving *s = opaque;

	nbd_server_serve(s->server, s->stream, NULL);
	free(s);
	return NULL;
}

static inline int host_setup(void **state)
{
	struct host *h = calloc(1, sizeof *h);
	struct nbd_server_options o = {.listen_fd = -1, .readonly = true, .remote = true, .threads = 1};

	h->disk = mem_new(SIZE);
	mem_fill(h->disk, MIB, MIB, 17);
	memset(h->disk->data + MIB + 256 * KIB, 0, 128 * KIB); /* zeros that the map doesn't know */
	o.block = &h->disk->b;
	*state = h;
	return nbd_server_start(&o, &h->server, NULL);
}

static inline int host_teardown(void **state)
{
	struct host *h = *state;

	for (unsigned i = 0; i < h->n; i++) {
		pthread_join(h->threads[i], NULL);
		close(h->far[i]);
	}
	nbd_server_stop(h->server);
	block_close(&h->disk->b);
	free(h);
	return 0;
}

static inline struct nbd_client *connect_to(struct host *h)
{
	struct serving *s = calloc(1, sizeof *s);
	struct nbd_client *c;
	struct stream *near;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &near, NULL), 0);
	assert_int_equal(stream_of_fd(fds[1], &s->stream, NULL), 0);
	s->server = h->server;
	h->far[h->n] = dup(fds[1]);
	assert_int_equal(pthread_create(&h->threads[h->n++], NULL, serve, s), 0);
	assert_int_equal(nbd_client_open(near, &c, NULL), 0);
	return c;
}

#define WITH_HOST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)

#endif
