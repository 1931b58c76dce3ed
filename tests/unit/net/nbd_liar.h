/* An NBD server that negotiates as it should and then answers with a script. */
#ifndef REHOST_TESTS_NET_NBD_LIAR_H
#define REHOST_TESTS_NET_NBD_LIAR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/hash.h"
#include "net/nbd_client.h"
#include "net/nbd_protocol.h"

enum { LIE_SIZE = 1 << 20, LIE_LEN = 8192 };

struct script {
	const void *bytes;
	size_t len;
	int fd;
	bool silent; /* no answer, and no end either */
	_Atomic bool asked;
};

static inline void take_all(int fd, size_t len)
{
	char sink[4096];

	while (len) {
		ssize_t n = recv(fd, sink, min_u64(len, sizeof sink), 0);

		if (n <= 0)
			return;
		len -= (size_t)n;
	}
}

static inline void reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	unsigned char head[20];

	put_be64(head, NBD_OPT_REPLY_MAGIC);
	put_be32(head + 8, option);
	put_be32(head + 12, type);
	put_be32(head + 16, len);
	send(fd, head, sizeof head, MSG_NOSIGNAL);
	send(fd, data, len, MSG_NOSIGNAL);
}

/* Negotiates as it should be, then answers the one request with the script's bytes. */
static inline void *lie(void *opaque)
{
	struct script *s = opaque;
	unsigned char export[12] = {0};

	send(s->fd, "NBDMAGICIHAVEOPT\0\3", 18, MSG_NOSIGNAL);
	take_all(s->fd, 4 + 16);
	reply(s->fd, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 16 + 8 + 4 + 15 + 4 + 13 + 4 + 15 + 4 + 13);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\1base:allocation", 19);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\2x-rehost:xxh3", 17);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT, "\0\0\0\3x-rehost:zstd", 17);
	reply(s->fd, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 16 + 6);
	put_be16(export, NBD_INFO_EXPORT);
	put_be64(export + 2, LIE_SIZE);
	reply(s->fd, NBD_OPT_GO, NBD_REP_INFO, export, sizeof export);
	reply(s->fd, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
	take_all(s->fd, 28);
	s->asked = true;
	if (s->silent) {
		take_all(s->fd, SIZE_MAX);
		return NULL;
	}
	send(s->fd, s->bytes, s->len, MSG_NOSIGNAL);
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* A client of such a server, which runs in *thread and has s until that ends; s->fd is the server's end. */
static inline struct nbd_client *lied_to(struct script *s, pthread_t *thread)
{
	struct nbd_client *c;
	struct stream *near;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(stream_of_fd(fds[0], &near, NULL), 0);
	s->fd = fds[1];
	assert_int_equal(pthread_create(thread, NULL, lie, s), 0);
	assert_int_equal(nbd_client_open(near, &c, NULL), 0);
	return c;
}

/* A chunk of the reply to request 1 behind what is there. */
static inline void add_chunk(struct buf *b, uint16_t flags, uint16_t type, uint32_t len, const void *front,
			     size_t front_len, size_t body)
{
	unsigned char head[20];

	put_be32(head, NBD_STRUCTURED_REPLY_MAGIC);
	put_be16(head + 4, flags);
	put_be16(head + 6, type);
	put_be64(head + 8, 1);
	put_be32(head + 16, len);
	buf_add(b, head, sizeof head);
	buf_add(b, front, front_len);
	memset(buf_reserve(b, body), 'x', body);
	buf_commit(b, body);
}

static inline void put_data(struct buf *b, uint64_t off, uint32_t len, bool honest)
{
	unsigned char front[20];
	char body[LIE_LEN];

	memset(body, 'x', sizeof body);
	put_be64(front, off);
	add_chunk(b, 0, NBD_REPLY_TYPE_OFFSET_DATA, 8 + len, front, 8, len);
	put_be32(front + 8, len);
	put_be64(front + 12, hash_xxh3(body, len) + !honest);
	add_chunk(b, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_REHOST_HASH, 20, front, 20, 0);
}

#endif
