/* A read-write or read-only NBD server for any block on a Unix socket (newstyle fixed handshake, NBD protocol
 * document).
 *
 * Serves several connections at once (multi-conn: a block's flush covers all writes that returned), structured replies,
 * block status "base:allocation", TRIM and WRITE_ZEROES of any length in the block's own time (no per-block loop here).
 */
#ifndef REHOST_NET_NBD_SERVER_H
#define REHOST_NET_NBD_SERVER_H

#include <stdbool.h>

#include "formats/block.h"

struct nbd_server;

struct nbd_server_options {
	int listen_fd;	     /* a listening Unix socket, owned by the server from here on; -1: none */
	struct block *block; /* borrowed */
	/* NULL: TRIM is refused. Discarded blocks need not read as zeros. */
	int (*trim)(struct block *b, uint64_t off, uint64_t len, struct err *err);
	/* NULL, or told of every request that the block itself failed (from any thread): the client only sees an errno,
	 * and the guest behind it less. */
	void (*failed)(const struct err *err, void *opaque);
	void *opaque;
	bool readonly;
	bool remote; /* over a network: zeros are searched in what was read, and go as holes; checksums on request */
	unsigned threads; /* per connection; 0: 4 */
};

int nbd_server_start(const struct nbd_server_options *options, struct nbd_server **ret, struct err *err);
/* Serves one client in the caller's thread until it leaves; takes the stream, and closes it. Not to be running when the
 * server is stopped. */
struct stream;
int nbd_server_serve(struct nbd_server *s, struct stream *stream, struct err *err);
/* Closes the listener and all connections after their running requests, joins the threads, frees. NULL is fine. */
void nbd_server_stop(struct nbd_server *s);

#endif
