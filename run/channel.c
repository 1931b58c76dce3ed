/* JSON lines over a socket. */
#include "run/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/file.h"

void channel_init(struct channel *c, int fd)
{
	*c = (struct channel){.fd = fd, .in = BUF_INIT(CHANNEL_LINE_MAX)};
	pthread_mutex_init(&c->sending, NULL);
}

void channel_done(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_done(&c->in);
	pthread_mutex_destroy(&c->sending);
}

int channel_send(struct channel *c, struct json *message, struct err *err)
{
	AUTO(js_freep) struct json *owned = message;
	AUTO(buf_done) struct buf line = BUF_INIT(CHANNEL_LINE_MAX);
	int ret;

	if (js_print(owned, false, &line) < 0 || buf_adds(&line, "\n") < 0)
		return err_set(err, ERR_INTERNAL, "a message is over %d bytes", CHANNEL_LINE_MAX);
	pthread_mutex_lock(&c->sending);
	ret = file_send(c->fd, line.data, line.len, err);
	pthread_mutex_unlock(&c->sending);
	return ret < 0 ? err_wrap(err, "message") : 0;
}

/* Takes the first line out of the buffer; NULL when there is none yet. */
static int take_line(struct channel *c, struct json **ret, struct err *err)
{
	const char *newline = c->in.len > c->seen ? memchr(c->in.data + c->seen, '\n', c->in.len - c->seen) : NULL;
	size_t len;

	if (!newline) {
		c->seen = c->in.len;
		return 0;
	}
	len = (size_t)(newline - c->in.data);
	*ret = js_parse(c->in.data, len, err);
	c->in.len -= len + 1;
	memmove(c->in.data, newline + 1, c->in.len);
	c->seen = 0;
	return *ret ? 1 : err_wrap(err, "message");
}

int channel_receive(struct channel *c, struct json **ret, struct err *err)
{
	for (;;) {
		int got = take_line(c, ret, err);
		char *room;
		ssize_t n;

		if (got)
			return got;
		room = buf_reserve(&c->in, 65536);
		if (!room)
			return err_set(err, ERR_INTERNAL, "a message is over %d bytes", CHANNEL_LINE_MAX);
		n = recv(c->fd, room, 65536, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			return err_sys(err, ERR_INTERNAL, "cannot receive a message");
		if (n <= 0)
			return 0;
		buf_commit(&c->in, (size_t)n);
	}
}
