/* Streams: whole messages over partial reads and writes, and the plain socket. */
#include "net/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "core/base/checked.h"
#include "core/base/clock.h"

static void set_timeout(const struct stream *s, int which, struct timeval t)
{
	setsockopt(s->fd, SOL_SOCKET, which, &t, sizeof t);
}

/* A socket's time-out begins anew with every byte that comes: before a deadline it becomes what is left. */
static bool has_time(const struct stream *s)
{
	int64_t left = (int64_t)(s->deadline - clock_ns()) / 1000; /* µs */

	if (left <= 0)
		return false;
	if (!s->patience || left < (int64_t)s->patience * 1000000)
		set_timeout(s, SO_RCVTIMEO, (struct timeval){.tv_sec = left / 1000000, .tv_usec = left % 1000000});
	return true;
}

ssize_t stream_recv(struct stream *s, void *buf, size_t len)
{
	if (!s->deadline || has_time(s))
		return recv(s->fd, buf, len, 0);
	errno = EAGAIN;
	return -1;
}

static ssize_t fd_take(struct stream *s, void *buf, size_t len)
{
	ssize_t n;

	do
		n = stream_recv(s, buf, len);
	while (n < 0 && errno == EINTR);
	s->late = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	return n;
}

static ssize_t fd_give(struct stream *s, const void *head, size_t head_len, const void *body, size_t body_len)
{
	struct iovec parts[2] = {{(void *)(uintptr_t)head, head_len}, {(void *)(uintptr_t)body, body_len}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	do
		n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

static void fd_close(struct stream *s)
{
	free(s);
}

static const struct stream_ops fd_ops = {.take = fd_take, .give = fd_give, .close = fd_close};

int stream_of_fd(int fd, struct stream **ret, struct err *err)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	s->ops = &fd_ops;
	s->fd = fd;
	*ret = s;
	return 0;
}

bool stream_take(struct stream *s, void *buf, size_t len)
{
	char *to = buf;

	while (len) {
		ssize_t n = s->ops->take(s, to, len);

		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

bool stream_give(struct stream *s, const void *head, size_t head_len, const void *body, size_t body_len)
{
	while (head_len + body_len) {
		ssize_t n = s->ops->give(s, head, head_len, body, body_len);
		size_t skip;

		if (n < 0)
			return false;
		skip = min_u64((uint64_t)n, head_len);
		head = (const char *)head + skip;
		head_len -= skip;
		skip = (size_t)n - skip;
		if (skip)
			body = (const char *)body + skip;
		body_len -= skip;
	}
	return true;
}

int stream_wait(struct stream *s, int ms)
{
	struct pollfd on = {s->fd, POLLIN, 0};

	if (s->ops->pending && s->ops->pending(s))
		return 1;
	return poll(&on, 1, ms) > 0;
}

void stream_shut(struct stream *s, int how)
{
	shutdown(s->fd, how);
}

void stream_patience(struct stream *s, unsigned seconds)
{
	const struct timeval t = {.tv_sec = seconds};

	s->patience = seconds;
	set_timeout(s, SO_RCVTIMEO, t);
	set_timeout(s, SO_SNDTIMEO, t);
}

void stream_deadline(struct stream *s, unsigned seconds)
{
	s->deadline = 0;
	set_timeout(s, SO_RCVTIMEO, (struct timeval){.tv_sec = s->patience});
	if (!seconds)
		return;
	s->deadline = clock_ns() + seconds * UINT64_C(1000000000);
}

bool stream_late(const struct stream *s)
{
	return s->late;
}

void stream_close(struct stream *s)
{
	int fd;

	if (!s)
		return;
	fd = s->fd;
	s->ops->close(s);
	close(fd);
}
