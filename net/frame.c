/* Frames on the wire. */
#include "net/frame.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"

struct json *frame_new(const char *type)
{
	struct json *j = js_object();

	js_set_str(j, "type", type);
	return j;
}

const char *frame_type(const struct json *frame)
{
	return js_get_str(frame, "type", "");
}

int frame_send(struct stream *s, struct json *message, struct err *err)
{
	AUTO(js_freep) struct json *owned = message;
	AUTO(buf_done) struct buf text = BUF_INIT(FRAME_MAX);
	unsigned char head[4];

	if (js_print(owned, false, &text) < 0)
		return err_set(err, ERR_INTERNAL, "a message of type '%s' is over %d bytes", frame_type(owned),
			       FRAME_MAX);
	put_be32(head, (uint32_t)text.len);
	if (!stream_give(s, head, sizeof head, text.data, text.len))
		return err_set(err, ERR_TEMPFAIL, "the connection was lost");
	return 0;
}

int frame_parse(const char *text, size_t len, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *j = js_parse(text, len, err);

	if (!j)
		return err_wrap(err, "a frame of %zu bytes", len);
	if (!*frame_type(j))
		return err_set(err, ERR_CORRUPT, "a frame of %zu bytes has no type", len);
	*ret = take_ptr(&j);
	return 0;
}

static int receive(struct stream *s, uint32_t max, struct json **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	unsigned char head[4];
	uint32_t len;

	if (!stream_take(s, head, sizeof head))
		return err_set(err, ERR_TEMPFAIL, "the connection was lost");
	len = get_be32(head);
	if (len > max)
		return err_set(err, ERR_CORRUPT, "a frame of %" PRIu32 " bytes: %" PRIu32 " are the most", len, max);
	text = malloc(len + 1);
	if (!text)
		return err_nomem(err);
	if (!stream_take(s, text, len))
		return err_set(err, ERR_TEMPFAIL, "the connection was lost in a frame of %" PRIu32 " bytes", len);
	return frame_parse(text, len, ret, err);
}

int frame_receive(struct stream *s, uint32_t max, struct json **ret, struct err *err)
{
	int got;

	stream_deadline(s, FRAME_SECONDS);
	got = receive(s, max, ret, err);
	stream_deadline(s, 0);
	return got;
}
