/* A disk behind NBD connections, as a block: reads go over whichever connection is free.
 *
 * A connection that is lost, or whose server breaks the protocol, is dropped, and its request done again on another
 * one: on one that is added, too, for as long as the block's patience lasts. Five that answer a request wrongly or not
 * in time are enough: it fails with ERR_CORRUPT (and sys EBADMSG) or ERR_UNREADABLE.
 */
#ifndef REHOST_NET_NBD_BLOCK_H
#define REHOST_NET_NBD_BLOCK_H

#include <stdint.h>

#include "formats/block.h"
#include "net/nbd_client.h"

enum { NBD_BLOCK_LANES_MAX = 16 };

struct throttle;

struct nbd_block_options {
	const char *name;	   /* for messages; copied */
	uint64_t size;		   /* bytes; a connection whose export has another size is refused */
	uint32_t logical_sector;   /* 0: 512 */
	uint32_t physical_sector;  /* 0: as the logical one */
	unsigned patience_seconds; /* without any connection, then reads fail with ERR_TEMPFAIL; 0: at once */
	struct throttle *throttle; /* for the data that come; held; NULL: none */
	bool may_pack;		   /* data are packed on the wire where that is faster */
};

struct nbd_block_stats {
	uint64_t read;	/* bytes of data that came, unpacked */
	uint64_t saved; /* of them, by packing */
	unsigned lanes;
	unsigned lost; /* connections, since it was opened */
};

/* Has no connection yet. */
int nbd_block_new(const struct nbd_block_options *options, struct block **ret, struct err *err);
/* Takes the connection, on failure too: ERR_CORRUPT when its export has another size, ERR_TEMPFAIL when there are
 * NBD_BLOCK_LANES_MAX. Any thread. */
int nbd_block_add(struct block *b, struct nbd_client *c, struct err *err);
/* As nbd_block_add(); the connection that had the number before ends, as who dials it anew has lost it: its request
 * goes on over another one at once, even when the network hasn't told us. number: below UINT_MAX. */
int nbd_block_renew(struct block *b, unsigned number, struct nbd_client *c, struct err *err);
/* Connections that are in use or idle end; requests wait for new ones. Any thread. */
void nbd_block_drop_lanes(struct block *b);
/* From now on nothing waits: requests fail. Any thread; before block_close(). */
void nbd_block_give_up(struct block *b);
void nbd_block_stats(struct block *b, struct nbd_block_stats *ret);

#endif
