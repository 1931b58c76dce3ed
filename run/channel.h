/* A socket that carries one JSON object a line: what `rehost` and `rehost io` say to each other (docs/journal.md). */
#ifndef REHOST_RUN_CHANNEL_H
#define REHOST_RUN_CHANNEL_H

#include <pthread.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

enum { CHANNEL_LINE_MAX = 8 << 20 /* a message names each disk once, or holds one error */ };

struct channel {
	int fd; /* owned */
	struct buf in;
	size_t seen;		 /* bytes of in without a newline */
	pthread_mutex_t sending; /* any thread may send */
};

void channel_init(struct channel *c, int fd);
void channel_done(struct channel *c);

/* message is taken. */
int channel_send(struct channel *c, struct json *message, struct err *err);
/* 1 and a message, 0 when the other side is gone, -1 on error. */
int channel_receive(struct channel *c, struct json **ret, struct err *err);

#endif
