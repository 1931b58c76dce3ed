/* A connected stream of bytes: a socket, or a TLS session over one. */
#ifndef REHOST_NET_STREAM_H
#define REHOST_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

struct stream;

struct stream_ops {
	/* Some bytes, at least one; 0 at the end, -1 on error. One thread at a time takes, one gives. */
	ssize_t (*take)(struct stream *s, void *buf, size_t len);
	/* Some bytes of head and then body; -1 on error. */
	ssize_t (*give)(struct stream *s, const void *head, size_t head_len, const void *body, size_t body_len);
	/* Bytes that a take gets without the socket. NULL: none. */
	size_t (*pending)(struct stream *s);
	void (*close)(struct stream *s); /* frees s, not its descriptor */
};

struct stream {
	const struct stream_ops *ops;
	int fd;	   /* owned */
	bool late; /* a take ended because the patience did */
	unsigned patience;
	uint64_t deadline; /* as clock_ns(); 0: none */
};

/* For the streams themselves: recv(2) within the patience and the deadline; EAGAIN when one of them ends. */
ssize_t stream_recv(struct stream *s, void *buf, size_t len);

/* A socket as it is; takes fd on success. */
int stream_of_fd(int fd, struct stream **ret, struct err *err);

/* True when all came; false at the end of the stream, on an error, and when the socket's receive timeout has passed. */
bool stream_take(struct stream *s, void *buf, size_t len);
/* Sends head and body as one; false when the peer is gone. */
bool stream_give(struct stream *s, const void *head, size_t head_len, const void *body, size_t body_len);
/* Waits for something to take, or the end: 1, or 0 after ms milliseconds. */
int stream_wait(struct stream *s, int ms);
/* As shutdown(2), from any thread: ends what others wait for. */
void stream_shut(struct stream *s, int how);
/* How long a take may wait for its next byte, and a give for room; 0: for ever. */
void stream_patience(struct stream *s, unsigned seconds);
/* Until when all takes together have time, in seconds from now, however often something comes; 0: as long as the
 * patience. */
void stream_deadline(struct stream *s, unsigned seconds);
/* Whether a take has failed because nothing came in time, and not because the connection is lost. */
bool stream_late(const struct stream *s);
void stream_close(struct stream *s); /* NULL is fine */
DEFINE_CLEANUP(struct stream *, stream_close)

#endif
