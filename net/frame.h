/* Frames: JSON objects with their length in front, over a stream (docs/p2v.md). */
#ifndef REHOST_NET_FRAME_H
#define REHOST_NET_FRAME_H

#include "core/base/json.h"
#include "net/stream.h"

enum {
	FRAME_MAX = 1 << 20, /* an inventory with all the disks and cards a machine may have is a tenth of it */
	FRAME_SHORT = 4096,  /* all others: the longest sentence in one is 500 bytes */
	FRAME_SECONDS = 30,  /* for all of a frame, from the call on */
};

/* message is taken. A peer that is gone is ERR_TEMPFAIL. */
int frame_send(struct stream *s, struct json *message, struct err *err);
/* One object with a "type", of at most max bytes. Nothing, half a frame or none in time: ERR_TEMPFAIL; anything else:
 * ERR_CORRUPT. The caller frees it. */
int frame_receive(struct stream *s, uint32_t max, struct json **ret, struct err *err);
/* The object in len bytes; as frame_receive(). */
int frame_parse(const char *text, size_t len, struct json **ret, struct err *err);

struct json *frame_new(const char *type);
/* "" when there is none. */
const char *frame_type(const struct json *frame);

#endif
