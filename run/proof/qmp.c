/* QMP: qemu's control protocol, one JSON object a line. */
#include "run/proof/qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/base/file.h"

/* qemu answers within milliseconds; an emulated guest on a loaded host may keep its lock for seconds. */
enum { ANSWER_MS = 60000 };

/* Reads what is there, waiting until the deadline for the first byte. 1: something came; 0: nothing; -1. */
static int read_more(struct qmp *q, uint64_t deadline, struct err *err)
{
	struct pollfd p = {.fd = q->fd, .events = POLLIN};
	int64_t left = (int64_t)(deadline - clock_ms());
	char *to = buf_reserve(&q->in, 16384);
	ssize_t n;

	if (!to)
		return err_set(err, ERR_HOST, "qemu's answer is longer than %d bytes", QMP_LINE_MAX);
	do
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	n = recv(q->fd, to, 16384, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return err_sys(err, ERR_HOST, "cannot read qemu's answer");
	if (n == 0)
		return err_set(err, ERR_HOST, "qemu ended");
	buf_commit(&q->in, (size_t)n);
	return 1;
}

/* Takes the first whole line out of the buffer; *ret is NULL when there is none. */
static int take_line(struct qmp *q, struct json **ret, struct err *err)
{
	char *end = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
	size_t len;

	*ret = NULL;
	if (!end)
		return 0;
	len = (size_t)(end - q->in.data) + 1;
	*ret = js_parse(q->in.data, len, err);
	memmove(q->in.data, q->in.data + len, q->in.len - len + 1);
	q->in.len -= len;
	return *ret ? 0 : err_wrap(err, "qemu's answer");
}

/* What the guest reads is its disk's, and so the guest's own trouble. */
static void take_io_error(struct qmp *q, const struct json *data)
{
	if (q->write_error[0] || strcmp(js_get_str(data, "operation", ""), "write") != 0)
		return;
	snprintf(q->write_error, sizeof q->write_error, "%s", js_get_str(data, "reason", "no reason was given"));
	q->no_space = js_get_bool(data, "nospace", false);
}

/* True when the message was an event. */
static bool take_event(struct qmp *q, const struct json *message)
{
	const char *event = js_get_str(message, "event", NULL);

	if (!event)
		return false;
	if (!strcmp(event, "RESET"))
		q->resets++;
	else if (!strcmp(event, "SHUTDOWN"))
		q->shutdown = true;
	else if (!strcmp(event, "GUEST_PANICKED"))
		q->panicked = true;
	else if (!strcmp(event, "BLOCK_IO_ERROR"))
		take_io_error(q, js_get(message, "data"));
	return true;
}

/* The next message that is no event. With deadline 0 only what has come: *ret is then NULL when there is none. */
static int next_message(struct qmp *q, uint64_t deadline, struct json **ret, struct err *err)
{
	for (;;) {
		AUTO(js_freep) struct json *message = NULL;
		int n;

		if (take_line(q, &message, err) < 0)
			return -1;
		if (message && take_event(q, message))
			continue;
		*ret = take_ptr(&message);
		if (*ret)
			return 0;
		n = read_more(q, deadline, err);
		if (n < 0)
			return -1;
		if (n == 0 && clock_ms() >= deadline)
			return deadline ? err_set(err, ERR_HOST, "qemu did not answer in %d s", ANSWER_MS / 1000) : 0;
	}
}

int qmp_open(struct qmp *q, int fd, struct err *err)
{
	AUTO(js_freep) struct json *greeting = NULL;

	*q = (struct qmp){.fd = fd, .in = BUF_INIT(QMP_LINE_MAX)};
	if (next_message(q, clock_ms() + ANSWER_MS, &greeting, err) < 0)
		return -1;
	if (!js_get(greeting, "QMP"))
		return err_set(err, ERR_HOST, "qemu's first word is not QMP's greeting");
	return qmp_run(q, "qmp_capabilities", NULL, NULL, err);
}

int qmp_run(struct qmp *q, const char *command, struct json *arguments, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *request = js_object();
	AUTO(js_freep) struct json *answer = NULL;
	AUTO(buf_done) struct buf line = BUF_INIT(QMP_LINE_MAX);
	const struct json *error;

	if (ret)
		*ret = NULL;
	js_set_str(request, "execute", command);
	if (arguments)
		js_set(request, "arguments", arguments);
	if (js_print(request, false, &line) < 0 || buf_adds(&line, "\n") < 0)
		return err_nomem(err);
	if (file_send(q->fd, line.data, line.len, err) < 0)
		return err_wrap(err, "qemu");
	if (next_message(q, clock_ms() + ANSWER_MS, &answer, err) < 0)
		return err_wrap(err, "qemu command '%s'", command);
	error = js_get(answer, "error");
	if (error)
		return err_set(err, ERR_HOST, "qemu command '%s': %s", command, js_get_str(error, "desc", "failed"));
	if (ret)
		*ret = take_ptr(&answer);
	return 0;
}

int qmp_human(struct qmp *q, const char *command, struct buf *answer, struct err *err)
{
	AUTO(js_freep) struct json *ret = NULL;
	struct json *arguments = js_object();

	js_set_str(arguments, "command-line", command);
	if (qmp_run(q, "human-monitor-command", arguments, &ret, err) < 0)
		return -1;
	if (buf_adds(answer, js_get_str(ret, "return", "")) < 0)
		return err_set(err, ERR_HOST, "qemu's answer to '%s' is longer than %zu bytes", command, answer->max);
	return 0;
}

int qmp_poll(struct qmp *q, struct err *err)
{
	AUTO(js_freep) struct json *stray = NULL;

	return next_message(q, 0, &stray, err);
}

void qmp_done(struct qmp *q)
{
	buf_done(&q->in);
}
