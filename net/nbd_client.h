/* The client's side of one NBD connection: negotiation, reads, block status; one request at a time. */
#ifndef REHOST_NET_NBD_CLIENT_H
#define REHOST_NET_NBD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "formats/block.h"
#include "net/stream.h"

struct nbd_client;

enum {
	NBD_CLIENT_READ_MAX = 2 << 20, /* bytes of one read */
	NBD_CLIENT_EXTENTS_MAX = 1024, /* of one block status: more in a reply are left out */
};

/* Errors of all calls: ERR_TEMPFAIL when the connection is lost, ERR_CORRUPT when the server breaks the protocol or a
 * checksum is wrong: either way the connection is of no more use. ERR_UNREADABLE: the server couldn't read; the next
 * request may go well. */

/* Negotiates the export with the empty name: structured replies, extents, checksums where they are offered. Takes s, on
 * failure too. */
int nbd_client_open(struct stream *s, struct nbd_client **ret, struct err *err);

uint64_t nbd_client_size(const struct nbd_client *c);
/* The server says that further connections see the same disk. One that doesn't may not even answer them. */
bool nbd_client_several(const struct nbd_client *c);

/* Whether the server may send the data of reads packed from now on; it does when it can and it is worth it. */
void nbd_client_pack(struct nbd_client *c, bool on);
/* Bytes that it saved in the last read. */
size_t nbd_client_saved(const struct nbd_client *c);

/* 0 < len ≤ NBD_CLIENT_READ_MAX, inside the export. *ret_sent is how many bytes of data came for it, unpacked. */
int nbd_client_read(struct nbd_client *c, void *buf, size_t len, uint64_t off, size_t *ret_sent, struct err *err);

/* Extents from off on, at most `len` bytes of them, into ret, which has room for NBD_CLIENT_EXTENTS_MAX; all data where
 * the server doesn't say. */
int nbd_client_extents(struct nbd_client *c, uint64_t off, uint64_t len, struct extent *ret, size_t *ret_n,
		       struct err *err);

/* What the machine behind the server has of the blocks that n entries name; ERR_UNSUPPORTED: there is none. Their
 * chunks are the export's. */
int nbd_client_sums(struct nbd_client *c, struct ledger_entry *e, size_t n, bool anew, struct err *err);

/* For stream_shut() from another thread. */
struct stream *nbd_client_stream(const struct nbd_client *c);
/* Closes a connection that is of no more use; never waits. NULL is fine. */
void nbd_client_drop(struct nbd_client *c);
/* Says goodbye and closes; NULL is fine. */
void nbd_client_close(struct nbd_client *c);
DEFINE_CLEANUP(struct nbd_client *, nbd_client_close)

#endif
