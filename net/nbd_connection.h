/* The inside of the NBD server: a connection, and the two halves of its life. nbd_negotiate.c, nbd_transmit.c and, for
 * threads and sockets, nbd_server.c. */
#ifndef REHOST_NET_NBD_CONNECTION_H
#define REHOST_NET_NBD_CONNECTION_H

#include <pthread.h>
#include <stdbool.h>

#include "net/nbd_protocol.h"
#include "net/nbd_server.h"
#include "net/stream.h"

/* Metadata contexts; their numbers on the wire are their places here, from 1 on. */
enum { NBD_ALLOCATION_ID = 1, NBD_CONTEXTS = 4 };

struct nbd_connection {
	struct nbd_connection *next;
	struct nbd_server *server;
	const struct nbd_server_options *options; /* of the server */
	pthread_t thread;
	struct stream *stream;
	bool finished; /* under the server's lock: only to be joined */
	/* negotiated */
	bool no_zeroes, structured, allocation, hashes, packed, ledger;
	/* transmission: one thread at a time reads a whole request, one writes a whole reply */
	pthread_mutex_t reading, writing;
	bool over; /* under reading: no more requests */
};

/* Newstyle negotiation; false: the connection is over, by the client's wish or its fault. */
bool nbd_negotiate(struct nbd_connection *c);

/* Serves requests until the connection ends. Of several threads at once; opaque is the connection, NULL returned. */
void *nbd_transmit(void *opaque);

#endif
